//! What is under way over one account, as older builds stored it.

use serde::Deserialize;

use super::{
    memory::Answers,
    run::{Run, Standing},
    signal::Signal,
    workflow::Workflow,
};
use crate::{
    cta::{self, Cta, Ctas, Origin},
    decision::{CtaType, Reason, Score},
    ids::{CtaId, RunId},
    notification::{Delivery, FirstDelivery},
    time::{Day, Instant},
};

/// In the first format.
pub(super) type First = Old<FirstDelivery>;
/// In the second.
pub(super) type Second = Old<Delivery>;

#[derive(Deserialize)]
pub(super) struct Old<D> {
    health: Option<Score>,
    runs: Vec<OldRun>,
    ctas: OldCtas,
    deliveries: Vec<D>,
    answers: Answers,
}

#[derive(Deserialize)]
struct OldRun {
    id: RunId,
    playbook: String,
    signal: Signal,
    reasons: Vec<Reason>,
    standing: Standing,
}

#[derive(Deserialize)]
struct OldCtas {
    open: Vec<OldCta>,
    closed: Vec<CtaId>,
}

#[derive(Deserialize)]
struct OldCta {
    id: CtaId,
    kind: CtaType,
    standing: cta::Standing,
    title: String,
    priority: u32,
    owner: String,
    due: Option<Day>,
    reasons: Vec<Reason>,
    origin: Origin,
}

impl<D: Into<Delivery>> From<Old<D>> for Workflow {
    fn from(it: Old<D>) -> Self {
        let open = it.ctas.open.into_iter().map(Cta::from).collect();
        Self {
            health: it.health,
            runs: it.runs.into_iter().map(Run::from).collect(),
            ctas: Ctas::restored(open, it.ctas.closed),
            deliveries: it.deliveries.into_iter().map(Into::into).collect(),
            answers: it.answers,
            ..Self::default()
        }
    }
}

impl From<OldRun> for Run {
    /// Nobody knows when it started: it is never out of time.
    fn from(it: OldRun) -> Self {
        let OldRun { id, playbook, signal, reasons, standing } = it;
        Self { id, playbook, signal, reasons, standing, started_at: Instant::MAX }
    }
}

impl From<OldCta> for Cta {
    fn from(it: OldCta) -> Self {
        let OldCta { id, kind, standing, title, priority, owner, due, reasons, origin } = it;
        let (tasks, touched, joined) = (Vec::new(), false, Vec::new());
        Self { id, kind, standing, title, priority, owner, due, reasons, origin, tasks, touched, joined }
    }
}
