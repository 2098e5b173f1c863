//! How librdkafka's clients speak to us: their logs, errors and statistics.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use rdkafka::{
    ClientContext, Statistics, config::RDKafkaLogLevel, error::KafkaError, types::RDKafkaErrorCode,
};

use super::numbers::Numbers;

/// What all clients of a log share.
#[derive(Debug, Clone, Default)]
pub(super) struct Sight(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    is_away: AtomicBool,
    numbers: Numbers,
}

impl Sight {
    pub(super) fn numbers(&self) -> &Numbers {
        &self.0.numbers
    }

    /// A broker has answered.
    pub(super) fn seen(&self) {
        if self.0.is_away.swap(false, Ordering::Relaxed) {
            tracing::info!("Kafka answers again");
        }
    }

    fn lost(&self, reason: &str) {
        if !self.0.is_away.swap(true, Ordering::Relaxed) {
            tracing::warn!("no broker of Kafka answers: {reason}");
        }
    }
}

impl ClientContext for Sight {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        // What matters comes back as an error of a call, or by `error`.
        if matches!(level, RDKafkaLogLevel::Debug | RDKafkaLogLevel::Info) {
            tracing::trace!(target: "librdkafka", facility, "{message}");
        } else {
            tracing::debug!(target: "librdkafka", facility, "{message}");
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::AllBrokersDown) => self.lost(reason),
            _ => tracing::debug!(%error, "Kafka's client: {reason}"),
        }
    }

    fn stats(&self, statistics: Statistics) {
        self.0.numbers.take(&statistics);
    }
}
