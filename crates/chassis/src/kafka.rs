//! What Kafka's clients count, as Prometheus sees it.

use std::{fmt::Error, sync::Arc};

use eventlog::kafka::{Broker, Client, KafkaLog};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
    registry::Unit,
};

use crate::metrics::Metrics;

/// Has a log's numbers shown among the process's metrics; they are renewed every five seconds.
pub fn register(metrics: &Metrics, log: Arc<KafkaLog>) {
    metrics.register(|registry| registry.register_collector(Box::new(Shown(log))));
}

#[derive(Debug)]
struct Shown(Arc<KafkaLog>);

type OfClient = (&'static str, &'static str, fn(&Client) -> u64);
type OfBroker = (&'static str, &'static str, fn(&Broker) -> u64);

const GAUGES: [OfClient; 2] = [
    ("kafka_waiting_records", "Records that wait to be appended or are on their way", |c| c.waiting),
    ("kafka_waiting_bytes", "Bytes of those records", |c| c.waiting_bytes),
];

const COUNTERS: [OfClient; 2] = [
    ("kafka_sent_records", "Records sent to brokers", |c| c.sent),
    ("kafka_received_records", "Records received from brokers", |c| c.received),
];

const BROKER_COUNTERS: [OfBroker; 3] = [
    ("kafka_broker_retries", "Requests to the broker that were repeated", |b| b.retries),
    ("kafka_broker_timeouts", "Requests to the broker that were not answered in time", |b| b.timeouts),
    ("kafka_broker_errors", "Requests to the broker that failed, and broken answers", |b| b.errors),
];

impl Collector for Shown {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        encode(&mut encoder, &self.0.clients())
    }
}

fn encode(encoder: &mut DescriptorEncoder<'_>, clients: &[Client]) -> Result<(), Error> {
    for (name, help, read) in GAUGES {
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for client in clients {
            ConstGauge::new(signed(read(client))).encode(family.encode_family(&of(client))?)?;
        }
    }
    for (name, help, read) in COUNTERS {
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for client in clients {
            ConstCounter::new(read(client)).encode(family.encode_family(&of(client))?)?;
        }
    }
    for (name, help, read) in BROKER_COUNTERS {
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (client, name, broker) in brokers(clients) {
            ConstCounter::new(read(broker)).encode(family.encode_family(&seen(client, name))?)?;
        }
    }
    let help = "Whether the client is connected to the broker";
    let mut family = encoder.encode_descriptor("kafka_broker_up", help, None, MetricType::Gauge)?;
    for (client, name, broker) in brokers(clients) {
        ConstGauge::new(i64::from(broker.is_up)).encode(family.encode_family(&seen(client, name))?)?;
    }
    let (help, unit) = ("99 of 100 of the last requests to the broker were answered within", Unit::Seconds);
    let mut family =
        encoder.encode_descriptor("kafka_broker_round_trip_p99", help, Some(&unit), MetricType::Gauge)?;
    for (client, name, broker) in brokers(clients) {
        let seconds = broker.round_trip_p99 as f64 / 1e6;
        ConstGauge::new(seconds).encode(family.encode_family(&seen(client, name))?)?;
    }
    Ok(())
}

fn brokers(clients: &[Client]) -> impl Iterator<Item = (&Client, &str, &Broker)> {
    clients
        .iter()
        .flat_map(|client| client.brokers.iter().map(move |(name, broker)| (client, name.as_str(), broker)))
}

fn of(client: &Client) -> [(&'static str, &str); 1] {
    [("client", &client.name)]
}

fn seen<'a>(client: &'a Client, broker: &'a str) -> [(&'static str, &'a str); 2] {
    [("client", &client.name), ("broker", broker)]
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[derive(Debug)]
    struct Fixed(Vec<Client>);

    impl Collector for Fixed {
        fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
            encode(&mut encoder, &self.0)
        }
    }

    #[test]
    fn operators_find_every_number_of_a_client_by_its_name() {
        let broker = Broker { is_up: true, retries: 1, timeouts: 2, errors: 3, round_trip_p99: 4_500 };
        let client = Client {
            name: "perennial#producer-1".into(),
            waiting: 5,
            waiting_bytes: 6,
            sent: 7,
            received: 8,
            brokers: BTreeMap::from([("host:9092".to_owned(), broker)]),
        };
        let metrics = Metrics::new();
        metrics.register(|registry| registry.register_collector(Box::new(Fixed(vec![client]))));
        let text = metrics.text();
        let client = r#"client="perennial#producer-1""#;
        for line in [
            format!("perennial_kafka_waiting_records{{{client}}} 5"),
            format!("perennial_kafka_waiting_bytes{{{client}}} 6"),
            format!("perennial_kafka_sent_records_total{{{client}}} 7"),
            format!("perennial_kafka_received_records_total{{{client}}} 8"),
            format!(r#"perennial_kafka_broker_retries_total{{{client},broker="host:9092"}} 1"#),
            format!(r#"perennial_kafka_broker_timeouts_total{{{client},broker="host:9092"}} 2"#),
            format!(r#"perennial_kafka_broker_errors_total{{{client},broker="host:9092"}} 3"#),
            format!(r#"perennial_kafka_broker_up{{{client},broker="host:9092"}} 1"#),
            format!(r#"perennial_kafka_broker_round_trip_p99_seconds{{{client},broker="host:9092"}} 0.0045"#),
        ] {
            assert!(text.contains(&line), "no {line} in\n{text}");
        }
    }
}
