//! Attribution: which account a message is about, and what of it goes to whose log.
//!
//! One contact at a time, in the order of the inbox. An anonymous one that turns out to be known hands what it has no
//! account for to the known one's partition of the inbox. Invariant: what follows from a message depends on the
//! messages before it and on nothing else; only that fences forwards, so it changes only by a numbered meaning.

use contracts::{
    account::{
        AccountRecord, AccountTraits, ContactMembership, ContactTraits, ContractTerms, NamedValue, Usage,
        account_record::Kind as Body,
    },
    inbox::{InboxRecord, Message, MessageKind, inbox_record::Kind},
    log::{CatalogueVersion, Header},
};
use engine::{Forward, ForwardContext, ForwardFold, Forwards, Poison};
use eventlog::{Key, Stored};
use prost::Message as _;

use crate::{
    attribution::{Belongs, ContactState, Held, Item, PARKED_FOR_MS, Quarantined, Trait},
    pseudonym,
};

/// The usage event by which a client says that a contact has left an account.
const REMOVED: &str = "Account Removed User";
/// From one fact's id to the next of the same message: accounts tell changes apart by the upper half.
const NEXT: u128 = 1 << 64;

/// Attribution as the engine runs it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Attribution;

impl ForwardFold for Attribution {
    type Catalogue = ();
    type State = ContactState;
    type Fact = Message;
    type Item = Item;

    fn compile(&self, _version: &CatalogueVersion, _document: &[u8]) -> Result<(), Poison> {
        Ok(())
    }

    fn read_fact(&self, header: &Header, record: &Stored) -> Result<Message, Poison> {
        let record = InboxRecord::decode(record.value.clone())
            .map_err(|e| Poison(format!("not an inbox record: {e}")))?;
        let Some(Kind::Message(message)) = record.kind else {
            return Err(Poison("an inbox record of a kind that this build does not know".into()));
        };
        contracts::id("header.id", &header.id).map_err(|e| Poison(e.to_string()))?;
        contracts::optional_id("contact", &message.contact).map_err(|e| Poison(e.to_string()))?;
        if message.kind() == MessageKind::Link {
            contracts::id("contact", &message.contact).map_err(|e| Poison(e.to_string()))?;
            contracts::id("known", &message.known).map_err(|e| Poison(e.to_string()))?;
        }
        Ok(message)
    }

    fn identity(&self, header: &Header, _message: &Message) -> Option<u128> {
        contracts::id("header.id", &header.id).ok()
    }

    fn fresh(&self, _key: &Key) -> ContactState {
        ContactState::default()
    }

    fn fold(
        &self,
        at: &ForwardContext<'_, ()>,
        state: &mut ContactState,
        header: &Header,
        message: Message,
        out: &mut Forwards<Item>,
    ) {
        let is_handed = header.cause.is_some();
        // A link comes beside a message, and what is handed on was counted where it came in.
        if !is_handed && message.kind() != MessageKind::Link {
            out.items.push(Item::Counted);
        }
        let id = contracts::id("header.id", &header.id).unwrap_or_default();
        let held = Held {
            id,
            event_at: header.event_at,
            original_at: header.original_at,
            appended_at: at.appended_at,
            message,
        };
        Attributing { at, state, out, is_handed }.take(held);
    }

    fn timer(&self, at: &ForwardContext<'_, ()>, state: &mut ContactState, out: &mut Forwards<Item>) {
        let expired = state.expired(at.appended_at);
        waiting(-count(&expired), out);
        for held in expired {
            let reason = "no account became known for this contact within 30 days";
            out.items.push(Item::Quarantined(Quarantined::of(&held, "NO_ACCOUNT", reason)));
        }
    }

    fn wake(&self, state: &ContactState) -> Option<i64> {
        state.parked().next().map(|held| held.appended_at.saturating_add(PARKED_FOR_MS))
    }

    fn encode(&self, state: &ContactState) -> Vec<u8> {
        state.encode()
    }

    fn decode(&self, _key: &Key, bytes: &[u8]) -> Result<ContactState, Poison> {
        ContactState::decode(bytes).map_err(Poison)
    }
}

/// An account that a contact is new to, and what was known of the contact before.
struct Joined {
    account: String,
    traits: Vec<(i64, u128, Vec<NamedValue>)>,
}

/// One message on its way to the accounts it is about.
struct Attributing<'a, 'c> {
    at: &'a ForwardContext<'c, ()>,
    state: &'a mut ContactState,
    out: &'a mut Forwards<Item>,
    /// The message was the anonymous contact's that turned out to be this one.
    is_handed: bool,
}

impl Attributing<'_, '_> {
    /// What is said before who belongs where: an account that is new is never one in which nothing happened.
    fn take(&mut self, held: Held) {
        if held.message.kind() == MessageKind::Contract {
            return self.about_a_contract(&held);
        }
        if held.message.contact.is_empty() {
            return self.about_the_account(&held);
        }
        let joined: Vec<Joined> = named(&held.message).filter_map(|account| self.join(account)).collect();
        let forgotten: Vec<String> = std::iter::from_fn(|| self.state.leave_oldest()).collect();
        let mut used = None;
        match held.message.kind() {
            MessageKind::Identify => self.identify(&held),
            MessageKind::Group => self.about_the_account(&held),
            MessageKind::Track | MessageKind::Page | MessageKind::Screen => used = self.usage(&held),
            MessageKind::Link => self.link(&held),
            MessageKind::Alias | MessageKind::Contract | MessageKind::Unspecified => {}
        }
        for joined in joined {
            self.introduce(joined, &held);
        }
        for account in forgotten {
            self.membership(&account, false, &held);
        }
        let left = used.filter(|_| held.message.event == REMOVED);
        if let Some(account) = left.filter(|account| self.state.leave(account)) {
            self.membership(&account, false, &held);
        }
    }

    /// A group call's traits are the account's.
    fn about_the_account(&mut self, held: &Held) {
        let account = held.message.group_account.clone();
        if account.is_empty() || (held.message.traits.is_empty() && !held.message.contact.is_empty()) {
            return;
        }
        let body = Body::AccountTraits(AccountTraits { traits: held.message.traits.clone() });
        self.forward(&account, held.id, held, body);
    }

    /// Whoever said it belongs nowhere because of it.
    fn about_a_contract(&mut self, held: &Held) {
        let Message { group_account, contract, terms, .. } = &held.message;
        if group_account.is_empty() {
            return;
        }
        let body = ContractTerms { contract: contract.clone(), terms: terms.clone() };
        self.forward(group_account, held.id, held, Body::ContractTerms(body));
    }

    /// The contact belongs to the account from here on, which gets what was waiting for an account; what else it is
    /// to learn, if it did not know the contact.
    fn join(&mut self, account: String) -> Option<Joined> {
        if self.state.see_in(&account) {
            return None;
        }
        let released = self.state.release();
        waiting(-count(&released), self.out);
        for held in released {
            self.usage_of(&account, &held, false);
        }
        Some(Joined { account, traits: self.state.traits_by_change() })
    }

    /// An account learns who joined, and what is known of them.
    fn introduce(&mut self, joined: Joined, by: &Held) {
        let Joined { account, traits } = joined;
        self.membership(&account, true, by);
        for (event_at, id, traits) in traits {
            let known = Held { id, event_at, original_at: event_at, ..by.clone() };
            let contact = by.message.contact.clone();
            self.forward(&account, id, &known, Body::ContactTraits(ContactTraits { contact, traits }));
        }
    }

    /// The facts of one message have rising ids, in the order in which they are to be folded.
    fn membership(&mut self, account: &str, member: bool, by: &Held) {
        let contact = by.message.contact.clone();
        let id = by.id.wrapping_add(if member { NEXT } else { 2 * NEXT });
        self.forward(account, id, by, Body::ContactMembership(ContactMembership { contact, member }));
        let since_at = by.event_at;
        self.out.items.push(Item::Belongs(Belongs { account: account.to_owned(), member, since_at }));
    }

    /// A contact's traits go to all its accounts, and are kept for those it joins later.
    fn identify(&mut self, held: &Held) {
        let message = &held.message;
        for NamedValue { name, value } in &message.traits {
            let value = Some(value.clone().unwrap_or_default());
            self.state.set_trait(Trait { name: name.clone(), event_at: held.event_at, id: held.id, value });
        }
        if message.traits.is_empty() {
            return;
        }
        let body = ContactTraits { contact: message.contact.clone(), traits: message.traits.clone() };
        for account in self.state.accounts().to_vec() {
            self.forward(&account, held.id, held, Body::ContactTraits(body.clone()));
        }
    }

    /// The account that the usage is of, if it is known.
    fn usage(&mut self, held: &Held) -> Option<String> {
        let named = named(&held.message).next();
        let guessed = named.is_none() && self.state.accounts().len() > 1;
        let account = named.or_else(|| self.state.last_seen_in().map(str::to_owned));
        match &account {
            Some(account) => self.usage_of(account, held, guessed),
            None => self.wait(held.clone()),
        }
        account
    }

    /// An account that is only guessed is not told what the usage says of it: it may be about another.
    fn usage_of(&mut self, account: &str, held: &Held, guessed: bool) {
        let message = &held.message;
        let usage = Usage {
            contact: message.contact.clone(),
            event: message.event.clone(),
            properties: message.properties.clone(),
            active: message.active,
            guessed,
        };
        self.forward(account, held.id, held, Body::Usage(usage));
        if !guessed && !message.traits.is_empty() {
            let traits = AccountTraits { traits: message.traits.clone() };
            self.forward(account, held.id.wrapping_add(1), held, Body::AccountTraits(traits));
        }
    }

    /// The contact turned out to be another, which gets what was waiting for an account, and what comes to wait later.
    fn link(&mut self, held: &Held) {
        let Ok(known) = contracts::id("known", &held.message.known) else { return };
        if !self.state.link(known) {
            return;
        }
        let released = self.state.release();
        waiting(-count(&released), self.out);
        released.into_iter().for_each(|held| self.hand_on(known, held));
    }

    /// No account is known. What was handed on once is not handed on again: two contacts may be said to be each other.
    fn wait(&mut self, held: Held) {
        match self.state.known() {
            Some(known) if !self.is_handed => self.hand_on(known, held),
            _ => self.park(held),
        }
    }

    fn hand_on(&mut self, known: u128, held: Held) {
        let Held { id, event_at, original_at, mut message, .. } = held;
        message.contact = contracts::id_bytes(known);
        message.anonymous = false;
        self.out.messages.push(Forward {
            to: inbox_key(&self.at.key.workspace, &message),
            id: contracts::id_bytes(id).into(),
            event_at,
            original_at,
            due_at: 0,
            body: InboxRecord { header: None, control: None, kind: Some(Kind::Message(message)) }
                .encode_to_vec()
                .into(),
        });
    }

    fn park(&mut self, held: Held) {
        match self.state.park(held) {
            None => waiting(1, self.out),
            Some(held) => {
                let reason = "too much waits for this contact's account to become known";
                self.out.items.push(Item::Quarantined(Quarantined::of(&held, "PARKED_FULL", reason)));
            }
        }
    }

    fn forward(&mut self, account: &str, id: u128, held: &Held, body: Body) {
        self.out.facts.push(Forward {
            to: Key::new(self.at.key.workspace.clone(), account),
            id: contracts::id_bytes(id).into(),
            event_at: held.event_at,
            original_at: held.original_at,
            due_at: self.at.due_at(held.event_at),
            body: AccountRecord { header: None, control: None, kind: Some(body) }.encode_to_vec().into(),
        });
    }
}

/// Tells by how many the events that wait for an account have become more.
fn waiting(more: i64, out: &mut Forwards<Item>) {
    if more != 0 {
        out.items.push(Item::Waiting(more));
    }
}

fn count(held: &[Held]) -> i64 {
    i64::try_from(held.len()).unwrap_or(i64::MAX)
}

/// The accounts a message names, the context's first.
fn named(message: &Message) -> impl Iterator<Item = String> + use<> {
    let second = if message.group_account == message.context_account {
        String::new()
    } else {
        message.group_account.clone()
    };
    [message.context_account.clone(), second].into_iter().filter(|account| !account.is_empty())
}

/// The partition's key of an inbox message: its contact, else the account it is about.
pub(crate) fn inbox_key(workspace: &str, message: &Message) -> Key {
    match contracts::optional_id("contact", &message.contact) {
        Ok(Some(contact)) => Key::new(workspace, pseudonym::to_hex(domain::ids::ContactId(contact))),
        _ => Key::new(workspace, message.group_account.clone()),
    }
}

#[cfg(test)]
#[path = "fold_tests/mod.rs"]
mod tests;
