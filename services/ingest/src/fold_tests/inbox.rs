//! One contact's inbox, and what becomes of what it says, in words.

use contracts::{
    account::{Value, value::Kind as ValueKind},
    log::{Cause, ClockKind},
};

use super::super::*;

const ADA: &str = "00000000000000000000000000000ada";

/// One contact's inbox.
pub(super) struct Inbox {
    pub(super) state: ContactState,
    pub(super) clock: ClockKind,
    pub(super) clock_at: Option<i64>,
    offset: u64,
}

impl Inbox {
    pub(super) fn new() -> Self {
        Self { state: ContactState::default(), clock: ClockKind::Wall, clock_at: None, offset: 0 }
    }

    /// Folds a message; every fold also survives being stored and read.
    pub(super) fn say(&mut self, at: i64, message: Message) -> Vec<String> {
        self.hear(at, message, None)
    }

    /// Folds what another contact handed on.
    pub(super) fn take_over(&mut self, at: i64, message: Message) -> Vec<String> {
        self.hear(at, message, Some(Cause::default()))
    }

    fn hear(&mut self, at: i64, message: Message, cause: Option<Cause>) -> Vec<String> {
        self.state = ContactState::decode(&self.state.encode()).unwrap();
        self.offset += 1;
        let (mut out, offset) = (Forwards::default(), self.offset);
        let key = inbox_key("w", &message);
        let header = Header {
            id: contracts::id_bytes(u128::from(offset)).into(),
            event_at: at,
            original_at: at,
            cause,
            ..Header::default()
        };
        self.at(&key, at, |context, state| Attribution.fold(context, state, &header, message, &mut out));
        said(out)
    }

    pub(super) fn wait_until(&mut self, at: i64) -> Vec<String> {
        let mut out = Forwards::default();
        self.at(&Key::new("w", ADA), at, |context, state| Attribution.timer(context, state, &mut out));
        said(out)
    }

    pub(super) fn at(
        &mut self,
        key: &Key,
        appended_at: i64,
        act: impl FnOnce(&ForwardContext<'_, ()>, &mut ContactState),
    ) {
        let context = ForwardContext {
            key,
            catalogue: &(),
            catalogue_version: 1,
            clock: self.clock,
            clock_at: self.clock_at,
            partition: 0,
            offset: self.offset,
            appended_at,
        };
        act(&context, &mut self.state);
    }
}

pub(super) fn message(kind: MessageKind) -> Message {
    Message { kind: kind.into(), contact: contracts::id_bytes(0xada), active: true, ..Message::default() }
}

pub(super) fn track(event: &str) -> Message {
    Message { event: event.into(), ..message(MessageKind::Track) }
}

pub(super) fn track_in(account: &str, event: &str) -> Message {
    Message { context_account: account.into(), ..track(event) }
}

pub(super) fn group(account: &str, traits: &[(&str, &str)]) -> Message {
    Message { group_account: account.into(), traits: values(traits), ..message(MessageKind::Group) }
}

pub(super) fn identify(traits: &[(&str, &str)]) -> Message {
    Message { traits: values(traits), ..message(MessageKind::Identify) }
}

pub(super) fn values(pairs: &[(&str, &str)]) -> Vec<NamedValue> {
    let value = |text: &str| Some(Value { kind: Some(ValueKind::Text(text.into())) });
    pairs.iter().map(|(name, text)| NamedValue { name: (*name).into(), value: value(text) }).collect()
}

/// What was forwarded and told, in words, counts left out.
pub(super) fn said(out: Forwards<Item>) -> Vec<String> {
    let facts = out.facts.iter().map(fact).chain(out.messages.iter().map(handed));
    let items = out.items.iter().filter_map(|item| match item {
        Item::Quarantined(quarantined) => Some(format!("quarantine {}", quarantined.code)),
        Item::Counted | Item::Waiting(_) | Item::Belongs(_) => None,
    });
    facts.chain(items).collect()
}

fn fact(forward: &Forward) -> String {
    let (account, at) = (&forward.to.account, forward.event_at);
    let due = if forward.due_at == 0 { String::new() } else { format!(" due {}", forward.due_at) };
    let traits =
        |traits: &[NamedValue]| traits.iter().map(|it| it.name.clone()).collect::<Vec<_>>().join(",");
    match AccountRecord::decode(forward.body.clone()).unwrap().kind.unwrap() {
        Body::Usage(usage) if usage.guessed => format!("{account}: guessed {} at {at}{due}", usage.event),
        Body::Usage(usage) => format!("{account}: {} at {at}{due}", usage.event),
        Body::AccountTraits(it) => format!("{account}: is {} at {at}{due}", traits(&it.traits)),
        Body::ContactTraits(it) => format!("{account}: contact is {} at {at}{due}", traits(&it.traits)),
        Body::ContactMembership(it) if it.member => format!("{account}: joined at {at}{due}"),
        Body::ContactMembership(_) => format!("{account}: left at {at}{due}"),
        Body::ContractTerms(it) => {
            format!("{account}: contract {} is {} at {at}{due}", it.contract, traits(&it.terms))
        }
        other => panic!("{other:?}"),
    }
}

fn handed(forward: &Forward) -> String {
    let Some(Kind::Message(message)) = InboxRecord::decode(forward.body.clone()).unwrap().kind else {
        panic!("{forward:?}")
    };
    assert_eq!(inbox_key("w", &message), forward.to);
    let to = contracts::id("contact", &message.contact).unwrap();
    format!("to {to:x}: {} at {}", message.event, forward.event_at)
}

/// Something is said of a contract, by nobody.
pub(super) fn contract(account: &str, contract: &str, term: &str) -> Message {
    let value = Some(Value { kind: Some(ValueKind::Bool(true)) });
    Message {
        group_account: account.into(),
        contract: contract.into(),
        terms: vec![NamedValue { name: term.into(), value }],
        contact: Vec::new(),
        ..message(MessageKind::Contract)
    }
}

/// The contact turned out to be this one.
pub(super) fn link(known: u128) -> Message {
    Message { known: contracts::id_bytes(known), ..message(MessageKind::Link) }
}
