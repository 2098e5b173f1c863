//! Records that nobody can read, for every partition of a topic.

use contracts::account::AccountRecord;
use eventlog::{
    FORMAT, GENERATION, Key,
    proto::{Envelope, Header},
};
use prost::Message;

/// Number 99, a text: a kind that no build knows.
const UNKNOWN_KIND: [u8; 8] = [0x9a, 0x06, 0x05, b'o', b't', b'h', b'e', b'r'];

/// The id of those that have one.
const ID: [u8; 16] = [7; 16];

/// What is wrong with such a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    NoRecord,
    NoHeader,
    UnknownKind,
}

/// No protobuf; nothing at all; a record that ends too early; one of an unknown kind about the account.
pub(crate) fn records(key: &Key) -> [Vec<u8>; 4] {
    let header = Header {
        format: FORMAT,
        generation: GENERATION,
        workspace: key.workspace.clone(),
        account: key.account.clone(),
        id: ID.to_vec().into(),
        event_at: 1,
        original_at: 1,
        ..Header::default()
    };
    let whole = AccountRecord { header: Some(header), control: None, kind: None }.encode_to_vec();
    let early = whole[..whole.len() - 1].to_vec();
    [vec![0xff; 40], Vec::new(), early, [whole, UNKNOWN_KIND.to_vec()].concat()]
}

/// What is wrong with a record, if it is one of these.
pub(crate) fn trouble(record: &[u8]) -> Option<Trouble> {
    match Envelope::decode(record).map(|read| read.header) {
        Err(_) => Some(Trouble::NoRecord),
        Ok(None) => Some(Trouble::NoHeader),
        Ok(Some(header)) => (header.id[..] == ID).then_some(Trouble::UnknownKind),
    }
}

/// An account for each partition of so many.
pub(crate) fn accounts(workspace: &str, prefix: &str, partitions: u32) -> Vec<Key> {
    let of = |partition| {
        let mut keys = (0..).map(|number| Key::new(workspace, format!("{prefix}-{number}")));
        keys.find(|key| key.partition(partitions) == partition)
    };
    (0..partitions).filter_map(of).collect()
}
