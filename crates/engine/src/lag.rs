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
    /// A front and when it was appended, as last known: it was read, or looked at because it was not read though it was
    /// there, as when the store holds up reading. Until the next look, a later front is taken to be as old.
    known: Option<(u64, i64)>,
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
        if let Some(appended_at) = front.appended_at {
            self.known = Some((front.offset, appended_at));
            self.end = self.end.max(front.offset + 1);
        }
        if self.asked_at.is_none_or(|asked| now.saturating_sub(asked) >= END_EVERY_MS) {
            self.asked_at = Some(now);
            self.ask(log, at, front.offset);
        }
        let records = self.end.saturating_sub(front.offset);
        if records == 0 {
            (self.known, self.level_at) = (None, Some(now));
        }
        let level_at = *self.level_at.get_or_insert(now);
        let age = match self.known {
            Some((_, appended_at)) => log_time.saturating_sub(appended_at),
            // Not known yet: at least as old as the lag.
            None => now.saturating_sub(level_at),
        };
        metrics.lag_records.set(records);
        metrics.lag_ms.set(u64::try_from(age).unwrap_or(0));
    }

    /// Where the log ends, and how old a front is that was not read. While the log is away, all stays as it was known.
    fn ask(&mut self, log: &dyn Log, at: TopicPartition, front: u64) {
        let Ok(end) = log.end(at) else { return };
        self.end = self.end.max(end);
        if self.end > front
            && self.known.is_none_or(|(offset, _)| offset != front)
            && let Ok(records) = log.fetch(at, front, 1)
            && let Some(first) = records.first()
        {
            self.known = Some((front, first.appended_at));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use eventlog::{Ack, LogError, Membership, NewRecord, Stored, Topic};

    use super::*;

    const HERE: TopicPartition = TopicPartition { topic: Topic::Account, partition: 0 };
    const AWAY: LogError = LogError::Transient(String::new());

    /// When each record was appended; `None`: it is away.
    struct Appended(Option<Vec<i64>>);

    impl Log for Appended {
        fn partitions(&self, _: Topic) -> u32 {
            1
        }

        fn append(&self, _: TopicPartition, _: Vec<NewRecord>, _: Ack) {}

        fn fetch(&self, _: TopicPartition, from: u64, _: usize) -> Result<Vec<Stored>, LogError> {
            let all = self.0.as_ref().ok_or(AWAY)?.iter().zip(0..);
            let record = |(appended_at, offset): (&i64, u64)| Stored {
                offset,
                appended_at: *appended_at,
                value: Default::default(),
                traceparent: None,
            };
            Ok(all.map(record).filter(|record| record.offset >= from).take(1).collect())
        }

        fn end(&self, _: TopicPartition) -> Result<u64, LogError> {
            Ok(self.0.as_ref().ok_or(AWAY)?.len() as u64)
        }

        fn wait(&self, _: TopicPartition, _: u64, _: Duration) {}

        fn wake(&self, _: TopicPartition) {}

        fn join(&self, _: &str, _: Topic) -> Box<dyn Membership> {
            unreachable!("nobody joins")
        }
    }

    /// The log as it is then, what is not folded of it, the time; and how many records, how many milliseconds old.
    type Turn<'a> = (&'a [i64], Front, i64, (u64, u64));

    const AWAY_NOW: &[i64] = &[];

    fn unread(offset: u64) -> Front {
        Front { offset, appended_at: None }
    }

    fn check(turns: &[Turn<'_>]) {
        let (mut lag, metrics) = (Lag::default(), Metrics::default());
        for (log, front, now, expected) in turns {
            let log = Appended((*log != AWAY_NOW).then(|| log.to_vec()));
            lag.measure(&log, HERE, *front, *now, *now, &metrics);
            assert_eq!((metrics.lag_records.get(), metrics.lag_ms.get()), *expected, "at {now}");
        }
    }

    #[test]
    fn a_backlog_found_at_assignment_is_as_old_as_its_first_record() {
        check(&[(&[1_000, 2_000, 3_000], unread(1), 9_000, (2, 7_000))]);
    }

    #[test]
    fn what_was_read_says_itself_how_old_it_is() {
        let (log, read) = (&[1_000, 2_000][..], Front { offset: 0, appended_at: Some(1_000) });
        check(&[(log, read, 5_000, (2, 4_000)), (log, unread(2), 5_001, (0, 0))]);
    }

    #[test]
    fn what_holds_up_reading_lets_the_age_grow_until_it_goes_on() {
        let log = &[1_000, 2_000, 8_000][..];
        check(&[
            (log, unread(1), 9_000, (2, 7_000)),
            (log, unread(1), 9_500, (2, 7_500)),
            (log, unread(1), 12_000, (2, 10_000)),
            (log, unread(2), 12_500, (1, 10_500)),
            (log, unread(2), 13_000, (1, 5_000)),
            (log, unread(3), 13_001, (0, 0)),
        ]);
    }

    #[test]
    fn while_the_log_is_away_the_lag_stays_what_it_was_and_grows_older() {
        let log = &[1_000, 2_000][..];
        check(&[(log, unread(1), 9_000, (1, 7_000)), (AWAY_NOW, unread(1), 10_000, (1, 8_000))]);
        check(&[(AWAY_NOW, unread(1), 9_000, (0, 0)), (log, unread(1), 10_000, (1, 8_000))]);
    }
}
