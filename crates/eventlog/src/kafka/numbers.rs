//! What librdkafka counts, as far as operators ask for it.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use rdkafka::Statistics;

/// A client that has told nothing for so long is gone.
const GONE: Duration = Duration::from_secs(15);

/// The latest statistics of a process's clients.
#[derive(Debug, Default)]
pub(super) struct Numbers(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// By the client's name.
    clients: BTreeMap<String, (Instant, Client)>,
}

/// Statistics of one client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// E.g. `perennial#producer-1`.
    pub name: String,
    /// Messages that wait to be appended, or are on their way.
    pub waiting: u64,
    /// Bytes of them.
    pub waiting_bytes: u64,
    /// Messages sent and received since the start.
    pub sent: u64,
    pub received: u64,
    /// By the broker's name.
    pub brokers: BTreeMap<String, Broker>,
}

/// What a client sees of a broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Broker {
    pub is_up: bool,
    /// Requests repeated, timed out, and failed, since the start.
    pub retries: u64,
    pub timeouts: u64,
    pub errors: u64,
    /// 99 of 100 requests of the last interval were answered within so many microseconds.
    pub round_trip_p99: u64,
}

impl Numbers {
    pub(super) fn take(&self, statistics: &Statistics) {
        let brokers = statistics.brokers.values().filter(|broker| broker.nodeid >= 0);
        let client = Client {
            name: statistics.name.clone(),
            waiting: statistics.msg_cnt,
            waiting_bytes: statistics.msg_size,
            sent: unsigned(statistics.txmsgs),
            received: unsigned(statistics.rxmsgs),
            brokers: brokers.map(|broker| (broker.nodename.clone(), Broker::of(broker))).collect(),
        };
        self.lock().clients.insert(statistics.name.clone(), (Instant::now(), client));
    }

    /// Of all clients there are.
    pub(super) fn clients(&self) -> Vec<Client> {
        let mut known = self.lock();
        known.clients.retain(|_, (told_at, _)| told_at.elapsed() < GONE);
        known.clients.values().map(|(_, client)| client.clone()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Broker {
    fn of(broker: &rdkafka::statistics::Broker) -> Self {
        Self {
            is_up: broker.state == "UP",
            retries: broker.txretries,
            timeouts: broker.req_timeouts,
            errors: broker.txerrs + broker.rxerrs,
            round_trip_p99: broker.rtt.as_ref().map_or(0, |rtt| unsigned(rtt.p99)),
        }
    }
}

fn unsigned(number: i64) -> u64 {
    number.max(0).unsigned_abs()
}
