//! Waiting until a service has decided, and stored, everything up to an instant.

use std::time::{Duration, Instant};

use engine::postgres::{Reached, clock_reached};
use sqlx::PgPool;

use crate::{Problem, Shutdown, postgres::reading};

/// How often somebody who waits for a clock looks at it.
const LOOK: Duration = Duration::from_millis(20);
/// A workspace that nothing is heard of for so long is none: a new one is known sooner.
const STRANGER: Duration = Duration::from_secs(10);

/// Who waits for the clocks of one service's workspaces.
#[derive(Debug, Clone)]
pub struct Clocks {
    pool: PgPool,
    partitions: u32,
    shutdown: Shutdown,
}

impl Clocks {
    pub(super) fn new(pool: PgPool, partitions: u32, shutdown: Shutdown) -> Self {
        Self { pool, partitions, shutdown }
    }

    /// Waits until every partition has projected a log-clock workspace's decisions up to an instant and `quiet` says
    /// that nothing is under way any more: for as long as the caller will wait.
    ///
    /// Errors: `WALL_CLOCK` if the workspace has no such clock, NOT_FOUND if nothing is heard of it for ten seconds,
    /// UNAVAILABLE when the process is told to stop.
    pub async fn wait<Q: Future<Output = Result<bool, Problem>>>(
        &self,
        workspace: &str,
        to_at: i64,
        quiet: impl Fn() -> Q,
    ) -> Result<(), Problem> {
        let begun = Instant::now();
        while !self.shutdown.requested() {
            match self.reached(workspace, to_at).await? {
                Reached::Yes if quiet().await? => return Ok(()),
                Reached::WallClock => return Err(wall_clock(workspace)),
                Reached::Unknown if begun.elapsed() > STRANGER => {
                    return Err(Problem::not_found(format!("workspace {workspace:?}")));
                }
                Reached::Yes | Reached::NotYet | Reached::Unknown => tokio::time::sleep(LOOK).await,
            }
        }
        Err(Problem::away("the service is stopping"))
    }

    async fn reached(&self, workspace: &str, to_at: i64) -> sqlx::Result<Reached> {
        let mut tx = reading(&self.pool, workspace).await?;
        clock_reached(&mut tx, workspace, to_at, self.partitions).await
    }
}

fn wall_clock(workspace: &str) -> Problem {
    let message = format!("workspace {workspace:?} goes by the wall clock: there is no clock to wait for");
    Problem::precondition("WALL_CLOCK", message)
}
