//! Perennial's contracts: the messages and gRPC stubs generated from `proto/`, and their way into the domain.
//!
//! Invariant: wire types stop here. What `TryFrom` lets through is whole; nothing behind it is optional that is
//! not really optional.

mod decision;
mod definitions;
mod error;
mod fact;
mod kind;
mod mask;
mod record;
mod value;

pub use decision::{decision, request_of};
pub use definitions::compile;
pub use error::{Malformed, hex_id, id, id_bytes, optional_id};
pub use fact::{Said, said};
pub use kind::kind;
pub use mask::{BadMask, POOL, ReadMask};
pub use prost_types::FieldMask;
pub use record::{body, read_decision, read_said};
pub use value::{named, wire_named};

mod generated {
    #![expect(
        clippy::all,
        clippy::allow_attributes,
        clippy::allow_attributes_without_reason,
        clippy::too_many_lines,
        unused_qualifications,
        unreachable_pub,
        reason = "generated"
    )]
    include!(concat!(env!("OUT_DIR"), "/contracts.rs"));
}

pub use eventlog::proto as log;
pub use generated::perennial::{
    account::v1 as account, catalogue::v1 as catalogue, cta::v1 as cta, health::v1 as health,
    inbox::v1 as inbox, ingest::v1 as ingest, renewal::v1 as renewal, segment::v1 as segment,
};

/// The encoded `FileDescriptorSet` of everything in `proto/`, for gRPC reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
