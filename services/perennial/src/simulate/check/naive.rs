//! What anybody could tell from the calls alone: rules that a score has to beat.

use std::collections::HashMap;

use company::{Call, Company};

const RECENT_DAYS: usize = 28;
const BEFORE_DAYS: usize = 84;

/// Core events of each account by day, from the company's own calls. They are those with a feature.
pub(super) fn core_events(company: Company, mut day_is_made: impl FnMut()) -> HashMap<String, Vec<u32>> {
    let is_core = |call: &&Call| call.event().is_some() && call.said("feature").is_some();
    let mut events: HashMap<String, Vec<u32>> = HashMap::new();
    for (number, day) in company.enumerate() {
        for call in day.calls.iter().filter(is_core) {
            let days = events.entry(call.account.to_string()).or_default();
            days.resize(number + 1, 0);
            days[number] += 1;
        }
        day_is_made();
    }
    events
}

/// Days from the last core event before that day, with a minus: who never did anything comes last.
pub(super) fn recency(core: &[u32], day: usize) -> f64 {
    let last = core.iter().take(day).rposition(|events| *events > 0);
    last.map_or(f64::NEG_INFINITY, |last| last as f64 - day as f64)
}

/// Of the core events a day in the 84 days before the last 28, the share that was kept in these. Who did nothing in either
/// kept nothing.
pub(super) fn usage_kept(core: &[u32], day: usize) -> f64 {
    let sum = |from: usize, to: usize| {
        let days = core.iter().take(to).skip(from);
        days.map(|events| f64::from(*events)).sum::<f64>()
    };
    let middle = day.saturating_sub(RECENT_DAYS);
    let recent = sum(middle, day) / RECENT_DAYS as f64;
    let before = sum(middle.saturating_sub(BEFORE_DAYS), middle) / BEFORE_DAYS as f64;
    if recent == 0.0 { 0.0 } else { recent / before }
}

#[cfg(test)]
mod tests {
    use super::{recency, usage_kept};

    #[test]
    fn recency_counts_from_the_last_day_of_use_before() {
        let core = [0, 3, 0, 0, 9];
        assert_eq!((recency(&core, 4), recency(&core, 2)), (-3.0, -1.0));
        assert_eq!((recency(&core, 1), recency(&[], 4)), (f64::NEG_INFINITY, f64::NEG_INFINITY));
        assert_eq!(recency(&core, 100), -96.0);
    }

    #[test]
    fn halved_usage_is_a_half() {
        let core: Vec<u32> = std::iter::repeat_n(10, 84).chain(std::iter::repeat_n(5, 28)).collect();
        assert_eq!((usage_kept(&core, 112), usage_kept(&core, 84)), (0.5, 1.5));
        assert_eq!((usage_kept(&core, 140), usage_kept(&[], 140)), (0.0, 0.0));
    }

    #[test]
    fn who_has_just_begun_has_lost_nothing() {
        let core: Vec<u32> = std::iter::repeat_n(0, 84).chain([1]).collect();
        assert_eq!(usage_kept(&core, 100), f64::INFINITY);
    }
}
