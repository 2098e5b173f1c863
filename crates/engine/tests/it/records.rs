//! Records of the toy, as a log holds them.

use bytes::Bytes;
use eventlog::{
    FORMAT, GENERATION, concat_record, control_record,
    proto::{CatalogueVersion, ClockKind, Header, control},
};
use prost::Message;
use testkit::sim::toy::{Toy, USE};

fn header(account: &str, id: u32) -> Header {
    Header {
        format: FORMAT,
        generation: GENERATION,
        workspace: "w".into(),
        account: account.into(),
        id: Bytes::copy_from_slice(&u128::from(id).to_be_bytes()),
        ..Header::default()
    }
}

/// The workspace's first catalogue, on the wall clock.
pub(crate) fn catalogue() -> Bytes {
    let version = CatalogueVersion {
        version: 1,
        part: 1,
        parts: 1,
        clock: ClockKind::Wall.into(),
        document: Bytes::from_static(b"1"),
        ..CatalogueVersion::default()
    };
    control_record(header("", 0), control::Kind::CatalogueVersion(version))
}

pub(crate) fn usage(account: &str, id: u32) -> Bytes {
    concat_record(header(account, id), &Toy { kind: USE, a: 1, b: 0 }.encode_to_vec())
}
