//! The connection: made, kept while it answers, and made again.

use std::{sync::Arc, sync::atomic::Ordering, time::Duration};

use bytes::Bytes;
use redis::{AsyncConnectionConfig, PushInfo, PushKind, RedisError, Value, aio::MultiplexedConnection};
use tokio::{
    sync::mpsc::Receiver,
    time::{MissedTickBehavior, interval, sleep},
};

use super::Shared;
use crate::{Board, Channel, board::Ears, bucket::DEPTH};

/// How often it is asked whether it answers.
const BEAT: Duration = Duration::from_millis(250);
/// How long a connection may take to be made; nobody waits for that.
const CONNECTING: Duration = Duration::from_secs(1);
/// How long it is left alone when it is away.
const AWAY: Duration = Duration::from_millis(500);
/// Words that are sent at once.
const TOGETHER: usize = 64;

impl Shared {
    /// Never ends.
    pub(super) async fn keep(&self, mut said: Receiver<(Channel, Bytes)>) {
        loop {
            let failure = match self.connect().await {
                Ok(connection) => self.converse(connection, &mut said).await,
                Err(error) => Some(error),
            };
            if let Some(error) = failure {
                self.hang_up(&error);
            }
            self.told.down();
            while said.try_recv().is_ok() {}
            sleep(AWAY).await;
        }
    }

    /// A connection that does everything that will be asked of it.
    async fn connect(&self) -> Result<MultiplexedConnection, RedisError> {
        let (ears, prefix) = (self.ears.clone(), self.options.prefix.clone());
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECTING))
            .set_response_timeout(Some(CONNECTING))
            .set_push_sender(move |push| -> Result<(), std::convert::Infallible> {
                heard(&ears, &prefix, push);
                Ok(())
            });
        let making = async {
            let client = &self.options.url.0;
            let mut connection = client.get_multiplexed_async_connection_with_config(&config).await?;
            self.listen(&mut connection).await?;
            self.script.load_async(&mut connection).await?;
            self.beat(&mut connection).await?;
            Ok(connection)
        };
        let timed = tokio::time::timeout(CONNECTING, making).await;
        timed.unwrap_or_else(|late| Err(std::io::Error::from(late).into()))
    }

    /// Lets everybody use the connection until it fails; without an error somebody else has met it already.
    async fn converse(
        &self,
        mut connection: MultiplexedConnection,
        said: &mut Receiver<(Channel, Bytes)>,
    ) -> Option<RedisError> {
        *self.connection() = Some(connection.clone());
        self.told.up(&self.options.url);
        let mut beats = interval(BEAT);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut words = Vec::new();
        loop {
            let done = tokio::select! {
                _ = beats.tick() => self.in_time(self.beat(&mut connection)).await,
                () = self.look.notified() => {
                    if self.connection().is_none() {
                        return None;
                    }
                    self.in_time(self.listen(&mut connection)).await
                }
                _ = said.recv_many(&mut words, TOGETHER) => {
                    let words = std::mem::take(&mut words);
                    self.in_time(self.send(&mut connection, words)).await
                }
            };
            if let Err(error) = done {
                return Some(error);
            }
        }
    }

    /// Hears what somebody here wants to hear; twice is as good as once.
    async fn listen(&self, connection: &mut MultiplexedConnection) -> Result<(), RedisError> {
        for channel in Channel::ALL.into_iter().filter(|channel| self.ears.is_heard(*channel)) {
            connection.subscribe(self.channel(channel)).await?;
        }
        Ok(())
    }

    /// Takes nothing, as [`crate::Buckets::take`] would take something, and counts the replicas: those that hear what
    /// is said about keys.
    async fn beat(&self, connection: &mut MultiplexedConnection) -> Result<(), RedisError> {
        let mut pipe = redis::pipe();
        pipe.cmd("EVALSHA").arg(self.script.get_hash()).arg(0).arg(DEPTH).ignore();
        pipe.cmd("PUBSUB").arg("NUMSUB").arg(self.channel(Channel::Keys));
        let ((_, replicas),): ((String, u32),) = pipe.query_async(connection).await?;
        self.replicas.store(replicas.max(1), Ordering::Relaxed);
        self.told.counted(replicas);
        Ok(())
    }

    async fn send(
        &self,
        connection: &mut MultiplexedConnection,
        words: Vec<(Channel, Bytes)>,
    ) -> Result<(), RedisError> {
        let mut pipe = redis::pipe();
        for (channel, word) in words {
            pipe.cmd("PUBLISH").arg(self.channel(channel)).arg(&word[..]).ignore();
        }
        pipe.query_async(connection).await
    }

    fn channel(&self, channel: Channel) -> String {
        format!("{}{}", self.options.prefix, channel.name())
    }
}

/// Hands on what Redis says of a channel of ours.
fn heard(ears: &Arc<Ears>, prefix: &str, push: PushInfo) {
    if push.kind != PushKind::Message {
        return;
    }
    let Ok([Value::BulkString(channel), Value::BulkString(word)]) = <[Value; 2]>::try_from(push.data) else {
        return;
    };
    let name = channel.strip_prefix(prefix.as_bytes());
    if let Some(channel) = Channel::ALL.into_iter().find(|it| name == Some(it.name().as_bytes())) {
        ears.say(channel, word.into());
    }
}
