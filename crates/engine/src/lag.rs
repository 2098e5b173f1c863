//! How far a worker is behind its log: in records, and in the age of the oldest of them.

use eventlog::{Log, TopicPartition};

use crate::Metrics;

/// How often the log is asked where it ends.
const END_EVERY_MS: i64 = 1_000;

/// The first record not yet folded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Front {
    pub(crate) offset: u64,
    /// When it was appended, if it has been read.
    pub(crate) appended_at: Option<i64>,
}

#[derive(Debug, Default)]
pub(crate) struct Lag {
    /// The log's end as last heard: while the log is away, the lag stays what it was.
    end: u64,
    asked_at: Option<i64>,
    /// When nothing was behind, for the last time.
    level_at: Option<i64>,
}

impl Lag {
    /// `now` by the worker's clock, `log_time` by the log's.
    pub(crate) fn measure(
        &mut self,
        log: &dyn Log,
        at: TopicPartition,
        front: Front,
        now: i64,
        log_time: i64,
        metrics: &Metrics,
    ) {
        if self.asked_at.is_none_or(|asked| now.saturating_sub(asked) >= END_EVERY_MS) {
            self.asked_at = Some(now);
            self.end = log.end(at).map_or(self.end, |end| end.max(self.end));
        }
        let records = self.end.saturating_sub(front.offset);
        let level_at = *self.level_at.get_or_insert(now);
        let age = match front.appended_at {
            Some(appended_at) => log_time.saturating_sub(appended_at),
            // Not read yet, as when the store holds up reading: at least as old as the lag.
            None if records > 0 => now.saturating_sub(level_at),
            None => 0,
        };
        if records == 0 {
            self.level_at = Some(now);
        }
        metrics.lag_records.set(records);
        metrics.lag_ms.set(u64::try_from(age).unwrap_or(0));
    }
}
