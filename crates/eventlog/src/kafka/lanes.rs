//! The consumers of a process. A consumer can stand at one place of a partition only, so there is one for each reader
//! that a partition may have here.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rdkafka::{
    ClientConfig, ClientContext, Message, Statistics,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, ConsumerContext},
    error::KafkaError,
};

use super::sight::Sight;
use crate::LogError;

pub(super) type Lane = BaseConsumer<Reading>;

/// The consumers of a process, made as they are needed.
pub(super) struct Lanes {
    config: ClientConfig,
    sight: Sight,
    open: Mutex<Vec<Arc<Lane>>>,
}

/// What a lane's consumer tells.
pub(super) struct Reading(Sight);

impl Lanes {
    pub(super) fn new(config: ClientConfig, sight: Sight) -> Self {
        Self { config, sight, open: Mutex::default() }
    }

    pub(super) fn lane(&self, number: usize) -> Result<Arc<Lane>, LogError> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        while open.len() <= number {
            let lane: Lane = self
                .config
                .create_with_context(Reading(self.sight.clone()))
                .map_err(|error| LogError::Poison(error.to_string()))?;
            open.push(Arc::new(lane));
        }
        Ok(open[number].clone())
    }

    /// Has the consumers tell what they have to tell: to be called again and again.
    pub(super) fn poll(&self) {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for told in open.iter().flat_map(|lane| std::iter::from_fn(|| lane.poll(Duration::ZERO))) {
            match told {
                Err(error) => tracing::debug!(%error, "Kafka's consumer: {error}"),
                // Its feed misses it, and says so.
                Ok(message) => tracing::error!(
                    topic = message.topic(),
                    partition = message.partition(),
                    "record {} came where nobody reads",
                    message.offset()
                ),
            }
        }
    }
}

impl ClientContext for Reading {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.0.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.0.error(error, reason);
    }

    fn stats(&self, statistics: Statistics) {
        self.0.stats(statistics);
    }
}

impl ConsumerContext for Reading {}
