//! What starts playbooks: something that happened at a step.

use serde::{Deserialize, Serialize};

use super::workflow::{Moment, Occasion};
use crate::{
    catalogue::playbooks::Trigger,
    condition::Filter,
    decision::{Band, Decision, Driver, HealthChanged, MembershipChanged, Reason},
    fact::Usage,
    ids::{EpisodeId, FactId, derived},
};

/// Something that happened to an account, as a run remembers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Signal {
    Entered {
        segment: String,
        episode: EpisodeId,
    },
    Left {
        segment: String,
        episode: EpisodeId,
    },
    /// `None`: no score.
    BandChanged {
        id: u128,
        from: Option<Band>,
        to: Option<Band>,
    },
    Happened {
        event: String,
        fact: FactId,
    },
}

impl Signal {
    /// The identity that a run's is derived from: an episode, a fact, or what stands for a timer's step.
    pub fn id(&self) -> u128 {
        match self {
            Self::Entered { episode, .. } | Self::Left { episode, .. } => episode.0,
            Self::BandChanged { id, .. } => *id,
            Self::Happened { fact, .. } => fact.0,
        }
    }

    pub fn episode(&self) -> Option<EpisodeId> {
        match self {
            Self::Entered { episode, .. } | Self::Left { episode, .. } => Some(*episode),
            Self::BandChanged { .. } | Self::Happened { .. } => None,
        }
    }

    /// Whether it is what a trigger waits for. An event's filters are asked by `of_usage`.
    pub(super) fn pulls(&self, trigger: &Trigger) -> bool {
        match (trigger, self) {
            (Trigger::Enters { segment }, Self::Entered { segment: entered, .. }) => segment == entered,
            (Trigger::Leaves { segment }, Self::Left { segment: left, .. }) => segment == left,
            (Trigger::Band { from, to }, Self::BandChanged { from: was, to: is, .. }) => {
                from.holds(*was) && (to.is_none() || to == is)
            }
            _ => false,
        }
    }

    /// What a decision from above means to playbooks, and why.
    pub(super) fn of_decision(at: &Moment<'_>, occasion: &Occasion<'_>, above: &Decision) -> Option<Self> {
        match above {
            Decision::Membership(m) if fires(occasion, m.initial, m.by_catalogue) => {
                Some(Self::of_membership(m))
            }
            Decision::Health(h) if fires(occasion, h.initial, h.by_catalogue) => {
                Self::of_health(at, occasion, h)
            }
            _ => None,
        }
    }

    /// An event that a trigger waits for.
    pub(super) fn of_usage(trigger: &Trigger, usage: &Usage, fact: FactId) -> Option<Self> {
        match trigger {
            Trigger::Event { events, filters }
                if events.takes(&usage.event) && filters.iter().all(|filter| holds_of(usage, filter)) =>
            {
                Some(Self::Happened { event: usage.event.clone(), fact })
            }
            _ => None,
        }
    }

    fn of_membership(m: &MembershipChanged) -> Self {
        let (segment, episode) = (m.segment.clone(), m.episode);
        if m.member { Self::Entered { segment, episode } } else { Self::Left { segment, episode } }
    }

    fn of_health(at: &Moment<'_>, occasion: &Occasion<'_>, h: &HealthChanged) -> Option<Self> {
        let (from, to) = (h.before.map(|s| s.band), h.score.map(|s| s.band));
        (from != to).then(|| Self::BandChanged { id: step_id(at, occasion), from, to })
    }
}

fn holds_of(usage: &Usage, filter: &Filter) -> bool {
    filter.comparison.holds(usage.property(&filter.property)) == Some(true)
}

/// What is true from the start, or because of new definitions, is no news; unless a version is to make it so.
fn fires(occasion: &Occasion<'_>, initial: bool, by_catalogue: bool) -> bool {
    match occasion {
        Occasion::Catalogue { fire_playbooks } => *fire_playbooks,
        _ => !initial && !by_catalogue,
    }
}

fn step_id(at: &Moment<'_>, occasion: &Occasion<'_>) -> u128 {
    match (at.fact, occasion) {
        (Some(fact), _) => fact.0,
        (None, Occasion::Catalogue { .. }) => derived(&[b"catalogue", &at.catalogue_version.to_be_bytes()]),
        (None, _) => derived(&[b"timer", &at.instant.0.to_be_bytes()]),
    }
}

/// Why it happened, for people.
pub(super) fn reasons(signal: &Signal, above: Option<&Decision>) -> Vec<Reason> {
    match (signal, above) {
        (Signal::Happened { event, .. }, _) => vec![holds(format!("event {event}"), "")],
        (_, Some(Decision::Membership(m))) => m.reasons.clone(),
        (Signal::BandChanged { to, .. }, Some(Decision::Health(h))) => {
            let band = to.map_or("", Band::name);
            let named = if band.is_empty() { "missing" } else { band };
            let first = holds(format!("health band is {named}"), band);
            std::iter::once(first).chain(h.drivers.iter().map(moved)).collect()
        }
        _ => Vec::new(),
    }
}

fn moved(driver: &Driver) -> Reason {
    let points = driver.points.unsigned_abs();
    let sign = if driver.points < 0 { '-' } else { '+' };
    let by = format!("{sign}{}.{:03}", points / 1_000, points % 1_000);
    holds(format!("{} moved the score by {by}", driver.source), &driver.value)
}

fn holds(comparison: String, value: &str) -> Reason {
    Reason { comparison, value: value.into(), holds: true }
}
