//! One message a second to each channel of Slack, which asks for that.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::lanes::Lane;

const PAUSE: Duration = Duration::from_secs(1);
/// Channels remembered before those that are free again are forgotten.
const REMEMBERED: usize = 1_000;

/// Clones keep one pace.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pace(Arc<Mutex<HashMap<Lane, Instant>>>);

impl Pace {
    /// When the next message may go there: it is expected then. `Err`: that would be later than by when it must begin.
    pub(super) fn next(&self, lane: &Lane, now: Instant, by: Instant) -> Result<Instant, Instant> {
        let mut free_at = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = free_at.get(lane).map_or(now, |free| (*free).max(now));
        if at > by {
            return Err(at);
        }
        if free_at.len() >= REMEMBERED {
            free_at.retain(|_, free| *free > now);
        }
        free_at.insert(lane.clone(), at + PAUSE);
        Ok(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_gets_one_a_second_and_others_their_own() {
        let (pace, now) = (Pace::default(), Instant::now());
        let lane = |endpoint: &str| Lane { workspace: "acme".into(), endpoint: endpoint.into() };
        let by = now + Duration::from_millis(1_500);
        assert_eq!(pace.next(&lane("a"), now, by), Ok(now));
        assert_eq!(pace.next(&lane("a"), now, by), Ok(now + PAUSE));
        assert_eq!(pace.next(&lane("a"), now, by), Err(now + 2 * PAUSE));
        assert_eq!(pace.next(&lane("b"), now, by), Ok(now));
        assert_eq!(pace.next(&lane("a"), now + 5 * PAUSE, now + 6 * PAUSE), Ok(now + 5 * PAUSE));
    }
}
