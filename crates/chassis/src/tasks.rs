//! Tasks and shutdown: a dead task is a dead service.
//!
//! Invariant: a task that ends before it was asked to takes the service down; at shutdown those that others stand on
//! are stopped after the others have ended.

use std::{
    collections::BTreeMap,
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::{Context, anyhow, bail};
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, timeout_at},
};

/// A token that says when to stop.
#[derive(Debug, Clone)]
pub struct Shutdown(watch::Receiver<bool>);

impl Shutdown {
    /// Whether stopping was asked for.
    pub fn requested(&self) -> bool {
        *self.0.borrow()
    }

    /// Returns when stopping is asked for.
    pub async fn wait(mut self) {
        // An error means that nobody is left who could ask: that is the end, too.
        drop(self.0.wait_for(|asked| *asked).await);
    }
}

/// The tasks of a process. Clones share them.
#[derive(Debug, Clone)]
pub struct Tasks(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    above: Layer,
    beneath: Layer,
    ended: mpsc::UnboundedSender<Ended>,
    endings: Mutex<Option<mpsc::UnboundedReceiver<Ended>>>,
}

#[derive(Debug)]
struct Layer {
    stop: watch::Sender<bool>,
    running: Mutex<Running>,
}

#[derive(Debug, Default)]
struct Running {
    next: u64,
    names: BTreeMap<u64, String>,
}

/// How a task may end before shutdown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Life {
    /// Not at all.
    Lasting,
    /// With `Ok`.
    Passing,
}

#[derive(Debug)]
struct Ended {
    name: String,
    outcome: anyhow::Result<()>,
}

impl Default for Tasks {
    fn default() -> Self {
        Self::new()
    }
}

impl Tasks {
    pub fn new() -> Self {
        let (ended, endings) = mpsc::unbounded_channel();
        Self(Arc::new(Inner {
            above: Layer::new(),
            beneath: Layer::new(),
            ended,
            endings: Mutex::new(Some(endings)),
        }))
    }

    /// Runs a task that lives until shutdown: if it ends earlier, however, the service stops.
    pub fn spawn(
        &self,
        name: impl Into<String>,
        task: impl Future<Output = anyhow::Result<()>> + Send + 'static,
    ) {
        self.run(false, Life::Lasting, name.into(), task);
    }

    /// Runs a task that may end with `Ok`.
    pub fn spawn_once(
        &self,
        name: impl Into<String>,
        task: impl Future<Output = anyhow::Result<()>> + Send + 'static,
    ) {
        self.run(false, Life::Passing, name.into(), task);
    }

    /// Runs a task that others stand on: at shutdown it is stopped when all others have ended.
    pub fn spawn_beneath(
        &self,
        name: impl Into<String>,
        task: impl Future<Output = anyhow::Result<()>> + Send + 'static,
    ) {
        self.run(true, Life::Lasting, name.into(), task);
    }

    /// Runs blocking work on a thread of its own. It may end with `Ok`.
    pub fn spawn_thread(
        &self,
        name: impl Into<String>,
        work: impl FnOnce() -> anyhow::Result<()> + Send + 'static,
    ) {
        let name = name.into();
        let ending = self.ending(false, Life::Passing, name.clone());
        let spawned = std::thread::Builder::new().name(name.clone()).spawn(move || {
            let outcome = work();
            ending.report(outcome);
        });
        if let Err(error) = spawned {
            let outcome = Err(anyhow!(error).context("no thread to be had"));
            drop(self.0.ended.send(Ended { name, outcome }));
        }
    }

    /// The token of ordinary tasks.
    pub fn shutdown(&self) -> Shutdown {
        Shutdown(self.0.above.stop.subscribe())
    }

    /// The token of tasks that others stand on.
    pub fn shutdown_beneath(&self) -> Shutdown {
        Shutdown(self.0.beneath.stop.subscribe())
    }

    /// Asks everything to stop.
    pub fn stop(&self) {
        self.0.above.stop.send_replace(true);
    }

    /// Waits for a signal to end, for [`Tasks::stop`], or for a task to die; then stops everything, waiting for at
    /// most `drain`, of which a tenth is left to what others stand on. An error if a task died or the time did not
    /// suffice. To be called once.
    pub async fn finish(&self, drain: Duration) -> anyhow::Result<()> {
        let mut endings = locked(&self.0.endings).take().context("finish is called once")?;
        let first = tokio::select! {
            () = self.shutdown().wait() => Ok(()),
            signalled = signal() => signalled,
            died = death(&mut endings) => Err(died),
        };
        self.stop();
        let begun = Instant::now();
        let above = self.0.above.drained(begun + drain * 9 / 10, &mut endings).await;
        self.0.beneath.stop.send_replace(true);
        let beneath = self.0.beneath.drained(begun + drain, &mut endings).await;
        first.and(above).and(beneath)
    }

    fn run(
        &self,
        beneath: bool,
        life: Life,
        name: String,
        task: impl Future<Output = anyhow::Result<()>> + Send + 'static,
    ) {
        let ending = self.ending(beneath, life, name);
        #[expect(clippy::disallowed_methods, reason = "this is the one place that spawns")]
        drop(tokio::spawn(async move {
            let outcome = task.await;
            ending.report(outcome);
        }));
    }

    fn ending(&self, beneath: bool, life: Life, name: String) -> Ending {
        let layer = if beneath { &self.0.beneath } else { &self.0.above };
        let number = layer.begin(name);
        Ending { tasks: self.clone(), beneath, life, number, outcome: None }
    }
}

impl Layer {
    fn new() -> Self {
        Self { stop: watch::Sender::new(false), running: Mutex::default() }
    }

    fn begin(&self, name: String) -> u64 {
        let mut running = locked(&self.running);
        running.next += 1;
        let number = running.next;
        running.names.insert(number, name);
        number
    }

    async fn drained(
        &self,
        until: Instant,
        endings: &mut mpsc::UnboundedReceiver<Ended>,
    ) -> anyhow::Result<()> {
        let mut outcome = Ok(());
        loop {
            if locked(&self.running).names.is_empty() {
                return outcome;
            }
            match timeout_at(until, endings.recv()).await {
                Ok(Some(ended)) => outcome = outcome.and(ended.failure()),
                Ok(None) => return outcome,
                Err(_) => bail!("still running at the end: {}", self.names()),
            }
        }
    }

    fn names(&self) -> String {
        locked(&self.running).names.values().cloned().collect::<Vec<_>>().join(", ")
    }
}

impl Ended {
    fn failure(self) -> anyhow::Result<()> {
        self.outcome.with_context(|| format!("task {}", self.name))
    }
}

/// Reports its task's end when dropped: without an outcome, the task has panicked or was dropped with its runtime.
struct Ending {
    tasks: Tasks,
    beneath: bool,
    life: Life,
    number: u64,
    outcome: Option<anyhow::Result<()>>,
}

impl Ending {
    fn report(mut self, outcome: anyhow::Result<()>) {
        self.outcome = Some(outcome);
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        let inner = &self.tasks.0;
        let layer = if self.beneath { &inner.beneath } else { &inner.above };
        let Some(name) = locked(&layer.running).names.remove(&self.number) else { return };
        let stopping = *layer.stop.borrow();
        let outcome = match self.outcome.take() {
            None => Err(anyhow!("panicked")),
            Some(Ok(())) if self.life == Life::Lasting && !stopping => Err(anyhow!("ended by itself")),
            Some(outcome) => outcome,
        };
        drop(inner.ended.send(Ended { name, outcome }));
    }
}

async fn death(endings: &mut mpsc::UnboundedReceiver<Ended>) -> anyhow::Error {
    while let Some(ended) = endings.recv().await {
        if let Err(error) = ended.failure() {
            return error;
        }
    }
    std::future::pending().await
}

async fn signal() -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRAIN: Duration = Duration::from_secs(5);

    #[tokio::test]
    async fn a_task_that_ends_by_itself_takes_the_service_down() {
        let tasks = Tasks::new();
        tasks.spawn("short", async { Ok(()) });
        let shutdown = tasks.shutdown();
        tasks.spawn("long", async move {
            shutdown.wait().await;
            Ok(())
        });
        let error = tasks.finish(DRAIN).await.expect_err("a death");
        assert_eq!(format!("{error:#}"), "task short: ended by itself");
    }

    #[tokio::test]
    async fn a_panic_in_a_task_or_a_thread_takes_the_service_down() {
        for thread in [false, true] {
            let tasks = Tasks::new();
            if thread {
                tasks.spawn_thread("loud", || panic!("on purpose"));
            } else {
                tasks.spawn_once("loud", async { panic!("on purpose") });
            }
            let error = tasks.finish(DRAIN).await.expect_err("a death");
            assert_eq!(format!("{error:#}"), "task loud: panicked");
        }
    }

    #[tokio::test]
    async fn what_others_stand_on_stops_last() {
        let tasks = Tasks::new();
        let order = Arc::new(Mutex::new(Vec::new()));
        for (name, beneath) in [("beneath", true), ("above", false)] {
            let order = Arc::clone(&order);
            let shutdown = if beneath { tasks.shutdown_beneath() } else { tasks.shutdown() };
            let task = async move {
                shutdown.wait().await;
                order.lock().unwrap().push(name);
                Ok(())
            };
            if beneath { tasks.spawn_beneath(name, task) } else { tasks.spawn(name, task) }
        }
        tasks.spawn_once("passing", async { Ok(()) });
        tasks.stop();
        tasks.finish(DRAIN).await.unwrap();
        assert_eq!(*order.lock().unwrap(), ["above", "beneath"]);
    }

    #[tokio::test]
    async fn a_task_that_does_not_stop_in_time_is_named() {
        let tasks = Tasks::new();
        tasks.spawn("stubborn", std::future::pending());
        tasks.stop();
        let error = tasks.finish(Duration::from_millis(1)).await.expect_err("too long");
        assert_eq!(format!("{error:#}"), "still running at the end: stubborn");
    }
}
