//! What goes on beside appending: looking out for other processes' appends, making segments ahead of time and
//! dropping old ones.

use std::time::Duration;

use sqlx::PgPool;

use super::{PgLog, PgLogOptions, store};
use crate::Topic;

const DAY: i64 = 24 * 60 * 60 * 1000;
/// How often segments are looked after.
const KEEPING: Duration = Duration::from_secs(600);
/// How long to leave a server alone that is away.
const AWAY: Duration = Duration::from_millis(500);

/// Looks at the partitions' heads now and then, and tells readers what others have appended.
pub(super) async fn look_out(log: &PgLog) {
    loop {
        tokio::time::sleep(log.options.poll).await;
        match store::ends(&log.pool).await {
            Ok(ends) => {
                for (at, end) in ends {
                    if let Some(tail) = log.tails.get(&at) {
                        tail.reaches(end);
                    }
                }
            }
            Err(error) => {
                tracing::debug!(%error, "cannot look for others' appends: {error}");
                tokio::time::sleep(AWAY).await;
            }
        }
    }
}

/// Looks after segments now and then.
pub(super) async fn keep_segments(log: &PgLog) {
    loop {
        tokio::time::sleep(KEEPING).await;
        if let Err(error) = keep(&log.pool, &log.options).await {
            tracing::warn!(%error, "cannot look after the log's segments: {error}");
        }
    }
}

/// Makes every topic's segments of the time to come, and drops those past their keeping. That some cannot be dropped is
/// no reason to take no more records.
pub(super) async fn keep(pool: &PgPool, options: &PgLogOptions) -> sqlx::Result<()> {
    for topic in Topic::ALL {
        let width = width(topic);
        let keep = i64::from(options.days(topic)) * DAY;
        let made = store::create_segments(pool, topic, width, 2 * width).await?;
        let dropped = store::drop_segments(pool, topic, width, keep).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "old segments of {} cannot be dropped: {error}", topic.name());
            0
        });
        if made + dropped > 0 {
            tracing::info!("{}: {made} segments made, {dropped} dropped", topic.name());
        }
    }
    Ok(())
}

/// How long a segment is: short enough to drop in time, long enough to be few.
fn width(topic: Topic) -> i64 {
    match topic {
        Topic::Inbox => DAY,
        Topic::Account | Topic::InboxDead | Topic::AccountDead => 7 * DAY,
    }
}
