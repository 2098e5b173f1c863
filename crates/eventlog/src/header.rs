//! How a record is put together: an envelope (header, control) in front of a body, as one protobuf message.

use bytes::{BufMut, Bytes, BytesMut};
use prost::Message;

use crate::proto::{Cause, Control, Envelope, Header, control};

/// Version of the record format that this build writes.
pub const FORMAT: u32 = 1;
/// Generation of the topics that this build writes to.
pub const GENERATION: u32 = 1;

/// A cause as it is ordered within one source partition: by offset, then by index.
pub type CauseOrder = (u64, u32);

impl Cause {
    /// Where it stands among the causes of its partition.
    pub fn order(&self) -> CauseOrder {
        (self.offset, self.index)
    }
}

/// One record's bytes: the header, then the body's fields. Protobuf messages concatenate field by field, so the
/// result is the record that has both.
pub fn concat_record(header: Header, body: &[u8]) -> Bytes {
    let envelope = Envelope { header: Some(header), control: None };
    let mut bytes = BytesMut::with_capacity(envelope.encoded_len() + body.len());
    bytes.put_slice(&envelope.encode_to_vec());
    bytes.put_slice(body);
    bytes.freeze()
}

/// The bytes of a record that says something to the engine and has no body.
pub fn control_record(header: Header, kind: control::Kind) -> Bytes {
    let envelope = Envelope { header: Some(header), control: Some(Control { kind: Some(kind) }) };
    envelope.encode_to_vec().into()
}
