//! Notifications on their way: when an attempt is asked for, and what becomes of each, rule by rule.

use crate::{
    identity::derived,
    story::{Turn, When},
};

/// What came of an attempt, as it was reported.
#[derive(Debug, Clone)]
pub(crate) struct Report {
    pub(crate) id: u128,
    pub(crate) notification: u128,
    pub(crate) attempt: u32,
    pub(crate) begun: bool,
    /// 0: no answer.
    pub(crate) status: u32,
    /// It would fail again.
    pub(crate) permanent: bool,
    /// 0: nothing asked.
    pub(crate) not_before: i64,
}

/// How notifications of a workspace are delivered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    /// Whether `only_while` is asked again at each attempt: on the wall clock.
    pub(crate) asks_again: bool,
    /// Milliseconds after which a call that was begun is over.
    pub(crate) longest_call: i64,
}

/// All that is not settled about one account, in the order of requests.
#[derive(Debug, Default)]
pub(crate) struct Post {
    letters: Vec<Letter>,
}

/// A notification that is not settled.
#[derive(Debug, Clone)]
pub(crate) struct Letter {
    pub(crate) id: u128,
    pub(crate) playbook: String,
    pub(crate) endpoint: String,
    asked: u32,
    failed: usize,
    /// What each attempt took that nobody began, since the last one that somebody began.
    idle: Vec<i64>,
    next: Next,
}

#[derive(Debug, Clone, Copy)]
enum Next {
    Due(i64),
    Awaited { since: i64 },
}

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// Before the second attempt, the third and so on; after the tenth there is none.
const DELAYS: [i64; 9] =
    [5 * SECOND, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR];
const MOST_OPEN: usize = 256;
const TO_BEGIN: i64 = 10 * SECOND;
const AFTER_PUT_OFF: i64 = 5 * SECOND;
const LONGEST_PAUSE: i64 = 10 * MINUTE;
const LONGEST_IDLE: i64 = 30 * MINUTE;

impl Post {
    /// A notification is requested; without `wanted` it is dropped at once, and one too many has failed.
    pub(crate) fn request(
        &mut self,
        when: When,
        appended_at: i64,
        of: [&str; 2],
        id: u128,
        wanted: bool,
    ) -> Vec<Turn> {
        if !self.letters.iter().any(|letter| letter.id == id) {
            let [playbook, endpoint] = of.map(str::to_owned);
            let next = Next::Due(appended_at);
            self.letters.push(Letter { id, playbook, endpoint, asked: 0, failed: 0, idle: Vec::new(), next });
        }
        let end = if !wanted {
            "dropped"
        } else if self.letters.len() > MOST_OPEN {
            "failed"
        } else {
            return Vec::new();
        };
        self.letters.retain(|letter| letter.id != id);
        vec![Turn::Settled { when, notification: id, state: end.into(), attempts: 0 }]
    }

    /// An attempt is reported.
    pub(crate) fn report(&mut self, when: When, appended_at: i64, report: &Report) -> Vec<Turn> {
        let Some(letter) = self.letters.iter_mut().find(|letter| letter.id == report.notification) else {
            return Vec::new();
        };
        let Some(state) = letter.take(report, appended_at) else { return Vec::new() };
        let (notification, attempts) = (letter.id, letter.asked);
        self.letters.retain(|letter| letter.id != notification);
        vec![Turn::Settled { when, notification, state: state.into(), attempts }]
    }

    pub(crate) fn is_due(&self, appended_at: i64, longest_call: i64) -> bool {
        self.letters.iter().any(|letter| letter.due(longest_call) <= appended_at)
    }

    /// What is due by append time is asked for, or settled.
    pub(crate) fn deliver(
        &mut self,
        when: When,
        appended_at: i64,
        longest_call: i64,
        wanted: impl Fn(&Letter) -> bool,
    ) -> Vec<Turn> {
        let mut turns = Vec::new();
        self.letters.retain_mut(|letter| {
            if letter.due(longest_call) > appended_at {
                return true;
            }
            let (notification, attempts) = (letter.id, letter.asked);
            let settled = |state: &str| Turn::Settled { when, notification, state: state.into(), attempts };
            let turn = if !wanted(letter) {
                settled("dropped")
            } else if letter.idle.iter().sum::<i64>() >= patience() {
                settled("failed")
            } else {
                letter.ask(appended_at);
                Turn::Asked { when, notification, attempt: letter.asked }
            };
            let stays = matches!(turn, Turn::Asked { .. });
            turns.push(turn);
            stays
        });
        turns
    }
}

impl Letter {
    fn due(&self, longest_call: i64) -> i64 {
        match self.next {
            Next::Due(at) => at,
            Next::Awaited { since } => since + self.pause(TO_BEGIN + longest_call),
        }
    }

    fn ask(&mut self, now: i64) {
        if let Next::Awaited { since } = self.next {
            self.idle.push((now - since).min(LONGEST_IDLE));
        }
        self.asked += 1;
        self.next = Next::Awaited { since: now };
    }

    /// What it comes to, if it is at its end.
    fn take(&mut self, report: &Report, now: i64) -> Option<&'static str> {
        match report.status {
            200..=299 if report.begun => return Some("delivered"),
            410 if report.begun && !report.permanent => return Some("gone"),
            _ => {}
        }
        let Next::Awaited { since } = self.next else { return None };
        if report.attempt != self.asked {
            return None;
        }
        if report.begun && report.permanent {
            return Some("failed");
        }
        if report.begun {
            self.failed += 1;
            let Some(delay) = DELAYS.get(self.failed - 1) else { return Some("failed") };
            let jitter = self.dice("jitter", u32::try_from(self.failed).unwrap_or(u32::MAX), delay / 10);
            self.next = Next::Due((now + delay + jitter).max(report.not_before.min(now + DAY)));
            self.idle.clear();
        } else {
            let room = (report.not_before - now).min(LONGEST_IDLE);
            let at = now + self.pause(AFTER_PUT_OFF).max(room);
            self.idle.push((at - since).min(LONGEST_IDLE));
            self.next = Next::Due(at);
        }
        None
    }

    /// Doubled for each idle attempt up to the longest, and up to as much again.
    fn pause(&self, first: i64) -> i64 {
        let mut pause = first;
        for _ in &self.idle {
            pause = (2 * pause).min(LONGEST_PAUSE.max(first));
        }
        pause + self.dice("pause", self.asked, pause - first)
    }

    fn dice(&self, of: &str, number: u32, most: i64) -> i64 {
        let hash = derived(&[of.as_bytes(), &self.id.to_be_bytes(), &number.to_be_bytes()]);
        i64::from(hash as u32) % (most + 1)
    }
}

/// The whole schedule with all its jitter, and a day.
fn patience() -> i64 {
    let whole: i64 = DELAYS.iter().sum();
    whole + whole / 10 + DAY
}
