//! Windows: a run of calendar days, or of whole hours, relative to now.

use serde::{Deserialize, Serialize};

/// How finely numbers are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Grain {
    /// A calendar day in the workspace's time zone.
    Day,
    /// An hour of UTC.
    Hour,
}

/// A bucket of a grain: days or hours since 1970.
pub type Bucket = i32;

/// What a measure looks back on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Window {
    /// The `days` calendar days that ended `before` days ago; `before: 0` ends today.
    Days { days: u32, before: u32 },
    /// The last `hours` whole hours and the current one.
    Hours { hours: u32 },
}

/// A window as buckets back from the current one: from `far` to `near`, both within; `far >= near`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub near: i32,
    pub far: i32,
}

/// Days that counts are kept and windows may reach back.
pub const DAYS_KEPT: u32 = 400;
/// Hours that a window may have.
pub const HOURS_MOST: u32 = 168;

impl Window {
    pub fn grain(self) -> Grain {
        match self {
            Self::Days { .. } => Grain::Day,
            Self::Hours { .. } => Grain::Hour,
        }
    }

    /// Days it needs kept; 0 for hours. A change needs `change_reach_days`.
    pub fn reach_days(self) -> u32 {
        match self {
            Self::Days { days, before } => days.saturating_add(before),
            Self::Hours { .. } => 0,
        }
    }

    /// Days that it and the window of the same length before it need kept.
    pub fn change_reach_days(self) -> u32 {
        match self {
            Self::Days { days, before } => days.saturating_mul(2).saturating_add(before),
            Self::Hours { .. } => 0,
        }
    }

    /// Whether it has a length and can be answered from what is kept.
    pub fn is_valid(self) -> bool {
        match self {
            Self::Days { days, .. } => days > 0 && self.reach_days() <= DAYS_KEPT,
            Self::Hours { hours } => hours > 0 && hours <= HOURS_MOST,
        }
    }

    pub(crate) fn span(self) -> Span {
        let clamp = |count: u32| i32::try_from(count).unwrap_or(i32::MAX / 4).min(i32::MAX / 4);
        match self {
            Self::Days { days, before } => {
                Span { near: clamp(before), far: clamp(before) + clamp(days.max(1)) - 1 }
            }
            Self::Hours { hours } => Span { near: 0, far: clamp(hours) },
        }
    }
}

impl Span {
    /// The span of the same length just before.
    pub(crate) fn before(self) -> Self {
        let length = self.far - self.near + 1;
        Self { near: self.near + length, far: self.far + length }
    }

    /// First and last bucket, both within, at the current bucket.
    pub(crate) fn at(self, current: Bucket) -> (Bucket, Bucket) {
        (current.saturating_sub(self.far), current.saturating_sub(self.near))
    }
}

impl Grain {
    /// Buckets kept back from the newest: what the longest window, and the one before it, can reach.
    pub(crate) fn kept(self) -> i32 {
        match self {
            Self::Day => DAYS_KEPT as i32 + 1,
            Self::Hour => 2 * (HOURS_MOST as i32 + 1) + 1,
        }
    }
}
