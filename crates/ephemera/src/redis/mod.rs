//! The adapter in Redis.
//!
//! Invariants: one connection, for commands and for what is heard, which is there or is not; whatever goes wrong with it
//! ends it, and it is made anew in the background. Nobody waits for Redis longer than `Options::patience`, and nobody at
//! all while there is no connection: then each replica counts its share for itself.

mod session;
mod told;

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use chassis::{Tasks, metrics::Metrics};
use futures_util::future::{BoxFuture, FutureExt};
use redis::{Client, IntoConnectionInfo, ProtocolVersion, RedisError, Script, aio::MultiplexedConnection};
use tokio::sync::{Notify, mpsc};

use crate::{Board, Bucket, Buckets, Channel, Hearing, Taking, board::Ears, bucket::DEPTH, local};
use told::Told;

/// Words that wait to be sent; more are lost.
const WAITING: usize = 1_024;

/// Where Redis is. Shown without its password.
#[derive(Clone)]
pub struct Url(Client);

/// What is to be known of Redis.
#[derive(Debug, Clone)]
pub struct Options {
    pub url: Url,
    /// What keys and channels begin with: for several Perennials on one Redis.
    pub prefix: String,
    /// How long anybody waits for an answer.
    pub patience: Duration,
}

/// Redis as a process has it.
pub(crate) struct Shared {
    options: Options,
    script: Script,
    connection: Mutex<Option<MultiplexedConnection>>,
    /// The connection is no good, or more is to be heard.
    look: Notify,
    ears: Arc<Ears>,
    says: mpsc::Sender<(Channel, Bytes)>,
    alone: local::Buckets,
    /// Those that take from the buckets, as last heard. This one is always among them.
    replicas: AtomicU32,
    told: Told,
}

/// Reads the URL; does not ask whether anybody is there.
impl std::str::FromStr for Url {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong =
            || "it must be redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE], Redis 6 or later, without TLS";
        // What the library says may show the password.
        let info = text.into_connection_info().map_err(|_| wrong())?;
        let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
        Ok(Self(Client::open(info.set_redis_settings(settings)).map_err(|_| wrong())?))
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.get_connection_info().addr())
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl Options {
    pub fn at(url: Url) -> Self {
        Self { url, prefix: "perennial:".to_owned(), patience: Duration::from_millis(50) }
    }
}

/// Keeps a connection in the background, if it can.
pub(crate) fn open(options: Options, metrics: &Metrics, tasks: &Tasks) -> Arc<Shared> {
    let (says, said) = mpsc::channel(WAITING);
    let shared = Arc::new(Shared {
        options,
        script: Script::new(include_str!("take.lua")),
        connection: Mutex::default(),
        look: Notify::new(),
        ears: Arc::default(),
        says,
        alone: local::Buckets::default(),
        replicas: AtomicU32::new(1),
        told: Told::new(metrics),
    });
    let (keeping, stop) = (shared.clone(), tasks.shutdown_beneath());
    tasks.spawn_beneath("redis", async move {
        tokio::select! {
            () = stop.wait() => {}
            () = keeping.keep(said) => {}
        }
        Ok(())
    });
    shared
}

impl Shared {
    fn connection(&self) -> MutexGuard<'_, Option<MultiplexedConnection>> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// No connection from here on, until the background has made one.
    fn hang_up(&self, error: &RedisError) {
        self.told.failed(&self.options.url, error);
        *self.connection() = None;
        self.look.notify_one();
    }

    async fn take_shared(
        &self,
        connection: &mut MultiplexedConnection,
        buckets: &[Bucket],
        tokens: u32,
    ) -> Result<Taking, RedisError> {
        let mut call = self.script.prepare_invoke();
        call.arg(DEPTH);
        for bucket in buckets {
            call.key(format!("{}bucket:{}", self.options.prefix, bucket.name));
            call.arg(bucket.rate.time_of(tokens));
        }
        let (empty, wait): (usize, u64) = call.invoke_async(connection).await?;
        Ok(match empty.checked_sub(1) {
            None => Taking::Taken,
            Some(bucket) => Taking::Empty { bucket, wait: Duration::from_micros(wait) },
        })
    }

    async fn take_somewhere(&self, buckets: &[Bucket], tokens: u32) -> Taking {
        let connection = self.connection().clone();
        if let Some(mut connection) = connection {
            let begun = Instant::now();
            let taking = self.take_shared(&mut connection, buckets, tokens);
            match self.in_time(taking).await {
                Ok(taking) => {
                    self.told.took(begun.elapsed());
                    return taking;
                }
                Err(error) => self.hang_up(&error),
            }
        }
        self.told.alone();
        self.alone.take_share(buckets, tokens, self.replicas.load(Ordering::Relaxed))
    }

    async fn in_time<T>(&self, asked: impl Future<Output = Result<T, RedisError>>) -> Result<T, RedisError> {
        match tokio::time::timeout(self.options.patience, asked).await {
            Ok(answer) => answer,
            Err(late) => Err(std::io::Error::from(late).into()),
        }
    }
}

impl Buckets for Shared {
    fn take<'a>(&'a self, buckets: &'a [Bucket], tokens: u32) -> BoxFuture<'a, Taking> {
        self.take_somewhere(buckets, tokens).boxed()
    }
}

impl Board for Shared {
    fn say(&self, channel: Channel, word: Bytes) {
        // Those within this process need no Redis.
        self.ears.say(channel, word.clone());
        if self.connection().is_some() && self.says.try_send((channel, word)).is_err() {
            self.told.lost();
        }
    }

    fn hear(&self, channel: Channel) -> Hearing {
        let hearing = self.ears.hear(channel);
        self.look.notify_one();
        hearing
    }
}
