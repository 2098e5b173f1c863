//! Whole records of the account log, between bytes and domain.

use domain::decision::Decision;
use prost::{Message, bytes::Bytes};

use crate::{
    account::{AccountRecord, account_record::Kind},
    error::Malformed,
    fact::{Said, said},
    log::Header,
};

/// Reads a fact, command or report from a record's bytes; `Ok(None)` for a decision.
pub fn read_said(header: &Header, record: &[u8]) -> Result<Option<Said>, Malformed> {
    said(header, kind(record)?)
}

/// Reads a decision from a record's bytes; anything else is malformed here.
pub fn read_decision(header: &Header, record: &[u8]) -> Result<Decision, Malformed> {
    crate::decision(header, kind(record)?)?.ok_or_else(|| Malformed::new("kind", "not a decision"))
}

fn kind(record: &[u8]) -> Result<Kind, Malformed> {
    let record =
        AccountRecord::decode(record).map_err(|fault| Malformed::new("record", fault.to_string()))?;
    record.kind.ok_or_else(|| Malformed::new("kind", "missing or unknown"))
}

/// A record's fields without its header.
pub fn body(kind: impl Into<Kind>) -> Bytes {
    AccountRecord { header: None, control: None, kind: Some(kind.into()) }.encode_to_vec().into()
}
