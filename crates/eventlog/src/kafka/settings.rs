//! What librdkafka is told. Its defaults lose data: what keeps it is set here, asserted, and not to be overridden.

use std::collections::BTreeMap;

use rdkafka::ClientConfig;

use super::KafkaOptions;
use crate::{LogError, MAX_BATCH_BYTES};

/// Bytes of a message around its value: key, headers, framing.
const AROUND: usize = 64 << 10;

/// The most that one message may hold.
pub(super) const MESSAGE_BYTES: usize = MAX_BATCH_BYTES + AROUND;

type Setting = (&'static str, &'static str);

/// Of every client. A broker that was away is found again within a second.
const CLIENT: [Setting; 8] = [
    ("client.id", "perennial"),
    ("allow.auto.create.topics", "false"),
    ("statistics.interval.ms", "5000"),
    ("socket.keepalive.enable", "true"),
    ("socket.nagle.disable", "true"),
    ("socket.connection.setup.timeout.ms", "5000"),
    ("reconnect.backoff.ms", "50"),
    ("reconnect.backoff.max.ms", "1000"),
];

const PRODUCER: [Setting; 6] = [
    ("enable.idempotence", "true"),
    ("acks", "all"),
    ("compression.type", "zstd"),
    ("queue.buffering.max.ms", "0"),
    ("message.timeout.ms", "10000"),
    ("retry.backoff.max.ms", "500"),
];

/// Offsets are the workers' own, in their checkpoints.
const CONSUMER: [Setting; 3] =
    [("enable.auto.commit", "false"), ("enable.auto.offset.store", "false"), ("auto.offset.reset", "error")];

/// Who reads keeps little ahead of itself, and asks for more as soon as there is room again.
const READER: [Setting; 6] = [
    ("group.id", "perennial-reader"),
    ("queued.min.messages", "20000"),
    ("queued.max.messages.kbytes", "2048"),
    ("fetch.message.max.bytes", "1048576"),
    ("fetch.queue.backoff.ms", "5"),
    ("fetch.error.backoff.ms", "100"),
];

/// The classic protocol: the new one takes 45 s to notice a member that was killed. Others wait in a rebalance for a
/// member as long as it may leave its group unasked: it asks 50 times a second.
const MEMBER: [Setting; 6] = [
    ("group.protocol", "classic"),
    ("partition.assignment.strategy", "range"),
    ("session.timeout.ms", "6000"),
    ("heartbeat.interval.ms", "1500"),
    ("max.poll.interval.ms", "10000"),
    ("socket.timeout.ms", "10000"),
];

/// Who reads topics of others goes by the group's committed offsets, from the beginning where there is none; what it
/// makes of them may have to wait for the store.
const OTHERS: [Setting; 6] = [
    ("auto.offset.reset", "earliest"),
    ("max.poll.interval.ms", "300000"),
    ("queued.max.messages.kbytes", "2048"),
    ("fetch.message.max.bytes", "1048576"),
    ("fetch.queue.backoff.ms", "5"),
    ("fetch.error.backoff.ms", "100"),
];

/// What no operator may change, because guarantees stand on it.
const FIXED: [&str; 18] = [
    "allow.auto.create.topics",
    "delivery.report.only.error",
    "delivery.timeout.ms",
    "enable.partition.eof",
    "group.id",
    "group.instance.id",
    "max.poll.interval.ms",
    "message.timeout.ms",
    "statistics.interval.ms",
    "transactional.id",
    "enable.idempotence",
    "acks",
    "request.required.acks",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "auto.offset.reset",
    "group.protocol",
    "partition.assignment.strategy",
];

/// What each kind of client is told.
#[derive(Debug)]
pub(super) struct Configs {
    pub(super) producer: ClientConfig,
    pub(super) reader: ClientConfig,
    member: ClientConfig,
    others: ClientConfig,
    prefix: String,
}

impl Configs {
    /// Poison if the options name a setting that there is not, or one that is not theirs to change.
    pub(super) fn new(options: &KafkaOptions) -> Result<Self, LogError> {
        if let Some(fixed) = options.settings.keys().find(|name| FIXED.contains(&name.as_str())) {
            return Err(LogError::Poison(format!(
                "{fixed} cannot be set: what Perennial promises stands on it"
            )));
        }
        let message_bytes = MESSAGE_BYTES.to_string();
        let queue_kbytes = (options.queue_bytes >> 10).to_string();
        let mut producer = config(options, &[&CLIENT, &PRODUCER]);
        producer.set("message.max.bytes", &message_bytes);
        producer.set("queue.buffering.max.kbytes", queue_kbytes);
        producer.set("queue.buffering.max.messages", "1000000");
        let mut reader = config(options, &[&CLIENT, &CONSUMER, &READER]);
        let mut member = config(options, &[&CLIENT, &CONSUMER, &MEMBER]);
        let mut others = config(options, &[&CLIENT, &CONSUMER, &MEMBER, &OTHERS]);
        if let Some(instance) = &options.instance {
            member.set("group.instance.id", instance);
            others.set("group.instance.id", instance);
        }
        for config in [&mut producer, &mut reader, &mut member, &mut others] {
            apply(&options.settings, config)?;
        }
        let configs = Self { producer, reader, member, others, prefix: options.prefix.clone() };
        configs.assert()?;
        Ok(configs)
    }

    /// Of a member of a group.
    pub(super) fn member(&self, group: &str) -> ClientConfig {
        let mut member = self.member.clone();
        member.set("group.id", format!("{}{group}", self.prefix));
        member
    }

    /// Of a member of a group that reads topics of others.
    pub(super) fn others(&self, group: &str) -> ClientConfig {
        let mut others = self.others.clone();
        others.set("group.id", format!("{}{group}", self.prefix));
        others
    }

    /// That librdkafka understood what matters as it is meant.
    fn assert(&self) -> Result<(), LogError> {
        for config in [&self.producer, &self.reader, &self.member, &self.others] {
            assert(config, &CLIENT[1..3])?;
        }
        assert(&self.producer, &PRODUCER[..2])?;
        assert(&self.reader, &CONSUMER)?;
        assert(&self.member, &CONSUMER)?;
        assert(&self.member, &MEMBER[..2])?;
        assert(&self.others, &CONSUMER[..2])?;
        assert(&self.others, &MEMBER[..2])
    }
}

fn config(options: &KafkaOptions, settings: &[&[Setting]]) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &options.brokers);
    for (name, value) in settings.iter().copied().flatten() {
        config.set(*name, *value);
    }
    config
}

/// The operator's own settings go to every client.
fn apply(settings: &BTreeMap<String, String>, config: &mut ClientConfig) -> Result<(), LogError> {
    for (name, value) in settings {
        config.set(name, value);
    }
    let refused = |error| LogError::Poison(format!("Kafka's client refuses its settings: {error}"));
    config.create_native_config().map(drop).map_err(refused)
}

fn assert(config: &ClientConfig, settings: &[Setting]) -> Result<(), LogError> {
    let native = config.create_native_config().map_err(|error| LogError::Poison(error.to_string()))?;
    for (name, should) in settings {
        let is = native.get(name).map_err(|error| LogError::Poison(error.to_string()))?;
        // Whether everybody must have acknowledged it is kept as a number.
        let is_meant = is == *should || (*name == "acks" && is == "-1");
        if !is_meant {
            return Err(LogError::Poison(format!(
                "Kafka's client has {name}={is} where it must be {should}"
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(name: &str, value: &str) -> String {
        let settings = BTreeMap::from([(name.to_owned(), value.to_owned())]);
        let options = KafkaOptions { settings, ..KafkaOptions::at("localhost:9092") };
        match Configs::new(&options) {
            Ok(_) => String::new(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn what_keeps_data_is_set_and_cannot_be_changed() {
        assert_eq!(refused("client.rack", "a"), "");
        for fixed in FIXED {
            assert!(refused(fixed, "1").contains(fixed));
        }
    }

    #[test]
    fn a_setting_that_there_is_not_is_refused_by_name() {
        assert!(refused("no.such.setting", "1").contains("no.such.setting"));
    }
}
