//! Saying the same to every partition.

use std::time::Duration;

use chassis::Problem;
use eventlog::{Log, LogError, NewRecord, Topic, TopicPartition};
use tokio::{sync::oneshot, time::timeout};

/// How long a transaction that orders what is appended waits for it: less than Postgres lets one lie idle (30 s).
const WITHIN: Duration = Duration::from_secs(20);

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

/// Waits for what is being appended, for so long as a transaction may be held open. What lands after that is a repeat
/// of what is said when the caller tries again, which readers drop.
pub(crate) async fn in_time(appending: impl Future<Output = Result<(), LogError>>) -> Result<(), Problem> {
    landed_within(WITHIN, appending).await
}

async fn landed_within(
    within: Duration,
    appending: impl Future<Output = Result<(), LogError>>,
) -> Result<(), Problem> {
    match timeout(within, appending).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(refused(&error)),
        Err(_) => Err(Problem::away(format!("the log did not answer within {} seconds", within.as_secs()))),
    }
}

fn refused(error: &LogError) -> Problem {
    match error {
        LogError::Transient(_) => Problem::away(error.to_string()),
        LogError::Poison(_) => Problem::internal(error),
    }
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

#[cfg(test)]
mod tests {
    use chassis::Code;

    use super::*;

    #[tokio::test]
    async fn a_log_that_is_away_or_does_not_answer_may_be_asked_again() {
        let within = Duration::from_millis(10);
        let slow = landed_within(within, std::future::pending()).await.unwrap_err();
        assert_eq!((slow.code, slow.retry_after), (Code::Unavailable, Some(1)));
        let away = landed_within(within, async { Err(stopped()) }).await.unwrap_err();
        assert_eq!(away.code, Code::Unavailable);
        let refused = landed_within(within, async { Err(LogError::Poison("too large".into())) }).await;
        assert_eq!(refused.unwrap_err().code, Code::Internal);
        landed_within(within, async { Ok(()) }).await.unwrap();
    }
}
