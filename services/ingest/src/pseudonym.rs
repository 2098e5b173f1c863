//! Pseudonyms: what the log knows a person by.
//!
//! A keyed hash of the contact's id (HMAC-SHA-256, 128 bits) with a key of the workspace's own that lies in Postgres:
//! without it nobody can tell whether a pseudonym is a given person's, and no two workspaces share one.

use domain::ids::ContactId;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// A workspace's key, ready to hash with.
#[derive(Clone)]
pub(crate) struct PseudonymKey(Hmac<Sha256>);

impl PseudonymKey {
    pub(crate) fn new(key: &[u8]) -> Self {
        let mut padded = [0_u8; 64];
        match key.len() {
            0..=64 => padded[..key.len()].copy_from_slice(key),
            _ => padded[..32].copy_from_slice(&<Sha256 as sha2::Digest>::digest(key)),
        }
        Self(<Hmac<Sha256> as KeyInit>::new(&padded.into()))
    }

    /// The pseudonym of a contact's external id (`anon:` and the anonymous id where no other is known).
    pub(crate) fn of(&self, external_id: &str) -> ContactId {
        let mut mac = self.0.clone();
        mac.update(external_id.as_bytes());
        let digest: [u8; 32] = mac.finalize().into_bytes().into();
        let mut id = [0_u8; 16];
        id.copy_from_slice(&digest[..16]);
        ContactId(u128::from_be_bytes(id))
    }
}

impl std::fmt::Debug for PseudonymKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PseudonymKey")
    }
}

/// A pseudonym as people and programs write it.
pub(crate) fn to_hex(contact: ContactId) -> String {
    format!("{:032x}", contact.0)
}

/// 32 hex digits, or nothing that is a pseudonym.
pub(crate) fn from_hex(text: &str) -> Option<ContactId> {
    let fits = text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit());
    fits.then(|| u128::from_str_radix(text, 16).ok().map(ContactId)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pseudonym_is_the_first_half_of_an_hmac() {
        // RFC 4231, test case 2.
        let id = PseudonymKey::new(b"Jefe").of("what do ya want for nothing?");
        assert_eq!(to_hex(id), "5bdcc146bf60754e6a042426089575c7");
        assert_eq!(from_hex(&to_hex(id)), Some(id));
        assert_eq!(from_hex("5bdcc146bf60754e6a042426089575cz"), None);
    }

    #[test]
    fn two_workspaces_know_the_same_person_by_different_names() {
        assert_ne!(PseudonymKey::new(b"a").of("ada"), PseudonymKey::new(b"b").of("ada"));
    }
}
