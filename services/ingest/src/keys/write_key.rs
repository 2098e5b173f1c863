//! The key itself: `pk_`, 32 letters and digits of chance, and 6 that are their checksum, so that a mistyped one and one
//! in a log file are recognised without asking anybody. Only its SHA-256 is kept.

use sha2::{Digest, Sha256};

const PREFIX: &str = "pk_";
const SECRET_LEN: usize = 32;
const CHECK_LEN: usize = 6;
/// Characters by which people tell keys apart, `pk_` included.
const SHOWN_LEN: usize = 11;
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A write key in the form that clients show it. Never written down.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct WriteKey(String);

impl WriteKey {
    /// A new key, of 32 bytes of chance.
    pub(crate) fn make(chance: &[u8; 32]) -> Self {
        let secret: String =
            chance.iter().map(|byte| char::from(ALPHABET[usize::from(*byte) % 62])).collect();
        let check = checksum(&secret);
        Self(format!("{PREFIX}{secret}{check}"))
    }

    /// A key as a client shows it; `None` if it cannot be one.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let body = text.strip_prefix(PREFIX)?;
        let (secret, check) = body.split_at_checked(SECRET_LEN)?;
        let fits = check.len() == CHECK_LEN && secret.bytes().all(|b| b.is_ascii_alphanumeric());
        (fits && checksum(secret) == check).then(|| Self(text.to_owned()))
    }

    /// What it begins with: enough to tell it by.
    pub(crate) fn shown(&self) -> &str {
        &self.0[..SHOWN_LEN]
    }

    pub(crate) fn secret(&self) -> &str {
        &self.0
    }

    /// What is kept of it.
    pub(crate) fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.0.as_bytes()).into()
    }
}

/// CRC-32 of the secret in six letters and digits.
fn checksum(secret: &str) -> String {
    let mut crc = flate2::Crc::new();
    crc.update(secret.as_bytes());
    let mut rest = crc.sum();
    let mut digits = [0_u8; CHECK_LEN];
    for digit in digits.iter_mut().rev() {
        *digit = ALPHABET[(rest % 62) as usize];
        rest /= 62;
    }
    digits.iter().map(|b| char::from(*b)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_recognised_by_its_checksum() {
        let key = WriteKey::make(&[7; 32]);
        assert_eq!(key.secret().len(), 41);
        assert!(key.secret().starts_with(key.shown()));
        assert!(WriteKey::parse(key.secret()) == Some(key.clone()));
        let mistyped =
            format!("{}{}", &key.secret()[..40], if key.secret().ends_with('0') { '1' } else { '0' });
        for wrong in [mistyped.as_str(), "", "pk_", "sk_x", "pk_\u{e9}\u{e9}", &key.secret()[..40]] {
            assert!(WriteKey::parse(wrong).is_none(), "{wrong}");
        }
    }
}
