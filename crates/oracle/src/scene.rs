//! A step as the playbooks' desk sees it: what happened there that a playbook may wait for, and how it is told.

use serde_json::{Value as Json, json};

use crate::{
    catalogue::{Playbook, Trigger},
    identity::{derived, uuid},
    story::{HealthChange, MembershipChange, Reason, When},
    view::View,
    walk::Step,
    workflow::Run,
};

/// A step as the desk sees it, with what the services above said at it.
pub(crate) struct Scene<'a> {
    pub(crate) workspace: &'a str,
    pub(crate) account: &'a str,
    pub(crate) when: When,
    pub(crate) appended_at: i64,
    pub(crate) step: &'a Step,
    pub(crate) view: &'a View<'a>,
    pub(crate) version: u64,
    pub(crate) health: &'a [HealthChange],
    pub(crate) memberships: &'a [MembershipChange],
    /// All that was ever said of health above.
    pub(crate) all_health: &'a [HealthChange],
}

/// Something that playbooks may wait for.
#[derive(Debug, Clone)]
pub(crate) struct News {
    pub(crate) trigger: u128,
    pub(crate) reasons: Vec<Reason>,
    pub(crate) kind: Kind,
}

#[derive(Debug, Clone)]
pub(crate) enum Kind {
    Happened(String),
    Entered(String),
    Left(String),
    Band(Option<&'static str>, Option<&'static str>),
}

impl Scene<'_> {
    /// The playbook of a waiting run and the place of the step it waits at, while both are defined.
    pub(crate) fn place(&self, run: &Run) -> Option<(&Playbook, usize)> {
        let playbook = self.view.catalogue.playbooks.get(&run.playbook)?;
        Some((playbook, playbook.steps.iter().position(|(step, _)| *step == run.step)?))
    }

    pub(crate) fn id(&self, kind: &str, playbook: &str, trigger: u128, step: Option<&str>) -> u128 {
        let trigger = trigger.to_be_bytes();
        let mut parts: Vec<&[u8]> = vec![
            kind.as_bytes(),
            self.workspace.as_bytes(),
            playbook.as_bytes(),
            self.account.as_bytes(),
            &trigger,
        ];
        parts.extend(step.map(str::as_bytes));
        derived(&parts)
    }

    /// What was said above that may start playbooks: bands first, then segments.
    pub(crate) fn news(&self) -> Vec<News> {
        let counts = |initial: bool, by_catalogue: bool| match self.step {
            Step::Catalogue { fire_playbooks } => *fire_playbooks,
            _ => !initial && !by_catalogue,
        };
        let bands = self
            .health
            .iter()
            .filter(|h| counts(h.initial, h.by_catalogue) && h.band != h.band_before)
            .map(|h| self.of_band(h));
        let segments = self.memberships.iter().filter(|m| counts(m.initial, m.by_catalogue)).map(|m| {
            let segment = m.segment.clone();
            let kind = if m.member { Kind::Entered(segment) } else { Kind::Left(segment) };
            News { trigger: m.episode, reasons: m.reasons.clone(), kind }
        });
        bands.chain(segments).collect()
    }

    fn of_band(&self, change: &HealthChange) -> News {
        let trigger = match (self.step, self.when.fact) {
            (Step::Catalogue { .. }, _) => derived(&[b"catalogue", &self.version.to_be_bytes()]),
            (_, Some(fact)) => fact,
            (_, None) => derived(&[b"timer", &self.when.at.to_be_bytes()]),
        };
        let (from, to) = (change.band_before.map(|band| band.name()), change.band.map(|band| band.name()));
        let mut reasons = vec![match to {
            Some(band) => holds(format!("health band is {band}"), band),
            None => holds("health band is missing".into(), ""),
        }];
        reasons.extend(change.drivers.iter().map(|driver| {
            let (sign, points) = (if driver.points < 0 { '-' } else { '+' }, driver.points.abs());
            let moved = format!("{sign}{}.{:03}", points / 1000, points % 1000);
            holds(format!("{} moved the score by {moved}", driver.source), &driver.value)
        }));
        News { trigger, reasons, kind: Kind::Band(from, to) }
    }
}

impl News {
    pub(crate) fn json(&self) -> Json {
        match &self.kind {
            Kind::Happened(event) => json!({"event": event}),
            Kind::Entered(segment) | Kind::Left(segment) => {
                json!({"segment": segment, "episode": uuid(self.trigger)})
            }
            Kind::Band(from, to) => json!({"band": {"from": from, "to": to}}),
        }
    }

    pub(crate) fn pulls(&self, trigger: &Trigger) -> bool {
        let came_from = |wanted: &Option<String>, was: Option<&str>| match wanted.as_deref() {
            None => was.is_some(),
            Some("none") => was.is_none(),
            Some(band) => was == Some(band),
        };
        let is = |wanted: &Option<String>, is: Option<&str>| wanted.is_none() || wanted.as_deref() == is;
        match (trigger, &self.kind) {
            (Trigger::Enters(wanted), Kind::Entered(segment)) => wanted == segment,
            (Trigger::Leaves(wanted), Kind::Left(segment)) => wanted == segment,
            (Trigger::Band { from, to }, Kind::Band(was, now)) => came_from(from, *was) && is(to, *now),
            _ => false,
        }
    }
}

impl Reason {
    pub(crate) fn json(&self) -> Json {
        json!({"comparison": self.comparison, "value": self.value, "holds": self.holds})
    }
}

pub(crate) fn holds(comparison: String, value: &str) -> Reason {
    Reason { comparison, value: value.into(), holds: true }
}
