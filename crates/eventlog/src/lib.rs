//! The log: numbered records in partitions, and the header that every record carries.
//!
//! Invariants: offsets of a partition are dense and become visible in order; append times never fall within a
//! partition; an acknowledged record is durable.

mod header;
pub mod kafka;
mod key;
mod member;
mod port;
pub mod postgres;

pub use header::{CauseOrder, FORMAT, GENERATION, concat_record, control_record};
pub use key::{Key, partition_of};
pub use port::{
    Ack, Appended, Change, Feed, Log, LogError, MAX_BATCH_BYTES, Membership, NewRecord, Stored, Stream,
    Topic, TopicPartition, append,
};

/// Messages of `proto/perennial/log/v1`: what the engine reads of every record.
pub mod proto {
    #![expect(clippy::all, reason = "generated")]
    include!(concat!(env!("OUT_DIR"), "/perennial.log.v1.rs"));
}
