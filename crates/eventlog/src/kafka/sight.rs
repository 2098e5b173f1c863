//! How librdkafka's clients speak to us: their logs, errors and statistics.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use rdkafka::{
    ClientContext, Statistics, config::RDKafkaLogLevel, error::KafkaError, types::RDKafkaErrorCode,
};

use super::numbers::Numbers;

/// Why a member of a group is none any more, if that is what an error says.
pub(super) fn over(code: RDKafkaErrorCode, reason: &str) -> Option<String> {
    let is_fenced = code == RDKafkaErrorCode::FencedInstanceId || reason.contains("fenced");
    match code {
        RDKafkaErrorCode::Fatal | RDKafkaErrorCode::FencedInstanceId if is_fenced => Some(format!(
            "another process has the same name (--kafka-instance) and took its place: give each replica its own ({reason})"
        )),
        RDKafkaErrorCode::Fatal => Some(reason.to_owned()),
        _ => None,
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_anothers_name_is_told_so() {
        let fenced =
            "Fatal error: Broker: Static consumer fenced by other consumer with same group.instance.id";
        for code in [RDKafkaErrorCode::Fatal, RDKafkaErrorCode::FencedInstanceId] {
            let why = over(code, fenced).unwrap();
            assert!(why.contains("--kafka-instance") && why.contains(fenced), "{why}");
        }
        assert_eq!(over(RDKafkaErrorCode::Fatal, "Fatal error: else").as_deref(), Some("Fatal error: else"));
        assert_eq!(over(RDKafkaErrorCode::AllBrokersDown, "1/1 brokers are down"), None);
    }
}
