//! What the customers of one workspace do: random calls with random times, some of them twice.

use contracts::{
    account::NamedValue,
    inbox::{Message, MessageKind},
};
use eventlog::{Key, NewRecord};

use crate::{
    catalogues::{EVENTS, PLANS, TAGS},
    dice::Dice,
    records::{hundredths, message, named, text, texts},
};

pub(crate) const DAY_MS: i64 = 86_400_000;
pub(crate) const HOUR_MS: i64 = DAY_MS / 24;

/// The customers of one workspace.
pub(crate) struct People {
    workspace: String,
    accounts: Vec<String>,
    contacts: Vec<Vec<u8>>,
    said: u64,
    /// With the log's time.
    sent: Vec<(i64, (Key, NewRecord))>,
}

impl People {
    pub(crate) fn new(workspace: &str, dice: &mut Dice) -> Self {
        let accounts = (0..3 + dice.below(3)).map(|n| format!("account-{n}")).collect();
        let contacts = (0..3 + dice.below(4)).map(|_| dice.id().to_vec()).collect();
        Self { workspace: workspace.into(), accounts, contacts, said: 0, sent: Vec::new() }
    }

    pub(crate) fn accounts(&self) -> &[String] {
        &self.accounts
    }

    /// A call that happened at `event_at`; one in ten repeats one of the last day instead.
    pub(crate) fn say(&mut self, dice: &mut Dice, now: i64, event_at: i64) -> (Key, NewRecord) {
        self.sent.retain(|(at, _)| now - at < DAY_MS);
        if !self.sent.is_empty() && dice.once_in(10) {
            return dice.pick(&self.sent).1.clone();
        }
        self.said += 1;
        let said = self.call(dice, event_at);
        let id = u128::from(self.said) << 96 | u128::from(dice.next());
        let sent = message(&self.workspace, id.to_be_bytes(), event_at, said);
        self.sent.push((now, sent.clone()));
        sent
    }

    fn call(&self, dice: &mut Dice, event_at: i64) -> Message {
        let account = dice.pick(&self.accounts).clone();
        let base = Message {
            source: "default".into(),
            message_id: format!("message-{}", self.said),
            contact: dice.pick(&self.contacts).clone(),
            active: !dice.once_in(8),
            ..Message::default()
        };
        let context = |dice: &mut Dice| if dice.once_in(3) { String::new() } else { account.clone() };
        match dice.below(14) {
            0 => Message {
                kind: MessageKind::Group.into(),
                group_account: account,
                traits: account_traits(dice, event_at),
                contact: if dice.once_in(2) { Vec::new() } else { base.contact.clone() },
                ..base
            },
            1 => Message {
                kind: MessageKind::Group.into(),
                group_account: account,
                traits: account_traits(dice, event_at),
                ..base
            },
            2 | 3 => Message {
                kind: MessageKind::Identify.into(),
                context_account: context(dice),
                traits: contact_traits(dice),
                ..base
            },
            4 => Message {
                kind: MessageKind::Page.into(),
                context_account: context(dice),
                event: "Viewed Home".into(),
                ..base
            },
            5 if dice.once_in(3) => Message {
                kind: MessageKind::Track.into(),
                context_account: account.clone(),
                event: "Account Removed User".into(),
                ..base
            },
            // Anybody may be said to be anybody else, or the same.
            6 if dice.once_in(3) => {
                Message { kind: MessageKind::Link.into(), known: dice.pick(&self.contacts).clone(), ..base }
            }
            12 | 13 => Message {
                kind: MessageKind::Contract.into(),
                group_account: account,
                contract: dice.word(&["c-1", "c-2", "c-3"]).into(),
                terms: terms(dice, event_at),
                contact: Vec::new(),
                ..base
            },
            _ => Message {
                kind: MessageKind::Track.into(),
                context_account: context(dice),
                event: dice.word(&EVENTS).into(),
                properties: properties(dice),
                ..base
            },
        }
    }
}

fn properties(dice: &mut Dice) -> Vec<NamedValue> {
    let mut properties = Vec::new();
    if dice.once_in(3) {
        properties.push(named("flag", Some(contracts::account::value::Kind::Bool(dice.once_in(2)))));
    }
    if !dice.once_in(3) {
        properties.push(named("plan", if dice.once_in(6) { None } else { text(dice.word(&PLANS)) }));
    }
    match dice.below(6) {
        0 => {}
        1 => properties.push(named("revenue", text("a lot"))),
        _ => properties.push(named("revenue", hundredths(dice.range(-500, 6_000)))),
    }
    if dice.once_in(3) {
        properties.push(named("tags", texts(&[dice.word(&TAGS), dice.word(&TAGS)])));
    }
    properties
}

fn account_traits(dice: &mut Dice, event_at: i64) -> Vec<NamedValue> {
    let mut traits = Vec::new();
    if !dice.once_in(3) {
        traits.push(named("plan", if dice.once_in(8) { None } else { text(dice.word(&PLANS)) }));
    }
    if dice.once_in(3) {
        let date = near(dice, event_at);
        traits.push(named("renewal", if dice.once_in(6) { text("soon") } else { text(&date) }));
    }
    if dice.once_in(3) {
        traits.extend(terms(dice, event_at).into_iter().filter(|term| term.name != "end_date"));
        traits.push(named("renewal_date", text(&near(dice, event_at))));
    }
    if dice.once_in(2) {
        traits.push(named("seats", hundredths(dice.range(0, 2_000))));
    }
    if dice.once_in(4) {
        traits.push(named("tags", texts(&[dice.word(&TAGS)])));
    }
    if dice.once_in(4) {
        traits.push(named("vip", Some(contracts::account::value::Kind::Bool(dice.once_in(2)))));
    }
    traits
}

/// A day, or an instant.
fn near(dice: &mut Dice, event_at: i64) -> String {
    let at = event_at + dice.range(-10 * DAY_MS, 30 * DAY_MS);
    let date = jiff::Timestamp::from_millisecond(at).map_or(String::new(), |at| at.to_string());
    if dice.once_in(2) { date.get(..10).unwrap_or_default().to_owned() } else { date }
}

/// Of a contract: a few, and now and then one that holds no more.
fn terms(dice: &mut Dice, event_at: i64) -> Vec<NamedValue> {
    let names = [
        "start_date",
        "end_date",
        "end_date",
        "notice_deadline",
        "notice_days",
        "term_months",
        "auto_renew",
        "arr_minor",
        "currency",
        "status",
        "verdict",
    ];
    let term = |dice: &mut Dice, name: &str| {
        let value = match name {
            _ if dice.once_in(12) => None,
            "notice_days" | "term_months" => hundredths(dice.range(0, 15) * 100),
            "arr_minor" => hundredths(dice.range(0, 900)),
            "auto_renew" => Some(contracts::account::value::Kind::Bool(!dice.once_in(4))),
            "currency" => text(dice.word(&["EUR", "EUR", "USD"])),
            "status" => text(dice.word(&["active", "active", "renewed", "ending", "ended"])),
            "verdict" => text(dice.word(&["undecided", "renewing", "not_renewing"])),
            _ => text(&near(dice, event_at)),
        };
        named(name, value)
    };
    let mut terms = Vec::new();
    for _ in 0..1 + dice.below(5) {
        let name = dice.word(&names);
        terms.push(term(dice, name));
    }
    terms.sort_by(|a, b| a.name.cmp(&b.name));
    terms.dedup_by(|a, b| a.name == b.name);
    terms
}

fn contact_traits(dice: &mut Dice) -> Vec<NamedValue> {
    let mut traits = Vec::new();
    if dice.once_in(2) {
        traits.push(named("level", if dice.once_in(6) { None } else { hundredths(dice.range(0, 8) * 100) }));
    }
    if dice.once_in(2) {
        traits.push(named("title", text(dice.word(&PLANS))));
    }
    traits
}
