//! Events a second that every service decides, while as many are sent as are decided.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::{Duration, Instant},
};

use anyhow::Result;
use testkit::measure::{against, cpu};
use tokio::time::sleep;

use crate::{
    Stage,
    parts::{
        asking::{Doors, lag},
        load::{BATCH, Sender, batch, floor},
    },
};

const RUN: Duration = Duration::from_secs(60);
pub(crate) const ACCOUNTS: u64 = 100_000;
/// Records that services have not folded: beyond, senders wait, so that what waits does not grow.
const AHEAD: u64 = 20_000;
const LOOK: Duration = Duration::from_millis(250);
const FLOOR: u64 = 200_000;
const GOAL: f64 = 8_000.0;

/// How many events were sent: each of them is counted, and every account has a score.
pub(crate) async fn measure(stage: &Stage) -> Result<u64> {
    let (doors, sender) = (stage.doors()?, stage.sender()?);
    let floor = floor(&stage.log, FLOOR, batch("load", 0, BATCH, ACCOUNTS).len() / BATCH as usize).await?;
    let cpu_before = spent(stage)?;

    let (begun, load) = (Instant::now(), Load::default());
    let watching = load.watch(&doors);
    let sending = load.send(&sender);
    tokio::pin!(sending);
    tokio::select! {
        sent = &mut sending => sent?,
        watched = watching => watched?,
    }
    let sent = load.sent.load(Ordering::Relaxed);
    doors.settled(sent, ACCOUNTS.min(sent)).await?;
    doors.even().await?;
    let decided = begun.elapsed();

    let rate = sent as f64 / decided.as_secs_f64();
    println!(
        "the whole way: {sent} events of {ACCOUNTS} accounts, decided by every service and stored after {decided:.1?}, nothing \
         lost: {rate:.0} events/s; {}",
        against(rate / GOAL, 1.0)
    );
    println!(
        "  never much more than {AHEAD} records behind; floor: {floor:.0} records/s appended to the log alone; ratio {:.3}",
        rate / floor
    );
    for ((name, before), (_, after)) in cpu_before.into_iter().zip(spent(stage)?) {
        println!("  {name}: {:.1} CPU s", (after - before).as_secs_f64());
    }
    Ok(sent)
}

/// Events about the accounts that no event has been about yet; how many were sent in all.
pub(crate) async fn top_up(stage: &Stage, sent: u64) -> Result<u64> {
    let sender = stage.sender()?;
    for from in (sent..ACCOUNTS).step_by(BATCH as usize) {
        sender.send("batch", batch("load", from, BATCH, ACCOUNTS)).await?;
    }
    let sent = sent.max(ACCOUNTS);
    stage.doors()?.settled(sent, ACCOUNTS).await?;
    Ok(sent)
}

#[derive(Default)]
struct Load {
    sent: AtomicU64,
    /// Some service is too far behind.
    waits: AtomicBool,
}

impl Load {
    /// As long as it runs; on every connection one batch after the other.
    async fn send(&self, sender: &Sender) -> Result<()> {
        let begun = Instant::now();
        sender
            .send_all(async || {
                while self.waits.load(Ordering::Relaxed) && begun.elapsed() < RUN {
                    sleep(Duration::from_millis(5)).await;
                }
                let goes_on = begun.elapsed() < RUN;
                goes_on.then(|| batch("load", self.sent.fetch_add(BATCH, Ordering::Relaxed), BATCH, ACCOUNTS))
            })
            .await
    }

    /// Holds the senders back where a service does not follow. Ends only if it cannot look.
    async fn watch(&self, doors: &Doors) -> Result<()> {
        loop {
            self.waits.store(lag(&doors.metrics().await?) > AHEAD, Ordering::Relaxed);
            sleep(LOOK).await;
        }
    }
}

/// Time on the CPU of each process of the cluster.
fn spent(stage: &Stage) -> Result<Vec<(String, Duration)>> {
    let replicas = stage.cluster.replicas();
    let of = |(service, number, replica): (&str, usize, &testkit::cluster::Replica)| {
        anyhow::Ok((format!("{service} {number}"), cpu(replica.id())?))
    };
    let own = anyhow::Ok(("the load".to_owned(), cpu(std::process::id())?));
    replicas.map(of).chain([own]).collect()
}
