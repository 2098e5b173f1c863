//! The arithmetic of a bucket: all that need be remembered is when it is full again.

use std::num::NonZeroU32;

/// A full bucket holds what comes into it in this time, microseconds.
pub(crate) const DEPTH: u64 = 10_000_000;
const SECOND: u64 = 1_000_000;

/// Tokens that come into a bucket every second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rate(pub NonZeroU32);

/// A bucket, by its name among all that share it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    pub name: String,
    pub rate: Rate,
}

impl Rate {
    /// None for nothing, which is no limit.
    pub fn new(per_second: u32) -> Option<Self> {
        NonZeroU32::new(per_second).map(Self)
    }

    /// How long so many tokens take to come, microseconds: at least one.
    pub(crate) fn time_of(self, tokens: u32) -> u64 {
        (u64::from(tokens) * SECOND).div_ceil(u64::from(self.0.get())).max(1)
    }

    /// The same where `replicas` share the rate, and each has one token a second at least.
    pub(crate) fn time_of_share(self, tokens: u32, replicas: u32) -> u64 {
        let most = u64::from(tokens) * SECOND;
        (self.time_of(tokens).saturating_mul(u64::from(replicas.max(1)))).min(most).max(1)
    }
}

/// When a bucket will be full that would have been at `full_at`, once a cost is taken from it; an error is how long it is
/// empty. Anything may be taken from a bucket that is not empty. All in microseconds.
pub(crate) fn spend(full_at: u64, now: u64, cost: u64) -> Result<u64, u64> {
    let full_at = full_at.max(now);
    let missing = full_at - now;
    if missing < DEPTH { Ok(full_at + cost) } else { Err(missing - DEPTH + 1) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rate(per_second: u32) -> Rate {
        Rate::new(per_second).expect("a rate")
    }

    #[test]
    fn a_bucket_holds_ten_seconds_worth_and_more_may_be_taken_at_once() {
        let cost = rate(100).time_of(2_500);
        assert_eq!(cost, 25 * SECOND);
        let full_at = spend(0, 7, cost).expect("a full bucket");
        assert_eq!(full_at, 7 + 25 * SECOND);
        assert_eq!(spend(full_at, 7, 1), Err(15 * SECOND + 1));
        assert_eq!(spend(full_at, 7 + 15 * SECOND, 1), Err(1));
        assert!(spend(full_at, 8 + 15 * SECOND, cost).is_ok());
    }

    #[test]
    fn a_share_is_a_part_of_the_rate_and_a_token_a_second_at_least() {
        assert_eq!(rate(100).time_of_share(100, 4), 4 * SECOND);
        assert_eq!(rate(3).time_of_share(10, 50), 10 * SECOND);
        assert_eq!(rate(1).time_of_share(10, 1), 10 * SECOND);
        assert_eq!(rate(u32::MAX).time_of(1), 1);
    }

    proptest! {
        /// Over any time no more than what comes in it, a full bucket, and the last that was taken.
        #[test]
        fn what_is_taken_is_bounded_by_the_rate(
            per_second in 1_u32..2_000,
            asked in prop::collection::vec((0_u64..3_000_000, 1_u32..30_000), 1..60),
        ) {
            let rate = rate(per_second);
            let (mut now, mut full_at, mut taken) = (0_u64, 0_u64, 0_u64);
            for (pause, tokens) in asked {
                now += pause;
                let worth = u128::from(per_second) * u128::from(now + DEPTH) / u128::from(SECOND);
                match spend(full_at, now, rate.time_of(tokens)) {
                    Ok(then) => {
                        prop_assert!(u128::from(taken) <= worth, "{taken} above {worth}");
                        full_at = then;
                        taken += u64::from(tokens);
                    }
                    Err(wait) => prop_assert!(spend(full_at, now + wait, 1).is_ok() && wait > 0),
                }
            }
        }
    }
}
