//! Saves in Postgres, for whoever asks, what versions of a catalogue name: of each workspace the newest.
//!
//! Invariant: what waits is bounded by the number of workspaces; one that Postgres refuses holds up no other.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use sqlx::PgPool;
use tokio::{sync::Notify, time::sleep};

use crate::{
    Tasks,
    postgres::{answered, is_away},
};

/// Before Postgres, being away, is asked again.
const PAUSE: Duration = Duration::from_millis(500);

/// What a version of a workspace's catalogue names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Met {
    pub workspace: String,
    pub version: u64,
    /// Each name with what belongs to it: a title, an address.
    pub named: Vec<(String, String)>,
}

/// Where a fold hands what it met.
#[derive(Debug, Clone, Default)]
pub struct Saver(Arc<Handed>);

#[derive(Debug, Default)]
struct Handed {
    by_workspace: Mutex<BTreeMap<String, Versions>>,
    arrived: Notify,
}

/// Of one workspace.
#[derive(Debug, Default)]
struct Versions {
    waiting: Option<Met>,
    /// The newest that was ever handed: it is saved once, in however many partitions it is met.
    newest: u64,
}

impl Saver {
    /// One whose `save` is called with one version after another. What cannot be saved since Postgres is away is tried
    /// again until it can be, or the process is to stop.
    pub fn start<S, F>(tasks: &Tasks, what: &'static str, pool: &PgPool, save: S) -> Self
    where
        S: Fn(PgPool, Met) -> F + Send + Sync + 'static,
        F: Future<Output = sqlx::Result<()>> + Send,
    {
        let saver = Self::default();
        let (handed, pool, stop) = (saver.clone(), pool.clone(), tasks.shutdown());
        tasks.spawn(what, async move {
            let saving = async {
                loop {
                    let met = handed.next().await;
                    while let Err(error) = answered(save(pool.clone(), met.clone())).await {
                        let workspace = &met.workspace;
                        if !is_away(&error) {
                            tracing::error!(%error, workspace, "{what} of {workspace} cannot be saved");
                            break;
                        }
                        tracing::warn!(%error, workspace, "{what} of {workspace} cannot be saved, trying again");
                        sleep(PAUSE).await;
                    }
                }
            };
            tokio::select! {
                () = stop.wait() => {}
                () = saving => {}
            }
            Ok(())
        });
        saver
    }

    /// A version was met, perhaps not for the first time.
    pub fn hand(&self, met: Met) {
        let mut by_workspace = self.0.by_workspace.lock().unwrap_or_else(PoisonError::into_inner);
        let versions = by_workspace.entry(met.workspace.clone()).or_default();
        if versions.newest < met.version {
            *versions = Versions { newest: met.version, waiting: Some(met) };
            self.0.arrived.notify_one();
        }
    }

    /// The newest version of some workspace that nobody has taken yet.
    pub async fn next(&self) -> Met {
        loop {
            if let Some(met) = self.take() {
                return met;
            }
            self.0.arrived.notified().await;
        }
    }

    fn take(&self) -> Option<Met> {
        let mut by_workspace = self.0.by_workspace.lock().unwrap_or_else(PoisonError::into_inner);
        by_workspace.values_mut().find_map(|versions| versions.waiting.take())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn met(workspace: &str, version: u64) -> Met {
        Met { workspace: workspace.to_owned(), version, named: Vec::new() }
    }

    #[tokio::test]
    async fn of_each_workspace_the_newest_is_taken_once() {
        let saver = Saver::default();
        for (workspace, version) in [("acme", 1), ("acme", 3), ("acme", 2), ("acme", 3), ("globex", 1)] {
            saver.hand(met(workspace, version));
        }
        assert_eq!([saver.next().await, saver.next().await], [met("acme", 3), met("globex", 1)]);
        saver.hand(met("acme", 3));
        assert_eq!(saver.take(), None);
    }

    #[tokio::test]
    async fn what_is_refused_costs_no_other_and_what_is_away_is_tried_again() {
        let tasks = Tasks::new();
        let (saved, mut told) = tokio::sync::mpsc::unbounded_channel();
        let nobody = PgPool::connect_lazy("postgres://127.0.0.1:1/nobody").expect("an address");
        let tried = std::sync::atomic::AtomicU32::new(0);
        let save = move |_, met: Met| {
            let first = tried.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 1;
            let saved = saved.clone();
            async move {
                match met.workspace.as_str() {
                    "acme" => Err(sqlx::Error::Protocol("no".to_owned())),
                    _ if first => Err(sqlx::Error::PoolTimedOut),
                    workspace => {
                        saved.send(workspace.to_owned()).expect("somebody listens");
                        Ok(())
                    }
                }
            }
        };
        let saver = Saver::start(&tasks, "segments", &nobody, save);
        saver.hand(met("acme", 1));
        saver.hand(met("globex", 1));
        let told = tokio::time::timeout(Duration::from_secs(20), told.recv()).await;
        assert_eq!(told.expect("in time").as_deref(), Some("globex"));
        tasks.stop();
        tasks.finish(Duration::from_secs(5)).await.expect("it ends");
    }
}
