//! The bounds that the edge keeps: everything a client can make grow has one.

use std::time::Duration;

/// Bytes of a body, as it comes and as it is after decompression.
pub(crate) const MAX_BODY: usize = 4 * 1024 * 1024;
/// Bytes that are read of a body that is too large.
pub(crate) const MAX_HEARD: usize = 16 * MAX_BODY;
/// Bytes that all requests of senders with a key may hold at once, in this process: bodies, and what becomes of them.
pub(crate) const MAX_HELD: usize = 224 * 1024 * 1024;
/// The same of those who have not shown one yet: it may stand in the body.
pub(crate) const MAX_HELD_BY_STRANGERS: usize = 32 * 1024 * 1024;
/// How long a body may take to come.
pub(crate) const BODY_WITHIN: Duration = Duration::from_secs(30);
/// Bytes of one event. One that is larger goes to quarantine; the rest of its batch is kept.
pub(crate) const MAX_EVENT: usize = 32 * 1024;
/// Bytes of one event as the log and the directory have it, each leaf under its whole path: nesting repeats the
/// paths, and a contact's traits go to each of its accounts.
pub(crate) const MAX_RECORD: usize = 64 * 1024;
/// Bytes of a batch's context, once for each of its calls: it lies under each of them.
pub(crate) const MAX_CONTEXTS: usize = 4 * MAX_BODY;
/// Calls of one batch: more than fit into a body, unless they say nothing.
pub(crate) const MAX_CALLS: usize = 50_000;
/// Nesting of JSON, envelope included.
pub(crate) const MAX_DEPTH: usize = 64;
/// Nesting of lists in a value: what a reader of the log can decode.
pub(crate) const MAX_LIST_DEPTH: usize = 16;
/// Properties and traits of one event, nested ones counted one by one.
pub(crate) const MAX_PROPERTIES: usize = 10_000;
/// Characters of a message id.
pub(crate) const MAX_MESSAGE_ID: usize = 100;
/// Bytes of an account's id, of an event's name and of a property's name: they become keys of indexes.
pub(crate) const MAX_NAME: usize = 255;
/// Bytes of a contact's id; the log has only its pseudonym.
pub(crate) const MAX_CONTACT_ID: usize = 1_024;
/// Events that may wait for the log's acknowledgement at once, in this process.
pub(crate) const MAX_IN_FLIGHT: usize = 100_000;
/// Bytes of records that are appended to a partition at once.
pub(crate) const MAX_APPEND: usize = 1024 * 1024;
/// How far an event may lie in the future, milliseconds.
pub(crate) const MAX_AHEAD_MS: i64 = 5 * 60 * 1000;
/// Bytes of a refused event that are kept for people to look at.
pub(crate) const MAX_KEPT_BODY: usize = MAX_EVENT;
