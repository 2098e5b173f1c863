//! A line per decision, as they come to stand in the account log.
//!
//! Invariant: it only reads, and whatever happens, at most so many lines a second come out.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chassis::{Tasks, clock};
use contracts::account::account_record::Kind;
use contracts::account::{AccountRecord, CtaChanged, CtaState, HealthChanged, MembershipChanged};
use contracts::account::{NotificationSettled, NotificationState};
use eventlog::{Log, Topic, TopicPartition};
use prost::Message;

use crate::words;

const LINES_A_SECOND: u32 = 12;
const FETCH: usize = 1 << 20;
const LOOK: Duration = Duration::from_millis(500);

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
                for record in records {
                    next = record.offset + 1;
                    let line = AccountRecord::decode(record.value).ok().and_then(|record| line(&record));
                    let mut throttle = throttle.lock().unwrap_or_else(PoisonError::into_inner);
                    line.and_then(|line| throttle.pass(line, clock::now()))
                        .into_iter()
                        .for_each(|line| println!("{line}"));
                }
            }
            Ok(())
        });
    }
}

/// Lets so many lines a second through, and says how many it kept back.
#[derive(Debug, Default)]
struct Throttle {
    second: i64,
    passed: u32,
    held: u64,
}

impl Throttle {
    fn pass(&mut self, line: String, now: i64) -> Option<String> {
        if now / 1000 != self.second {
            self.second = now / 1000;
            self.passed = 0;
        }
        if self.passed == LINES_A_SECOND {
            self.held += 1;
            return None;
        }
        self.passed += 1;
        match std::mem::take(&mut self.held) {
            0 => Some(line),
            held => Some(format!("  ... and {held} more\n{line}")),
        }
    }
}

/// What a decision says to people; nothing for those that change little.
fn line(record: &AccountRecord) -> Option<String> {
    let header = record.header.as_ref()?;
    let said = match record.kind.as_ref()? {
        Kind::HealthChanged(change) => health(change)?,
        Kind::MembershipChanged(change) => membership(change),
        Kind::CtaChanged(change) => cta(change),
        Kind::NotificationSettled(settled) => notification(settled),
        _ => return None,
    };
    Some(format!("{}  {}/{}  {said}", words::instant(header.instant_at), header.workspace, header.account))
}

/// Only changes of the band: scores move all the time.
fn health(change: &HealthChanged) -> Option<String> {
    if change.band() == change.band_before() {
        return None;
    }
    let (before, now) = (words::band(change.band_before()), words::band(change.band()));
    let scores = format!("{} -> {}", words::score(change.score_before), words::score(change.score));
    let drivers = change.drivers.iter().take(3);
    let drivers = drivers.map(|driver| format!("{} {}", driver.measure, words::points(driver.points)));
    let why = drivers.collect::<Vec<_>>().join(", ");
    Some(format!("health {scores}, {before} -> {now}{}{why}", if why.is_empty() { "" } else { ": " }))
}

fn membership(change: &MembershipChanged) -> String {
    let verb = if change.member { "entered" } else { "left" };
    format!("{verb} {}: {}", change.segment, words::reasons(&change.reasons))
}

fn cta(change: &CtaChanged) -> String {
    let kind = words::cta_type(change.r#type());
    match change.state() {
        CtaState::Closed => format!("CTA closed: {} ({kind}), {}", change.title, change.outcome),
        state => format!(
            "CTA {}: {} ({kind}, priority {})",
            words::cta_state(state),
            change.title,
            change.priority
        ),
    }
}

fn notification(settled: &NotificationSettled) -> String {
    let state = settled.state();
    let attempts =
        if settled.attempts == 1 { "1 attempt".to_owned() } else { format!("{} attempts", settled.attempts) };
    match state {
        NotificationState::Delivered => format!("webhook delivered, {attempts}"),
        state => format!("webhook {}, {attempts}", words::notification_state(state)),
    }
}

#[cfg(test)]
mod tests {
    use super::{LINES_A_SECOND, Throttle};

    #[test]
    fn a_flood_is_cut_to_so_many_lines_a_second_and_counted() {
        let mut throttle = Throttle::default();
        let shown = (0..100).filter_map(|_| throttle.pass("x".into(), 5_000)).count();
        assert_eq!(shown, LINES_A_SECOND as usize);
        let next = throttle.pass("y".into(), 6_000);
        assert_eq!(next.as_deref(), Some("  ... and 88 more\ny"));
    }
}
