//! Write keys: what a client shows to say whose events it brings.
//!
//! A key is `pk_`, 32 letters and digits of chance, and 6 that are their checksum, so that a mistyped one and one in a
//! log file are recognised without asking anybody. Only its SHA-256 is kept. In each process a key that was found is
//! believed for five seconds: so long does a revocation take at most. Of one that nobody has that is believed for a
//! second, so that a client who goes on with a revoked key costs little.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use contracts::log::ClockKind;
use sha2::{Digest, Sha256};
use sqlx::PgPool;
use tokio::sync::Semaphore;

use crate::{pseudonym::PseudonymKey, store};

/// How long a key that was found is believed, milliseconds.
const BELIEVED_MS: i64 = 5_000;
/// The same of one that was not, milliseconds.
const DISBELIEVED_MS: i64 = 1_000;
/// Keys remembered at once, those found and those not; beyond it all of these are asked for again.
const REMEMBERED: usize = 10_000;

/// Keys not found before that are asked for at once.
const STRANGERS: usize = 2;

const PREFIX: &str = "pk_";
const SECRET_LEN: usize = 32;
const CHECK_LEN: usize = 6;
/// Characters by which people tell keys apart, `pk_` included.
const SHOWN_LEN: usize = 11;
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A write key in the form that clients show it. Never written down.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct WriteKey(String);

/// What a write key opens.
#[derive(Debug, Clone)]
pub(crate) struct Access {
    pub(crate) workspace: Arc<str>,
    /// Names the sender in message ids.
    pub(crate) source: Arc<str>,
    pub(crate) clock: ClockKind,
    pub(crate) pseudonyms: PseudonymKey,
    /// Whether every partition has a version of the workspace's catalogue.
    pub(crate) ready: bool,
}

/// The keys that were asked for lately.
pub(crate) struct Keys {
    found: Lately<Access>,
    /// Those that nobody has: apart, so that whoever guesses pushes out none that was found.
    nobodys: Lately<()>,
    /// For those never found before: whoever guesses takes few of the connections to Postgres.
    strangers: Semaphore,
}

/// What is known of keys, by their hashes, and until when.
struct Lately<T>(Mutex<HashMap<[u8; 32], (i64, T)>>);

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

impl Keys {
    /// What the key opens now; `None` for one that nobody has, or that was revoked.
    pub(crate) async fn find(&self, pool: &PgPool, key: &WriteKey, now: i64) -> sqlx::Result<Option<Access>> {
        let hash = key.hash();
        if let Some(access) = self.found.get(&hash, now) {
            return Ok(Some(access));
        }
        if self.nobodys.get(&hash, now).is_some() {
            return Ok(None);
        }
        let permit = match self.found.was_known(&hash) {
            true => None,
            // It is never closed.
            false => self.strangers.acquire().await.ok(),
        };
        let found = store::find_key(pool, &hash).await?;
        drop(permit);
        match &found {
            Some(access) if access.ready => self.found.put(hash, access.clone(), now + BELIEVED_MS),
            Some(_) => {}
            None => self.nobodys.put(hash, (), now + DISBELIEVED_MS),
        }
        Ok(found)
    }

    /// Asks for every key that was found again.
    pub(crate) fn forget(&self) {
        self.found.known().clear();
    }
}

impl Default for Keys {
    fn default() -> Self {
        let strangers = Semaphore::new(STRANGERS);
        Self { found: Lately::default(), nobodys: Lately::default(), strangers }
    }
}

impl<T: Clone> Lately<T> {
    fn was_known(&self, hash: &[u8; 32]) -> bool {
        self.known().contains_key(hash)
    }

    fn get(&self, hash: &[u8; 32], now: i64) -> Option<T> {
        let known = self.known();
        let (until, it) = known.get(hash)?;
        (now < *until).then(|| it.clone())
    }

    fn put(&self, hash: [u8; 32], it: T, until: i64) {
        let mut known = self.known();
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(hash, (until, it));
    }

    fn known(&self) -> MutexGuard<'_, HashMap<[u8; 32], (i64, T)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Default for Lately<T> {
    fn default() -> Self {
        Self(Mutex::default())
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
    use std::time::Duration;

    use testkit::servers::{Database, postgres};

    use super::*;

    async fn database() -> anyhow::Result<Database> {
        postgres().database(&[&engine::postgres::migrator(), &sqlx::migrate!()]).await
    }

    /// Whoever asks Postgres after it was closed hears of that.
    #[tokio::test(flavor = "multi_thread")]
    async fn a_key_that_nobody_has_is_asked_for_once_a_second() -> anyhow::Result<()> {
        let (pool, keys, key) = (database().await?.pool, Keys::default(), WriteKey::make(&[7; 32]));
        assert!(keys.find(&pool, &key, 0).await?.is_none());
        pool.close().await;
        assert!(keys.find(&pool, &key, DISBELIEVED_MS - 1).await?.is_none());
        assert!(keys.find(&pool, &WriteKey::make(&[8; 32]), 0).await.is_err());
        assert!(keys.find(&pool, &key, DISBELIEVED_MS).await.is_err());
        Ok(())
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn whoever_guesses_keys_holds_up_nobody_whose_key_was_found() -> anyhow::Result<()> {
        let (pool, keys, key) = (database().await?.pool, Keys::default(), WriteKey::make(&[7; 32]));
        let access = Access {
            workspace: "w".into(),
            source: "s".into(),
            clock: ClockKind::Wall,
            pseudonyms: PseudonymKey::new(b""),
            ready: true,
        };
        keys.found.put(key.hash(), access, 0);
        let guesses = keys.strangers.acquire_many(u32::try_from(STRANGERS)?).await?;
        let asked = tokio::time::timeout(Duration::from_secs(20), keys.find(&pool, &key, 0)).await;
        assert!(asked??.is_none(), "it was asked for again, and is gone");
        assert!(keys.strangers.try_acquire().is_err());
        drop(guesses);
        assert!(keys.find(&pool, &WriteKey::make(&[8; 32]), 0).await?.is_none());
        Ok(())
    }

    #[test]
    fn so_many_keys_are_remembered_and_no_more() {
        let nobodys = Lately::default();
        let hash = |n: usize| Sha256::digest(n.to_be_bytes()).into();
        for n in 0..=REMEMBERED {
            nobodys.put(hash(n), (), 1);
        }
        assert!(nobodys.get(&hash(REMEMBERED), 0).is_some());
        assert_eq!(nobodys.known().len(), 1);
    }

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
