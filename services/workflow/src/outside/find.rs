//! What attempts are to say, when it is not at hand: requested by a worker before this one, or long ago.

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use sqlx::PgPool;
use tokio::time::sleep;
use uuid::Uuid;

use super::Due;
use crate::store::{self, Request};

/// Asked for at once.
const AT_ONCE: usize = 500;
/// Before those that were not found are looked for again: another worker's projection is about to write them.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// Before Postgres, being away, is asked again.
const LOOK_LATER: Duration = Duration::from_secs(1);

/// Those of which it is known what they say, and the others.
pub(super) type Found = (Vec<(Due, Request)>, Vec<Due>);

/// Looks for all of them, many at once. While some are missing it takes its time, so that nobody asks for them
/// without a pause.
pub(super) async fn find(pool: PgPool, asked: Vec<Due>) -> Found {
    let requests = match requests(&pool, &asked).await {
        Ok(requests) => requests,
        Err(error) => {
            tracing::warn!(%error, notifications = asked.len(), "notifications cannot be read");
            sleep(LOOK_LATER).await;
            return (Vec::new(), asked);
        }
    };
    let (found, missing) = sort(asked, requests);
    if !missing.is_empty() {
        sleep(LOOK_AGAIN).await;
    }
    (found, missing)
}

async fn requests(pool: &PgPool, asked: &[Due]) -> sqlx::Result<HashMap<Uuid, Request>> {
    let ids: BTreeSet<(&str, Uuid)> = asked.iter().map(|due| (&*due.workspace, id(due))).collect();
    let ids: Vec<(&str, Uuid)> = ids.into_iter().collect();
    let mut requests = HashMap::new();
    let mut tx = chassis::postgres::unscoped(pool).await?;
    for ids in ids.chunks(AT_ONCE) {
        requests.extend(store::requests(&mut tx, ids).await?);
    }
    tx.commit().await?;
    Ok(requests)
}

fn sort(asked: Vec<Due>, requests: HashMap<Uuid, Request>) -> Found {
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for due in asked {
        match requests.get(&id(&due)) {
            Some(request) => found.push((due, request.clone())),
            None => missing.push(due),
        }
    }
    (found, missing)
}

fn id(due: &Due) -> Uuid {
    Uuid::from_u128(due.attempt.notification.0)
}
