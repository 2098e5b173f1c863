//! What the workers of a cluster say of themselves.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tokio::time::{sleep, timeout};

use super::faults::{Ground, Who};
use crate::{log::Log, metrics};

const SETTLE: Duration = Duration::from_secs(240);
const LOOK: Duration = Duration::from_millis(500);
/// How long `/metrics` may take of what is about to be killed.
const GLANCE: Duration = Duration::from_millis(200);

impl Ground {
    /// Returns once every worker has folded all there is, and nothing more comes.
    pub(super) async fn settle(&self, log: &Log) -> Result<()> {
        let begun = Instant::now();
        let mut before = Vec::new();
        loop {
            let (mut lag, mut now) = (Vec::new(), Vec::new());
            for (service, number, replica) in self.cluster.replicas() {
                let said = said(&replica.http).await?;
                let behind = metrics::sum(&said, "perennial_worker_lag_records").unwrap_or_default();
                lag.push(format!("{service} {number}: {behind}"));
                now.push(behind);
            }
            let is_idle = now.iter().all(|behind| *behind == 0);
            now.push(log.records_in_all().await?);
            if is_idle && now == before {
                return Ok(());
            }
            ensure!(begun.elapsed() < SETTLE, "it does not come to rest: {lag:?}");
            before = now;
            sleep(LOOK).await;
        }
    }

    /// Fails if some worker of a process that is about to end said other than the log. What it counted ends with it; one
    /// that does not answer at once, or has no partition yet, keeps it for itself.
    pub(super) async fn check_before_end(&self, (service, number): Who) -> Result<()> {
        let replica =
            self.cluster.replica(service, number).with_context(|| format!("no {service} {number}"))?;
        match timeout(GLANCE, said(&replica.http)).await {
            Ok(Ok(said)) if metrics::series(&said, "perennial_worker_repairs_total") > 0 => {
                metrics::check_true(&said).with_context(|| format!("{service} {number}"))
            }
            _ => Ok(()),
        }
    }

    /// Fails if some worker said other than the log since it has its partition. What nobody can read is sent on purpose.
    pub(super) async fn check_workers(&self) -> Result<()> {
        let mut all = String::new();
        for (.., replica) in self.cluster.replicas() {
            all += &said(&replica.http).await?;
        }
        metrics::check_true(&all)
    }
}

async fn said(http: &str) -> Result<String> {
    Ok(reqwest::get(format!("{http}/metrics")).await?.text().await?)
}
