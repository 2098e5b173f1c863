//! Write keys: what a client shows to say whose events it brings.
//!
//! In each process a key that was found is believed for five seconds: so long does a revocation take at most. Of one that nobody has that is believed for a
//! second, so that a client who goes on with a revoked key costs little.
//!
//! Processes tell each other what changes, and what Postgres has just confirmed. Invariant: a key is believed for five
//! seconds after Postgres said so to some process, and opens nothing that Postgres did not say to this one; so what is
//! not heard, or comes late or twice, costs a question and no more.

mod write_key;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use chassis::{Shutdown, metrics::Metrics};
use contracts::log::ClockKind;
use ephemera::{Board, Channel, Hearing};
use prometheus_client::metrics::counter::Counter;
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use tokio::sync::Semaphore;

pub(crate) use self::write_key::WriteKey;
use crate::{edge::Edge, pseudonym::PseudonymKey, quota::Quota, store};

/// How long a key that was found is believed, milliseconds.
const BELIEVED_MS: i64 = 5_000;
/// The same of one that was not, milliseconds.
const DISBELIEVED_MS: i64 = 1_000;
/// Processes ask for a key that they believe so much earlier than they must, each by another time: the first to ask
/// tells the others. Milliseconds.
const EARLIEST_MS: u128 = 1_000;
/// Keys remembered at once, those found and those not; beyond it all of these are asked for again.
const REMEMBERED: usize = 10_000;

/// Keys not found before that are asked for at once.
const STRANGERS: usize = 2;

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
    pub(crate) quota: Quota,
}

/// The keys that were asked for lately.
pub(crate) struct Keys {
    found: Lately<Access>,
    /// Those that nobody has: apart, so that whoever guesses pushes out none that was found.
    nobodys: Lately<()>,
    /// For those never found before: whoever guesses takes few of the connections to Postgres.
    strangers: Semaphore,
    board: Arc<dyn Board>,
    /// So much earlier than it must does this process ask again, milliseconds.
    early_ms: i64,
    /// How often something changed: what Postgres said before that is not remembered.
    changes: AtomicU64,
    reads: Counter,
}

/// What processes tell each other. Variants are only ever added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum News {
    /// Somebody has a key of this hash from now on.
    Made { hash: [u8; 32] },
    /// What keys of the workspace open has changed.
    Changed { workspace: String },
    /// A key opened what it opens, with this quota, when Postgres was asked. What else it opens never changes.
    Confirmed { hash: [u8; 32], quota: Quota, asked_at: i64 },
}

/// What is known of keys, by their hashes, and until when.
struct Lately<T>(Mutex<HashMap<[u8; 32], (i64, T)>>);

impl Keys {
    pub(crate) fn new(board: Arc<dyn Board>, metrics: &Metrics) -> Self {
        let reads = Counter::default();
        let help = "Write keys that Postgres was asked for";
        metrics.register(|registry| registry.register("ingest_key_reads", help, reads.clone()));
        Self {
            found: Lately::default(),
            nobodys: Lately::default(),
            strangers: Semaphore::new(STRANGERS),
            board,
            early_ms: i64::try_from(chassis::ids::v7().as_u128() % EARLIEST_MS).unwrap_or_default(),
            changes: AtomicU64::default(),
            reads,
        }
    }

    /// What the key opens now; `None` for one that nobody has, or that was revoked.
    pub(crate) async fn find(&self, pool: &PgPool, key: &WriteKey, now: i64) -> sqlx::Result<Option<Access>> {
        let hash = key.hash();
        if let Some(access) = self.found.get(&hash, now + self.early_ms) {
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
        let changes = self.changes.load(Ordering::Acquire);
        self.reads.inc();
        let found = match store::find_key(pool, &hash).await {
            Ok(found) => found,
            // Asked for earlier than it need be.
            Err(error) => return self.found.get(&hash, now).map(Some).ok_or(error),
        };
        drop(permit);
        if changes == self.changes.load(Ordering::Acquire) {
            self.remember(hash, found.as_ref(), now);
        }
        Ok(found)
    }

    fn remember(&self, hash: [u8; 32], found: Option<&Access>, asked_at: i64) {
        match found {
            Some(access) if access.ready => {
                self.found.put(hash, access.clone(), asked_at + BELIEVED_MS);
                self.say(&News::Confirmed { hash, quota: access.quota.clone(), asked_at });
            }
            Some(_) => {}
            None => self.nobodys.put(hash, (), asked_at + DISBELIEVED_MS),
        }
    }

    /// There is a key of this hash now.
    pub(crate) fn made(&self, hash: [u8; 32]) {
        self.tell(&News::Made { hash });
    }

    /// Keys of the workspace are revoked, or have another quota.
    pub(crate) fn changed(&self, workspace: &str) {
        self.tell(&News::Changed { workspace: workspace.into() });
    }

    /// This process knows it at once, even if nobody hears it.
    fn tell(&self, news: &News) {
        self.learn(news, 0);
        self.say(news);
    }

    fn say(&self, news: &News) {
        match postcard::to_stdvec(news) {
            Ok(word) => self.board.say(Channel::Keys, word.into()),
            Err(error) => tracing::error!(%error, "other replicas are not told of a key: {error}"),
        }
    }

    /// What this process itself said comes back, which changes nothing.
    fn learn(&self, news: &News, now: i64) {
        match news {
            News::Made { hash } => {
                self.changes.fetch_add(1, Ordering::AcqRel);
                self.nobodys.known().remove(hash);
            }
            News::Changed { workspace } => {
                self.changes.fetch_add(1, Ordering::AcqRel);
                self.found.known().retain(|_, (_, access)| *access.workspace != **workspace);
            }
            News::Confirmed { hash, quota, asked_at } => {
                // By another clock, which may be ahead.
                let until = now.min(*asked_at) + BELIEVED_MS;
                if let Some((known_until, access)) = self.found.known().get_mut(hash)
                    && access.quota == *quota
                {
                    *known_until = until.max(*known_until);
                }
            }
        }
    }
}

/// Learns what other processes say, until shutdown.
pub(crate) async fn listen(edge: Arc<Edge>, mut news: Hearing, shutdown: Shutdown) -> anyhow::Result<()> {
    let hearing = async {
        while let Some(word) = news.next().await {
            match postcard::from_bytes(&word) {
                Ok(news) => edge.keys.learn(&news, chassis::clock::now()),
                Err(error) => tracing::debug!(%error, "another build says what is not understood: {error}"),
            }
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = hearing => {}
        () = shutdown.wait() => {}
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ephemera::Ephemera;
    use sha2::{Digest, Sha256};
    use testkit::servers::{Database, postgres};

    use super::*;

    async fn database() -> anyhow::Result<Database> {
        postgres().database(&[&engine::postgres::migrator(), &sqlx::migrate!()]).await
    }

    fn lonely() -> Keys {
        Keys::new(Ephemera::in_process().board, &Metrics::new())
    }

    fn access() -> Access {
        Access {
            workspace: "w".into(),
            source: "s".into(),
            clock: ClockKind::Wall,
            pseudonyms: PseudonymKey::new(b""),
            ready: true,
            quota: Quota::default(),
        }
    }

    /// Whoever asks Postgres after it was closed hears of that.
    #[tokio::test(flavor = "multi_thread")]
    async fn a_key_that_nobody_has_is_asked_for_once_a_second() -> anyhow::Result<()> {
        let (pool, keys, key) = (database().await?.pool, lonely(), WriteKey::make(&[7; 32]));
        assert!(keys.find(&pool, &key, 0).await?.is_none());
        pool.close().await;
        assert!(keys.find(&pool, &key, DISBELIEVED_MS - 1).await?.is_none());
        assert!(keys.find(&pool, &WriteKey::make(&[8; 32]), 0).await.is_err());
        assert!(keys.find(&pool, &key, DISBELIEVED_MS).await.is_err());
        Ok(())
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn whoever_guesses_keys_holds_up_nobody_whose_key_was_found() -> anyhow::Result<()> {
        let (pool, keys, key) = (database().await?.pool, lonely(), WriteKey::make(&[7; 32]));
        keys.found.put(key.hash(), access(), 0);
        let guesses = keys.strangers.acquire_many(u32::try_from(STRANGERS)?).await?;
        let asked = tokio::time::timeout(Duration::from_secs(20), keys.find(&pool, &key, 0)).await;
        assert!(asked??.is_none(), "it was asked for again, and is gone");
        assert!(keys.strangers.try_acquire().is_err());
        drop(guesses);
        assert!(keys.find(&pool, &WriteKey::make(&[8; 32]), 0).await?.is_none());
        Ok(())
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_another_process_confirms_is_believed_longer_and_opens_nothing_new() -> anyhow::Result<()> {
        let (pool, keys, key) = (database().await?.pool, lonely(), WriteKey::make(&[7; 32]));
        pool.close().await;
        let (hash, then) = (key.hash(), BELIEVED_MS + 2_000);
        let confirmed = |quota| News::Confirmed { hash, quota, asked_at: 4_000 };
        keys.learn(&confirmed(Quota::default()), 4_000);
        assert!(keys.find(&pool, &key, 4_000).await.is_err(), "nobody asked for it here");
        keys.found.put(hash, access(), BELIEVED_MS);
        keys.learn(&confirmed(Quota { of_key: Some(1), ..Quota::default() }), 4_000);
        assert!(keys.find(&pool, &key, then).await.is_err(), "another quota is something new");
        keys.learn(&confirmed(Quota::default()), 4_000);
        assert!(keys.find(&pool, &key, then).await?.is_some());
        assert!(
            keys.find(&pool, &key, 4_000 + BELIEVED_MS).await.is_err(),
            "five seconds after it was confirmed"
        );
        keys.learn(
            &News::Confirmed { hash, quota: Quota::default(), asked_at: i64::MAX - BELIEVED_MS },
            6_000,
        );
        assert!(keys.find(&pool, &key, 6_000 + BELIEVED_MS).await.is_err(), "by a clock that is ahead");
        Ok(())
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_was_asked_before_a_change_is_not_remembered() -> anyhow::Result<()> {
        let (pool, keys, key) = (database().await?.pool, lonely(), WriteKey::make(&[7; 32]));
        keys.found.put(key.hash(), access(), BELIEVED_MS);
        keys.learn(&News::Changed { workspace: "another".into() }, 0);
        assert!(keys.find(&pool, &key, 0).await?.is_some());
        keys.learn(&News::Changed { workspace: "w".into() }, 0);
        assert!(keys.find(&pool, &key, 0).await?.is_none());
        let changes = keys.changes.load(Ordering::Acquire);
        keys.learn(&News::Made { hash: key.hash() }, 0);
        assert!(keys.changes.load(Ordering::Acquire) > changes);
        pool.close().await;
        assert!(keys.find(&pool, &key, 0).await.is_err(), "it is asked for again");
        Ok(())
    }

    /// Builds of before and after speak to each other.
    #[test]
    fn news_stays_as_it_is() -> anyhow::Result<()> {
        let hash = [7; 32];
        let quota = Quota { key: "pk".into(), of_key: Some(1), of_workspace: None };
        let all = [
            (News::Made { hash }, [&[0][..], &hash].concat()),
            (News::Changed { workspace: "w".into() }, vec![1, 1, b'w']),
            (
                News::Confirmed { hash, quota, asked_at: 1 },
                [&[2][..], &hash, &[2, b'p', b'k', 1, 1, 0, 2]].concat(),
            ),
        ];
        for (news, bytes) in all {
            assert_eq!(postcard::to_stdvec(&news)?, bytes, "{news:?}");
            assert_eq!(postcard::from_bytes::<News>(&bytes)?, news);
        }
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
}
