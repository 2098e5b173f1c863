//! Instants, days and calendars. An instant is milliseconds since 1970-01-01T00:00:00Z.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Instant(pub i64);

/// A calendar day in a workspace's time zone: days since 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Day(pub i32);

/// Milliseconds of the 24 hours that "n days" means where no calendar is asked.
pub const DAY_MS: i64 = 86_400_000;
