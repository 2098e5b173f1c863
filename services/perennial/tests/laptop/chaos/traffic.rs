//! What products say of their customers: usage, a tenth of it twice, some of it late, some of it wrong.
//!
//! Invariant: of every event it is known beforehand what must become of it.

use std::collections::BTreeMap;

use contracts::log::ClockKind;
use jiff::Timestamp;
use serde_json::{Value as Json, json};
use testkit::sim::Rng;

pub(super) const WORKSPACES: [(&str, ClockKind); 3] =
    [("mill", ClockKind::Log), ("forge", ClockKind::Wall), ("dairy", ClockKind::Wall)];

const ACCOUNTS: u64 = 80;
const CONTACTS: u64 = 3;
const DAY_MS: i64 = 24 * 3_600_000;
/// In thousandths of all events.
const REPEATED: u64 = 100;
const LATE: u64 = 50;
const WRONG: u64 = 10;
const HOMELESS: u64 = 10;
const ANONYMOUS: u64 = 20;
const TRAITS: u64 = 20;
const ORDERS: u64 = 30;
/// Of the anonymous, how many say who they are.
const IDENTIFIED: u64 = 100;
/// Of the rest, how many say their account.
const NAMING: u64 = 700;
/// Events that may be repeated.
const REMEMBERED: usize = 2_000;
/// Of the log-clock workspace: its time when it begins.
pub(super) const BEGIN: i64 = 852_076_800_000;

/// Of what was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Number {
    /// Something that was done.
    Used(u64),
    /// Traits of somebody.
    Told(u64),
}

/// What must have become of the events sent, a workspace's.
#[derive(Debug, Default, Clone)]
pub(super) struct Fate {
    /// Facts, each once: its number and its account.
    pub(super) kept: BTreeMap<Number, String>,
    /// Ids of messages in quarantine, and why they are there.
    pub(super) quarantined: BTreeMap<String, String>,
    /// Waiting for an account.
    pub(super) parked: usize,
    /// Calls that say who somebody is, and nothing else.
    pub(super) introduced: usize,
    /// Those of all these but the quarantined that are sent again.
    pub(super) repeated: usize,
}

impl Fate {
    /// How many facts there are of something that was done.
    pub(super) fn used(&self) -> usize {
        self.kept.keys().filter(|number| matches!(number, Number::Used(_))).count()
    }

    /// How many different messages the inbox has.
    pub(super) fn received(&self) -> usize {
        self.kept.len() + self.parked + self.introduced
    }
}

/// Events without end, the same for the same seed and times.
pub(super) struct Traffic {
    dice: Rng,
    number: u64,
    before: Vec<(usize, Json)>,
    /// What contacts did before they said who they are, of a workspace, account and contact; none once they have.
    visits: BTreeMap<(usize, u64, u64), Option<Vec<u64>>>,
    pub(super) fates: [Fate; WORKSPACES.len()],
}

impl Traffic {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            dice: Rng::new(seed),
            number: 0,
            before: Vec::new(),
            visits: BTreeMap::new(),
            fates: Default::default(),
        }
    }

    /// So many events of a workspace, at its time.
    pub(super) fn batch(&mut self, workspace: usize, count: usize, now: i64) -> Vec<Json> {
        (0..count).map(|_| self.event(workspace, now)).collect()
    }

    /// Each contact says its account, so that nothing waits that need not.
    pub(super) fn introductions(&mut self, workspace: usize, now: i64) -> Vec<Json> {
        let contacts = (0..ACCOUNTS).flat_map(|account| (0..CONTACTS).map(move |contact| (account, contact)));
        contacts.map(|(account, contact)| self.usage(workspace, (account, contact), true, now)).collect()
    }

    fn event(&mut self, workspace: usize, now: i64) -> Json {
        if self.dice.luck(REPEATED) {
            let again: Vec<&Json> =
                self.before.iter().filter(|(of, _)| *of == workspace).map(|(_, event)| event).collect();
            if !again.is_empty() {
                let again = (*self.dice.pick(&again)).clone();
                let fate = &mut self.fates[workspace];
                let id = again["messageId"].as_str().unwrap_or_default();
                fate.repeated += usize::from(!fate.quarantined.contains_key(id));
                return again;
            }
        }
        let event = self.fresh(workspace, now);
        if self.before.len() < REMEMBERED {
            self.before.push((workspace, event.clone()));
        } else {
            let place = self.dice.below(REMEMBERED as u64) as usize;
            self.before[place] = (workspace, event.clone());
        }
        event
    }

    fn fresh(&mut self, workspace: usize, now: i64) -> Json {
        let at = if self.dice.luck(LATE) { now - self.dice.below(20 * DAY_MS as u64) as i64 } else { now };
        let who = (self.dice.below(ACCOUNTS), self.dice.below(CONTACTS));
        if self.dice.luck(WRONG) {
            self.wrong(workspace)
        } else if self.dice.luck(HOMELESS) {
            self.homeless(workspace, at)
        } else if self.dice.luck(ANONYMOUS) {
            self.visit(workspace, who, at)
        } else if self.dice.luck(TRAITS) {
            self.traits(workspace, who, at)
        } else {
            let names = self.dice.luck(NAMING);
            self.usage(workspace, who, names, at)
        }
    }

    fn usage(&mut self, workspace: usize, who: (u64, u64), names: bool, at: i64) -> Json {
        let (account, contact) = who;
        let number = self.next();
        self.fates[workspace].kept.insert(Number::Used(number), account_name(account));
        let event = if self.dice.luck(ORDERS) { "Order Completed" } else { "Report Exported" };
        let mut call = json!({
            "type": "track", "event": event, "messageId": message_id(number), "timestamp": instant(at),
            "userId": format!("{}-{contact}", account_name(account)),
            "properties": {"n": number, "revenue": self.dice.below(100)},
        });
        if names {
            call["context"] = json!({"groupId": account_name(account)});
        }
        call
    }

    /// Of somebody who belongs nowhere.
    fn homeless(&mut self, workspace: usize, at: i64) -> Json {
        let number = self.next();
        self.fates[workspace].parked += 1;
        json!({
            "type": "track", "event": "Looked Around", "messageId": message_id(number), "timestamp": instant(at),
            "userId": format!("stray-{}", number % 50), "properties": {"n": number},
        })
    }

    /// Of a contact that is not known yet, or who it was. What it did belongs to the account of the one it is.
    fn visit(&mut self, workspace: usize, (account, contact): (u64, u64), at: i64) -> Json {
        let number = self.next();
        let visitor = format!("visitor-{account}-{contact}");
        let (visits, fate) = (&mut self.visits, &mut self.fates[workspace]);
        let visits = visits.entry((workspace, account, contact)).or_insert_with(|| Some(Vec::new()));
        if self.dice.luck(IDENTIFIED) {
            let done = visits.take().unwrap_or_default();
            fate.introduced += 1;
            fate.parked -= done.len();
            fate.kept.extend(done.into_iter().map(|number| (Number::Used(number), account_name(account))));
            return json!({
                "type": "identify", "messageId": message_id(number), "timestamp": instant(at),
                "anonymousId": visitor, "userId": format!("{}-{contact}", account_name(account)),
            });
        }
        match visits {
            Some(visits) => {
                visits.push(number);
                fate.parked += 1;
            }
            None => _ = fate.kept.insert(Number::Used(number), account_name(account)),
        }
        json!({
            "type": "track", "event": "Looked Around", "messageId": message_id(number), "timestamp": instant(at),
            "anonymousId": visitor, "properties": {"n": number},
        })
    }

    /// A call without what was done, without who did it, or at no time that there is.
    fn wrong(&mut self, workspace: usize) -> Json {
        let number = self.next();
        let user = format!("stray-{}", number % 50);
        let mut call = json!({"type": "track", "messageId": message_id(number)});
        let code = *self.dice.pick(&["NO_EVENT_NAME", "NO_USER", "BAD_TIMESTAMP"]);
        if code != "NO_EVENT_NAME" {
            call["event"] = "Looked Around".into();
        }
        if code != "NO_USER" {
            call["userId"] = user.into();
        }
        if code == "BAD_TIMESTAMP" {
            call["timestamp"] = "soon".into();
        }
        self.fates[workspace].quarantined.insert(message_id(number), code.to_owned());
        call
    }

    /// What is known of an account, or of a contact.
    fn traits(&mut self, workspace: usize, (account, contact): (u64, u64), at: i64) -> Json {
        let number = self.next();
        self.fates[workspace].kept.insert(Number::Told(number), account_name(account));
        let user = format!("{}-{contact}", account_name(account));
        let mut call = json!({
            "messageId": message_id(number), "timestamp": instant(at), "userId": user,
            "context": {"groupId": account_name(account)},
        });
        if self.dice.luck(500) {
            call["type"] = "group".into();
            call["groupId"] = account_name(account).into();
            let plan = *self.dice.pick(&["free", "team", "enterprise"]);
            call["traits"] = json!({"plan": plan, "seats": self.dice.below(200), "n": number});
        } else {
            call["type"] = "identify".into();
            call["traits"] = json!({"title": *self.dice.pick(&["CFO", "Analyst", "Buyer"]), "n": number});
        }
        call
    }

    fn next(&mut self) -> u64 {
        self.number += 1;
        self.number
    }
}

fn account_name(account: u64) -> String {
    format!("account-{account}")
}

fn message_id(number: u64) -> String {
    format!("m-{number}")
}

fn instant(at: i64) -> String {
    Timestamp::from_millisecond(at).unwrap_or_default().to_string()
}
