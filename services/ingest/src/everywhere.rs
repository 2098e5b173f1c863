//! Saying the same to every partition.

use eventlog::{Log, LogError, NewRecord, Topic, TopicPartition};
use tokio::sync::oneshot;

/// Appends what `records` makes for each partition of a topic; returns when all of it stands in the log.
pub(crate) async fn everywhere(
    log: &dyn Log,
    topic: Topic,
    records: impl Fn(TopicPartition) -> Vec<NewRecord>,
) -> Result<(), LogError> {
    let mut landings = Vec::new();
    for partition in 0..log.partitions(topic) {
        let at = TopicPartition { topic, partition };
        landings.push(append(log, at, records(at)));
    }
    for landing in landings {
        landing.await.unwrap_or_else(|_| Err(stopped()))?;
    }
    Ok(())
}

/// Hands over records; the receiver learns when they have landed.
pub(crate) fn append(log: &dyn Log, at: TopicPartition, records: Vec<NewRecord>) -> Landing {
    let (done, landing) = oneshot::channel();
    log.append(at, records, Box::new(move |landed| drop(done.send(landed.map(drop)))));
    landing
}

/// Whether and when records have landed.
pub(crate) type Landing = oneshot::Receiver<Result<(), LogError>>;

/// The log let go of a batch without an answer.
pub(crate) fn stopped() -> LogError {
    LogError::Transient("it stopped".into())
}
