//! Saves in Postgres what comes through a queue: while Postgres is away, later.

use std::time::Duration;

use sqlx::PgPool;
use tokio::{sync::mpsc, time::sleep};

use crate::Tasks;

/// Before Postgres, being away, is asked again.
const PAUSE: Duration = Duration::from_millis(500);

/// Where to hand what `save` is to save, one after another and in this order. What cannot be saved is tried again until
/// it can be, or the process is to stop.
pub fn saver<T, S, F>(tasks: &Tasks, what: &'static str, pool: &PgPool, save: S) -> mpsc::UnboundedSender<T>
where
    T: Clone + Send + Sync + 'static,
    S: Fn(PgPool, T) -> F + Send + Sync + 'static,
    F: Future<Output = sqlx::Result<()>> + Send,
{
    let (handed, mut queue) = mpsc::unbounded_channel::<T>();
    let (pool, stop) = (pool.clone(), tasks.shutdown());
    tasks.spawn(what, async move {
        let saving = async {
            // Until nobody is left who could hand something.
            while let Some(item) = queue.recv().await {
                while let Err(error) = save(pool.clone(), item.clone()).await {
                    tracing::warn!(%error, "{what} cannot be saved, trying again");
                    sleep(PAUSE).await;
                }
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = stop.wait() => {}
            () = saving => {}
        }
        Ok(())
    });
    handed
}
