//! What a webhook says: JSON, its fields in a fixed order.

use serde::Serialize;

use super::{run::Run, signal::Signal, workflow::Moment};
use crate::{
    decision::{Band, Reason, Score},
    ids::CtaId,
};

#[derive(Serialize)]
struct Body<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    timestamp: String,
    data: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    workspace: &'a str,
    account: &'a str,
    playbook: &'a str,
    run: String,
    step: &'a str,
    trigger: Trigger<'a>,
    reasons: &'a [Reason],
    health: Option<Health>,
    cta: Option<String>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Trigger<'a> {
    Segment { segment: &'a str, episode: String },
    Band { band: FromTo },
    Event { event: &'a str },
}

#[derive(Serialize)]
struct FromTo {
    from: Option<Band>,
    to: Option<Band>,
}

#[derive(Serialize)]
struct Health {
    score: u8,
    band: Band,
}

/// The notification of one step of a run.
pub(super) fn body(
    at: &Moment<'_>,
    run: &Run,
    step: &str,
    health: Option<Score>,
    cta: Option<CtaId>,
) -> String {
    let body = Body {
        kind: "playbook.notification",
        timestamp: at.instant.to_string(),
        data: Data {
            workspace: at.workspace,
            account: at.account,
            playbook: &run.playbook,
            run: uuid(run.id.0),
            step,
            trigger: trigger(&run.signal),
            reasons: &run.reasons,
            health: health.map(|score| Health { score: score.points, band: score.band }),
            cta: cta.map(|cta| uuid(cta.0)),
        },
    };
    serde_json::to_string(&body).unwrap_or_default()
}

fn trigger(signal: &Signal) -> Trigger<'_> {
    match signal {
        Signal::Entered { segment, episode } | Signal::Left { segment, episode } => {
            Trigger::Segment { segment, episode: uuid(episode.0) }
        }
        Signal::BandChanged { from, to, .. } => Trigger::Band { band: FromTo { from: *from, to: *to } },
        Signal::Happened { event, .. } => Trigger::Event { event },
    }
}

fn uuid(id: u128) -> String {
    uuid::Uuid::from_u128(id).to_string()
}
