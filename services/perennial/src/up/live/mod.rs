//! A line per decision, and per webhook that failed, as they come to stand in the account log.
//!
//! Invariant: it only reads; whatever happens, at most so many lines come out in a window, and what is kept back is
//! counted within a second.

mod line;

use std::io::{self, Write as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chassis::{Tasks, clock};
use contracts::account::AccountRecord;
use eventlog::{Log, Stored, Topic, TopicPartition};
use line::line;
use prost::Message;

/// Lines in a window.
const LINES: u32 = 12;
/// With a look, less than a second.
const WINDOW_MS: i64 = 700;
const LOOK: Duration = Duration::from_millis(200);
const FETCH: usize = 1 << 20;

/// Prints what is decided from now on, in every partition.
pub(super) fn follow(log: &Arc<dyn Log>, tasks: &Tasks) {
    let throttle = Arc::new(Mutex::new(Throttle::default()));
    for partition in 0..log.partitions(Topic::Account) {
        let at = TopicPartition { topic: Topic::Account, partition };
        let (log, throttle, shutdown) = (log.clone(), throttle.clone(), tasks.shutdown());
        tasks.spawn_thread(format!("live {at}"), move || {
            let mut next = log.end(at)?;
            while !shutdown.requested() {
                // The log away: the next look may find it.
                let records = log.fetch(at, next, FETCH).unwrap_or_default();
                if records.is_empty() {
                    log.wait(at, next, LOOK);
                }
                next = records.last().map_or(next, |last| last.offset + 1);
                if print(&throttle, records).is_err() {
                    // Nobody reads them any more: no reason to serve no longer.
                    return Ok(());
                }
            }
            Ok(())
        });
    }
}

/// What decisions say, and what was kept back of those before.
fn print(throttle: &Mutex<Throttle>, records: Vec<Stored>) -> io::Result<()> {
    let decoded = records.into_iter().filter_map(|record| AccountRecord::decode(record.value).ok());
    let lines: Vec<String> = decoded.filter_map(|record| line(&record)).collect();
    let mut throttle = throttle.lock().unwrap_or_else(PoisonError::into_inner);
    let mut out = io::stdout().lock();
    if let Some(line) = throttle.overdue(clock::now()) {
        writeln!(out, "{line}")?;
    }
    for line in lines {
        for line in throttle.pass(line, clock::now()) {
            writeln!(out, "{line}")?;
        }
    }
    out.flush()
}

/// Lets so many lines through in a window, which begins with its first line, and says how many it kept back.
#[derive(Debug, Default)]
struct Throttle {
    since: i64,
    passed: u32,
    held: u64,
}

impl Throttle {
    /// The lines to be printed now that there is another.
    fn pass(&mut self, line: String, now: i64) -> Vec<String> {
        let mut lines: Vec<String> = self.overdue(now).into_iter().collect();
        if self.is_over(now) {
            (self.since, self.passed) = (now, 0);
        }
        if self.passed == LINES {
            self.held += 1;
        } else {
            self.passed += 1;
            lines.push(line);
        }
        lines
    }

    /// How many were kept back, once the window in which that was is over.
    fn overdue(&mut self, now: i64) -> Option<String> {
        if self.held == 0 || !self.is_over(now) {
            return None;
        }
        let held = std::mem::take(&mut self.held);
        Some(format!("  ... and {held} more {}", if held == 1 { "decision" } else { "decisions" }))
    }

    fn is_over(&self, now: i64) -> bool {
        now.saturating_sub(self.since) >= WINDOW_MS
    }
}

#[cfg(test)]
mod tests {
    use super::{LINES, Throttle, WINDOW_MS};

    const BEGIN: i64 = 899_251_200_000;

    /// After a flood of a hundred at once.
    fn flooded() -> Throttle {
        let mut throttle = Throttle::default();
        let shown: Vec<String> = (0..100).flat_map(|_| throttle.pass("x".into(), BEGIN)).collect();
        assert_eq!(shown, vec!["x"; LINES as usize]);
        throttle
    }

    #[test]
    fn a_flood_is_cut_to_so_many_lines_and_counted() {
        let mut throttle = flooded();
        let next = throttle.pass("y".into(), BEGIN + WINDOW_MS);
        assert_eq!(next, ["  ... and 88 more decisions", "y"]);
        assert_eq!(throttle.pass("z".into(), BEGIN + WINDOW_MS), ["z"]);
    }

    #[test]
    fn what_was_kept_back_is_counted_though_nothing_follows() {
        let mut throttle = flooded();
        assert_eq!(throttle.overdue(BEGIN + WINDOW_MS - 1), None);
        assert_eq!(throttle.overdue(BEGIN + WINDOW_MS).as_deref(), Some("  ... and 88 more decisions"));
        assert_eq!(throttle.overdue(BEGIN + 2 * WINDOW_MS), None);
    }
}
