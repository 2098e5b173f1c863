//! What every reader of decisions does, written down once more.

use std::collections::BTreeMap;

use engine::planted::Bug;
use eventlog::{
    Stored,
    proto::{Cause, Header, Service, control},
};
use prost::Message;

use super::{
    toy::{SERVICES, Toy},
    truth::Decisions,
};

/// What a projection is idempotent by: the account, and the decision's cause. Not its own offset: behind a gap it may
/// stand in the log twice, and a reader that starts between takes the earlier one.
pub(super) type Place = (String, (u64, u32));

/// Whether two lists of decisions are the same; else the first difference.
pub(super) fn same(what: &str, truth: &Decisions, taken: &Decisions) -> Result<(), String> {
    for key in truth.keys().chain(taken.keys()) {
        let (want, got) = (truth.get(key), taken.get(key));
        if want != got {
            let (want, got) = (want.map_or(&[][..], Vec::as_slice), got.map_or(&[][..], Vec::as_slice));
            let at = want.iter().zip(got).position(|(a, b)| a != b).unwrap_or(want.len().min(got.len()));
            let (wanted, had) = (want.get(at), got.get(at));
            return Err(format!("{what} of {key:?}: at {at} {had:?}, not {wanted:?}"));
        }
    }
    Ok(())
}

/// A reader of the account log: the first decision that follows the last one taken, and none that is passed.
pub(super) struct Reader {
    obeys_passed: bool,
    /// The planted bug: any later decision is taken.
    leaps: bool,
    last: BTreeMap<(usize, String), (u64, u32)>,
    passed: [Option<u64>; 3],
    pub(super) taken: Decisions,
    /// By service, account and cause.
    pub(super) said: [BTreeMap<Place, Toy>; 3],
}

impl Reader {
    pub(super) fn new(obeys_passed: bool, bug: Option<Bug>) -> Self {
        let (last, taken) = (BTreeMap::new(), Decisions::new());
        Self {
            obeys_passed,
            leaps: bug == Some(Bug::LinkNotChecked),
            last,
            passed: [None; 3],
            taken,
            said: Default::default(),
        }
    }

    /// Takes a record; whether it is a fact.
    pub(super) fn take(&mut self, record: &Stored, header: &Header, control: Option<&control::Kind>) -> bool {
        if let Some(control::Kind::Passed(passed)) = control {
            if let Some(service) = SERVICES.iter().position(|service| *service == passed.service()) {
                self.passed[service] = self.passed[service].max(Some(passed.offset));
            }
            return false;
        }
        let (Some(cause), true) = (&header.cause, header.service() != Service::Ingest) else { return true };
        let Some(service) = SERVICES.iter().position(|service| *service == header.service()) else {
            return false;
        };
        let key = (service, format!("{}/{}", header.workspace, header.account));
        let before = header.before.as_ref().map(Cause::order);
        let is_late = self.obeys_passed && Some(cause.offset) <= self.passed[service];
        let last = self.last.get(&key).copied();
        let follows = if self.leaps { Some(cause.order()) > last } else { before == last };
        if !follows || is_late {
            return false;
        }
        self.last.insert(key.clone(), cause.order());
        let toy = match control {
            Some(_) => None,
            None => Toy::decode(record.value.clone()).ok(),
        };
        if let Some(toy) = &toy {
            self.said[service].insert((key.1.clone(), cause.order()), toy.clone());
        }
        self.taken.entry(key).or_default().push((cause.offset, toy));
        false
    }
}
