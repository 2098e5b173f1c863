//! What can be wrong with a message that could be decoded.

/// A message that is not whole: which field, and what about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {fault}")]
pub struct Malformed {
    pub field: &'static str,
    pub fault: String,
}

impl Malformed {
    pub fn new(field: &'static str, fault: impl Into<String>) -> Self {
        Self { field, fault: fault.into() }
    }
}

/// The 128-bit id in a field of 16 bytes.
pub fn id(field: &'static str, bytes: &[u8]) -> Result<u128, Malformed> {
    let bytes: [u8; 16] = bytes
        .try_into()
        .map_err(|_| Malformed::new(field, format!("{} bytes instead of 16", bytes.len())))?;
    Ok(u128::from_be_bytes(bytes))
}

/// As [`id`], where an empty field means that there is none.
pub fn optional_id(field: &'static str, bytes: &[u8]) -> Result<Option<u128>, Malformed> {
    if bytes.is_empty() { Ok(None) } else { id(field, bytes).map(Some) }
}

/// The field of 16 bytes that holds an id.
pub fn id_bytes(id: u128) -> Vec<u8> {
    id.to_be_bytes().to_vec()
}

/// An id as people see it: lower-case hex digits, empty for none.
pub fn hex_id(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
