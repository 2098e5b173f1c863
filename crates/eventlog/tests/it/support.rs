//! A log in a database of the test's own.

use std::{
    fmt::Debug,
    sync::{
        Arc,
        mpsc::{Receiver, Sender, channel},
    },
    time::Duration,
};

use chassis::Tasks;
use eventlog::postgres::{MIGRATOR, PgLog, PgLogOptions};
use sqlx::PgPool;
use testkit::servers::{Database, postgres};
use tracing::{
    Event, Metadata, Subscriber,
    field::Field,
    span::{Attributes, Id, Record},
};

/// A log, and what runs behind it until it is closed.
pub(crate) struct Opened {
    pub(crate) log: Arc<PgLog>,
    tasks: Tasks,
}

impl Opened {
    /// As another process would open it: with a pool and a tail of its own.
    pub(crate) async fn open(pool: &PgPool, options: PgLogOptions) -> anyhow::Result<Self> {
        let (log, running) = PgLog::open(pool.clone(), options).await?;
        let tasks = Tasks::new();
        let shutdown = tasks.shutdown_beneath();
        tasks.spawn_beneath("log", async move {
            running.run(shutdown.wait()).await;
            Ok(())
        });
        Ok(Self { log, tasks })
    }

    pub(crate) async fn close(self) -> anyhow::Result<()> {
        self.tasks.stop();
        self.tasks.finish(Duration::from_secs(10)).await
    }
}

pub(crate) async fn database() -> anyhow::Result<Database> {
    postgres().database(&[&MIGRATOR]).await
}

/// Runs blocking calls of the log on a plain thread.
pub(crate) async fn on_a_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(value) => value,
        Err(failed) => std::panic::resume_unwind(failed.into_panic()),
    }
}

/// Hears what the server says beside its answers.
struct Listener(Sender<String>);

/// What it will have said, and who listens.
pub(crate) fn listen() -> (Receiver<String>, impl Subscriber + Send + Sync) {
    let (says, said) = channel();
    (said, Listener(says))
}

impl Subscriber for Listener {
    fn enabled(&self, of: &Metadata<'_>) -> bool {
        of.target() == "sqlx::postgres::notice"
    }

    fn event(&self, event: &Event<'_>) {
        event.record(&mut |_: &Field, value: &dyn Debug| {
            let _nobody_listens = self.0.send(format!("{value:?}"));
        });
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}
