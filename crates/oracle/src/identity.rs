//! Ids that follow from what they name.

use sha2::{Digest, Sha256};

/// A UUID of version 8: the first 16 bytes of the SHA-256 over the parts, each behind its length (8 bytes, big endian).
pub(crate) fn derived(parts: &[&[u8]]) -> u128 {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let mut id: [u8; 16] = [0; 16];
    id.copy_from_slice(&hash.finalize()[..16]);
    id[6] = 0x80 | (id[6] & 0x0f);
    id[8] = 0x80 | (id[8] & 0x3f);
    u128::from_be_bytes(id)
}

/// As UUIDs are written.
pub(crate) fn uuid(id: u128) -> String {
    let hex = format!("{id:032x}");
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

/// One stay in a segment: the instant and what it began by tell it from the others.
pub(crate) fn episode(workspace: &str, segment: &str, account: &str, at: i64, by: &[u8]) -> u128 {
    derived(&[
        b"episode",
        workspace.as_bytes(),
        segment.as_bytes(),
        account.as_bytes(),
        &at.to_be_bytes(),
        by,
    ])
}
