//! What time does to traits: held for so many days, not set for so many days. A day is 24 hours here, and an instant
//! is inclusive: "for 7 days" holds from the 7 x 24th hour on.

use super::Truth;
use crate::{
    account::Traits,
    time::{DAY_MS, Instant},
    value::Value,
};

/// Whether the trait has been this value for so many days. Unknown without a value.
pub(super) fn held_for(traits: &Traits, name: &str, value: &Value, days: u32, now: Instant) -> Truth {
    match traits.value(name) {
        None => Truth::Unknown,
        Some(present) if present != value => Truth::False,
        Some(_) => passed(traits.since(name), days, now).into(),
    }
}

/// Whether it is missing, or was not set for so many days.
pub(super) fn stale(traits: &Traits, name: &str, days: u32, now: Instant) -> Truth {
    (traits.value(name).is_none() || passed(traits.set_at(name), days, now)).into()
}

/// The instant so many days after, if that is still to come.
pub(super) fn after_days(since: Option<Instant>, days: u32, now: Instant) -> Option<Instant> {
    since.map(|since| since.plus_ms(i64::from(days) * DAY_MS)).filter(|at| *at > now)
}

fn passed(since: Option<Instant>, days: u32, now: Instant) -> bool {
    since.is_some() && after_days(since, days, now).is_none()
}
