//! Bounds to waiting for Postgres. A statement ends by itself after a while, at the server; but a connection whose far
//! end went away without a word never says anything again, and TCP does not tell.

use std::{future::Future, io, time::Duration};

use tokio::time::timeout;

/// Longer than any statement may run.
const ANSWERED: Duration = Duration::from_secs(40);

/// What a transaction comes to; that Postgres is away, if nothing is heard of it for 40 s.
pub async fn answered<T>(asked: impl Future<Output = sqlx::Result<T>>) -> sqlx::Result<T> {
    answered_within(ANSWERED, asked).await
}

/// The same for one that is over soon, or could as well begin again.
pub async fn answered_within<T>(
    within: Duration,
    asked: impl Future<Output = sqlx::Result<T>>,
) -> sqlx::Result<T> {
    let unheard = || io::Error::new(io::ErrorKind::TimedOut, format!("no answer for {within:?}"));
    timeout(within, asked).await.unwrap_or_else(|_| Err(sqlx::Error::Io(unheard())))
}

/// Whether nothing was heard in time.
pub fn is_unanswered(fault: &sqlx::Error) -> bool {
    matches!(fault, sqlx::Error::Io(error) if error.kind() == io::ErrorKind::TimedOut)
}
