//! What is on its way to one partition of the log.
//!
//! Invariant: an entry leaves the box when it and everything before it is acked. After a failed append everything
//! from the gap on is sent again, also what had landed behind it: readers drop what they have taken already.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use eventlog::{Appended, Log, LogError, NewRecord, TopicPartition};

use crate::planted::{self, Bug};

type Outcome = Result<Appended, LogError>;

const BATCH_RECORDS: usize = 1_000;
/// Of values; a larger record goes alone. Far below what every log takes.
const BATCH_BYTES: usize = 1 << 20;
const FLIGHTS: usize = 4;
/// Bytes of dead letters that wait before reading pauses: one may hold as much as a batch.
pub(crate) const MOST_LETTERS: usize = 64 << 20;
const FIRST_RETRY_MS: i64 = 5;
const LAST_RETRY_MS: i64 = 1_000;

#[derive(Debug)]
struct Entry {
    /// The fact it follows from.
    offset: u64,
    record: NewRecord,
}

#[derive(Debug)]
struct Flight {
    number: u64,
    /// One past the last entry in it.
    upto: u64,
    landed: bool,
}

/// An ordered queue of records for one partition.
#[derive(Debug)]
pub(crate) struct Outbox {
    at: TopicPartition,
    /// Whoever waits there is woken when an ack comes.
    wake: TopicPartition,
    queue: VecDeque<Entry>,
    /// Of the queue's values.
    bytes: usize,
    /// Number of the queue's first entry, and of the next to send.
    first: u64,
    next: u64,
    flights: VecDeque<Flight>,
    flown: u64,
    notes: Arc<Mutex<Vec<(u64, Outcome)>>>,
    retry_at: i64,
    retry_ms: i64,
    /// Records that a batch may have: fewer after a refusal, until something lands.
    most: usize,
}

/// What came back since the last look.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Heard {
    /// The newest append time acked.
    pub(crate) appended_at: Option<i64>,
    pub(crate) failed: u64,
    pub(crate) refused: u64,
}

impl Outbox {
    pub(crate) fn new(at: TopicPartition, wake: TopicPartition) -> Self {
        Self {
            at,
            wake,
            queue: VecDeque::new(),
            bytes: 0,
            first: 0,
            next: 0,
            flights: VecDeque::new(),
            flown: 0,
            notes: Arc::default(),
            retry_at: i64::MIN,
            retry_ms: FIRST_RETRY_MS,
            most: BATCH_RECORDS,
        }
    }

    pub(crate) fn push(&mut self, offset: u64, record: NewRecord) {
        self.bytes += record.value.len();
        self.queue.push_back(Entry { offset, record });
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }

    /// The lowest fact of which something is not acked.
    pub(crate) fn unacked(&self) -> Option<u64> {
        self.queue.front().map(|entry| entry.offset)
    }

    /// Looks at the acks that have come.
    pub(crate) fn collect(&mut self, now: i64) -> Heard {
        let notes = std::mem::take(&mut *self.notes.lock().unwrap_or_else(PoisonError::into_inner));
        let mut heard = Heard::default();
        for (number, outcome) in notes {
            let Some(index) = self.flights.iter().position(|flight| flight.number == number) else {
                continue;
            };
            match outcome {
                Ok(appended) => {
                    self.flights[index].landed = true;
                    heard.appended_at = heard.appended_at.max(Some(appended.appended_at));
                    self.retry_ms = FIRST_RETRY_MS;
                    self.most = (self.most * 2).min(BATCH_RECORDS);
                }
                Err(error) => {
                    heard.failed += 1;
                    if let LogError::Poison(why) = error {
                        heard.refused += 1;
                        self.refused(index, &why);
                    }
                    self.rewind(index, now);
                }
            }
        }
        self.settle();
        heard
    }

    /// Less at once may be taken. One record by itself never is: what folds yield is bounded far below it, so that is
    /// a mistake of ours, and the partition waits for a build without it.
    fn refused(&mut self, index: usize, why: &str) {
        let from = if index == 0 { self.first } else { self.flights[index - 1].upto };
        let count = usize::try_from(self.flights[index].upto - from).unwrap_or(usize::MAX);
        self.most = (count / 2).max(1);
        if count == 1 {
            let fact = self.queue.get((from - self.first) as usize).map(|entry| entry.offset);
            tracing::error!(at = %self.at, ?fact, why, "the log refuses what follows from {fact:?}: {why}");
        }
    }

    /// Everything from the gap on again.
    fn rewind(&mut self, index: usize, now: i64) {
        if planted::is(Bug::GapNotResent) && index + 1 < self.flights.len() {
            self.flights[index].landed = true;
            return;
        }
        self.next = if index == 0 { self.first } else { self.flights[index - 1].upto };
        self.flights.truncate(index);
        self.retry_at = now + self.retry_ms;
        self.retry_ms = (self.retry_ms * 2).min(LAST_RETRY_MS);
    }

    fn settle(&mut self) {
        while self.flights.front().is_some_and(|flight| flight.landed) {
            let Some(flight) = self.flights.pop_front() else { break };
            while self.first < flight.upto {
                let entry = self.queue.pop_front();
                self.bytes -= entry.map_or(0, |entry| entry.record.value.len());
                self.first += 1;
            }
        }
    }

    /// Sends what may be sent.
    pub(crate) fn pump(&mut self, log: &Arc<dyn Log>, now: i64) {
        // After a refusal nothing follows until it is known what is taken: readers would have to drop it, again and again.
        let flights = if self.most < BATCH_RECORDS { 1 } else { FLIGHTS };
        while self.flights.len() < flights && now >= self.retry_at {
            let records = self.next_batch();
            if records.is_empty() {
                return;
            }
            self.next += records.len() as u64;
            self.flown += 1;
            self.flights.push_back(Flight { number: self.flown, upto: self.next, landed: false });
            let (notes, number, waker, wake) = (self.notes.clone(), self.flown, log.clone(), self.wake);
            let done = move |outcome: Outcome| {
                if outcome.is_ok() {
                    fail::fail_point!("engine-appended");
                }
                notes.lock().unwrap_or_else(PoisonError::into_inner).push((number, outcome));
                waker.wake(wake);
            };
            log.append(self.at, records, Box::new(done));
        }
    }

    fn next_batch(&self) -> Vec<NewRecord> {
        let unsent = self.queue.range((self.next - self.first) as usize..).take(self.most);
        let mut bytes = 0;
        let fitting = unsent.enumerate().take_while(|(index, entry)| {
            bytes += entry.record.value.len();
            *index == 0 || bytes <= BATCH_BYTES
        });
        fitting.map(|(_, entry)| entry.record.clone()).collect()
    }
}

/// One record of which only the newest matters: `Passed`, `Tick`, `Joined`. At most one is on its way.
#[derive(Debug, Default)]
pub(crate) struct Letter(Option<Arc<Mutex<Option<Outcome>>>>);

impl Letter {
    pub(crate) fn is_away(&self) -> bool {
        self.0.is_some()
    }

    pub(crate) fn send(&mut self, log: &Arc<dyn Log>, at: TopicPartition, record: NewRecord) {
        let slip: Arc<Mutex<Option<Outcome>>> = Arc::default();
        self.0 = Some(slip.clone());
        let waker = log.clone();
        let done = move |outcome| {
            *slip.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
            waker.wake(at);
        };
        log.append(at, vec![record], Box::new(done));
    }

    /// What came of it, once.
    pub(crate) fn collect(&mut self) -> Option<Outcome> {
        let slip = self.0.as_ref()?;
        let outcome = slip.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        self.0 = None;
        Some(outcome)
    }
}

#[cfg(test)]
mod tests {
    use eventlog::Topic;
    use testkit::sim::SimLog;

    use super::*;

    const AT: TopicPartition = TopicPartition { topic: Topic::Account, partition: 0 };

    /// Sends records of these sizes to a log that takes so many bytes at once; what it took, and the refusals.
    fn sent(sizes: &[usize], limit: usize, turns: usize) -> (Vec<usize>, u64) {
        let sim = Arc::new(SimLog::new(7, 1, 1));
        sim.set_limit(limit);
        let (log, mut outbox) = (sim.clone() as Arc<dyn Log>, Outbox::new(AT, AT));
        for (offset, size) in sizes.iter().enumerate() {
            let record = NewRecord { value: vec![0; *size].into(), traceparent: None };
            outbox.push(offset as u64, record);
        }
        let mut refused = 0;
        for turn in 0..turns as i64 {
            outbox.pump(&log, turn * LAST_RETRY_MS);
            while sim.deliver_ack() {}
            refused += outbox.collect(turn * LAST_RETRY_MS).refused;
        }
        (sim.records(AT).iter().map(|stored| stored.value.len()).collect(), refused)
    }

    #[test]
    fn a_backlog_of_large_records_goes_in_batches_that_the_log_takes() {
        let sizes = [[700_000, 1_000, 300_000].repeat(20), vec![2 * BATCH_BYTES]].concat();
        assert_eq!(sent(&sizes, eventlog::MAX_BATCH_BYTES, 100), (sizes, 0));
    }

    #[test]
    fn what_is_refused_goes_again_in_smaller_batches() {
        let sizes: Vec<usize> = (0..1_000).map(|number| 50 + number % 97).collect();
        let (landed, refused) = sent(&sizes, 2_000, 2_000);
        assert_eq!(landed, sizes);
        assert!(refused > 0);
    }

    #[test]
    fn nothing_goes_past_a_record_that_is_refused_by_itself() {
        let (landed, refused) = sent(&[10, 10, 5_000, 10], 2_000, 50);
        assert!(landed.iter().all(|size| *size == 10) && refused > 0, "{landed:?}");
        assert_eq!(landed.len(), 2);
    }
}
