//! What a record is, told by its bytes without reading them all.

use std::{collections::BTreeMap, sync::LazyLock};

use eventlog::{Feed, Stream, Topic};
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};
use prost_reflect::FieldDescriptor;

use crate::POOL;

/// The field of a record that speaks to the engine.
const CONTROL: u32 = 2;
/// Of a record that says nothing that this build knows.
const NOTHING: &str = "perennial.log.v1.Envelope";
const DEAD_LETTER: &str = "perennial.log.v1.DeadLetter";

/// The messages of a record's `kind`, by the numbers of their fields.
type Kinds = BTreeMap<u32, String>;

static INBOX: LazyLock<Kinds> = LazyLock::new(|| kinds("perennial.inbox.v1.InboxRecord"));
static ACCOUNT: LazyLock<Kinds> = LazyLock::new(|| kinds("perennial.account.v1.AccountRecord"));
static QUARANTINE: LazyLock<Kinds> = LazyLock::new(|| kinds("perennial.ingest.v1.QuarantineRecord"));
static CONTROLS: LazyLock<Kinds> = LazyLock::new(|| kinds("perennial.log.v1.Control"));

/// The name of the message that a record carries, e.g. `perennial.account.v1.Usage`.
pub fn kind(stream: Stream, record: &[u8]) -> &'static str {
    let kinds = match stream {
        Stream::Topic(Topic::Inbox) => &*INBOX,
        Stream::Topic(Topic::Account) => &*ACCOUNT,
        Stream::Topic(Topic::InboxDead | Topic::AccountDead) => return DEAD_LETTER,
        Stream::Feed(Feed::Quarantine) => &*QUARANTINE,
        Stream::Feed(Feed::HealthChanged | Feed::MembershipChanged | Feed::CtaChanged) => &*ACCOUNT,
    };
    let found = fields(record).find_map(|(number, message)| {
        if number == CONTROL { one_of(&CONTROLS, message) } else { kinds.get(&number).map(String::as_str) }
    });
    found.unwrap_or(NOTHING)
}

fn one_of(kinds: &'static Kinds, message: &[u8]) -> Option<&'static str> {
    fields(message).find_map(|(number, _)| kinds.get(&number).map(String::as_str))
}

fn kinds(record: &str) -> Kinds {
    let message = POOL.as_ref().ok().and_then(|pool| pool.get_message_by_name(record));
    let oneofs = message.iter().flat_map(|message| message.oneofs());
    let fields: Vec<FieldDescriptor> = oneofs.flat_map(|oneof| oneof.fields().collect::<Vec<_>>()).collect();
    let name = |field: &FieldDescriptor| Some(field.kind().as_message()?.full_name().to_owned());
    fields.iter().filter_map(|field| Some((field.number(), name(field)?))).collect()
}

/// The fields that are messages, with their bytes, as far as it can be read.
fn fields(mut record: &[u8]) -> impl Iterator<Item = (u32, &[u8])> {
    std::iter::from_fn(move || {
        loop {
            let (number, wire) = decode_key(&mut record).ok()?;
            if wire != WireType::LengthDelimited {
                skip_field(wire, number, &mut record, DecodeContext::default()).ok()?;
                continue;
            }
            let length = usize::try_from(decode_varint(&mut record).ok()?).ok()?;
            let (message, rest) = record.split_at_checked(length)?;
            record = rest;
            return Some((number, message));
        }
    })
}

#[cfg(test)]
mod tests {
    use eventlog::{
        control_record,
        proto::{Header, Tick, control},
    };
    use prost::Message as _;

    use super::*;
    use crate::{account, inbox};

    #[test]
    fn a_record_says_what_it_carries() {
        let header = || Some(Header { workspace: "w".into(), event_at: 5, ..Header::default() });
        let usage = account::Usage { event: "Login".into(), ..Default::default() };
        let fact = account::AccountRecord {
            header: header(),
            control: None,
            kind: Some(account::account_record::Kind::Usage(usage)),
        };
        let message = inbox::inbox_record::Kind::Message(inbox::Message::default());
        let said = inbox::InboxRecord { header: header(), control: None, kind: Some(message) };
        let tick = control_record(Header::default(), control::Kind::Tick(Tick {}));
        for (topic, record, expected) in [
            (Topic::Account, fact.encode_to_vec(), "perennial.account.v1.Usage"),
            (Topic::Inbox, said.encode_to_vec(), "perennial.inbox.v1.Message"),
            (Topic::Account, tick.to_vec(), "perennial.log.v1.Tick"),
            (Topic::InboxDead, Vec::new(), DEAD_LETTER),
            (Topic::Account, Vec::new(), NOTHING),
            (Topic::Account, b"rubbish \xff".to_vec(), NOTHING),
        ] {
            assert_eq!(kind(Stream::Topic(topic), &record), expected);
        }
    }
}
