//! Waiting until a service has decided, and stored, everything up to an instant.

use std::time::{Duration, Instant};

use engine::postgres::{Reached, clock_reached};
use sqlx::PgPool;

use crate::{Code, Problem, Shutdown, postgres::reading};

/// How often somebody who waits for a clock looks at it.
const LOOK: Duration = Duration::from_millis(20);
/// How long a workspace that nothing is heard of is waited for, before whoever asked may look whether it is there.
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
    /// Errors: `WALL_CLOCK` if the workspace has no such clock; UNAVAILABLE if nothing is heard of it for ten seconds,
    /// and when the process is told to stop.
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
                    return Err(unheard_of(workspace));
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

/// Not NOT_FOUND: a service that is behind cannot tell a workspace just made from one that never was.
fn unheard_of(workspace: &str) -> Problem {
    let message = format!("nothing is heard of workspace {workspace:?} yet: repeat this if it is there");
    Problem::new(Code::Unavailable, "WORKSPACE_UNHEARD_OF", message).retry_after(1)
}

fn wall_clock(workspace: &str) -> Problem {
    let message = format!("workspace {workspace:?} goes by the wall clock: there is no clock to wait for");
    Problem::precondition("WALL_CLOCK", message)
}
