//! What a running Perennial is asked from outside, whatever it consists of.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use contracts::{
    health::{CountBandsRequest, health_service_client::HealthServiceClient},
    ingest::{GetWorkspaceRequest, admin_service_client::AdminServiceClient},
};
use testkit::cluster::Cluster;
use tonic::transport::{Channel, Endpoint};

pub(crate) const WORKSPACE: &str = "default";
/// The services that fold the account log.
pub(crate) const FOLDING: [&str; 3] = ["health-score", "segmentation", "workflow"];
pub(crate) const PATIENCE: Duration = Duration::from_secs(300);
const LOOK: Duration = Duration::from_millis(20);

/// Where it answers.
#[derive(Debug, Clone)]
pub(crate) struct Doors {
    /// HTTP of ingest.
    pub(crate) http: String,
    /// gRPC of each service: `NAME=ADDRESS`, or one address for all of them.
    pub(crate) grpc: Vec<String>,
    /// HTTP of every process.
    pub(crate) processes: Vec<String>,
}

impl Doors {
    /// Of one process.
    pub(crate) fn of_one(http: &str, grpc: &str) -> Self {
        Self { http: http.to_owned(), grpc: vec![grpc.to_owned()], processes: vec![http.to_owned()] }
    }

    /// Of the replicas that run.
    pub(crate) fn of(cluster: &Cluster) -> Result<Self> {
        let ingest = cluster.replica("ingest", 0).context("no ingest")?;
        let processes = cluster.replicas().map(|(_, _, replica)| replica.http.clone()).collect();
        Ok(Self { http: ingest.http.clone(), grpc: cluster.grpc(), processes })
    }

    pub(crate) async fn channel(&self, service: &str) -> Result<Channel> {
        let of_service = |address: &&String| match address.split_once('=') {
            Some((name, _)) => name == service,
            None => true,
        };
        let found = self.grpc.iter().find(of_service).context("nobody there")?;
        let address = found.split_once('=').map_or(found.as_str(), |(_, address)| address);
        Ok(Endpoint::from_shared(address.to_owned())?.connect().await?)
    }

    /// Of all processes.
    pub(crate) async fn metrics(&self) -> Result<String> {
        let mut all = String::new();
        for process in &self.processes {
            all += &reqwest::get(format!("{process}/metrics")).await?.text().await?;
        }
        Ok(all)
    }

    /// Events that the workspace has taken.
    pub(crate) async fn counted(&self) -> Result<u64> {
        let request = GetWorkspaceRequest { workspace: WORKSPACE.to_owned() };
        let mut admin = AdminServiceClient::new(self.channel("ingest").await?);
        Ok(admin.get_workspace(request).await?.into_inner().workspace.context("no workspace")?.events)
    }

    /// Accounts with a score.
    pub(crate) async fn scored(&self) -> Result<u64> {
        let request = CountBandsRequest { workspace: WORKSPACE.to_owned() };
        let mut health = HealthServiceClient::new(self.channel("health-score").await?);
        let bands = health.count_bands(request).await?.into_inner();
        Ok(bands.red + bands.yellow + bands.green)
    }

    /// Waits until each of so many events is counted, each of so many accounts has a score, and no worker lags behind.
    pub(crate) async fn settled(&self, events: u64, accounts: u64) -> Result<()> {
        let begun = Instant::now();
        loop {
            let (counted, scored) = (self.counted().await?, self.scored().await?);
            let lag = lag(&self.metrics().await?);
            if counted == events && scored == accounts && lag == 0 {
                return Ok(());
            }
            ensure!(
                counted <= events && scored <= accounts,
                "of {events} events {counted} are counted, {scored} accounts have a score"
            );
            ensure!(
                begun.elapsed() < PATIENCE,
                "of {events} events {counted} are counted, {scored} accounts have a score, the lag is {lag}"
            );
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Waits until each service has folded as many facts as the others, in lives that begin with an empty log: the lag
    /// is what a worker saw last.
    pub(crate) async fn even(&self) -> Result<()> {
        let begun = Instant::now();
        loop {
            let folded = folded(&self.metrics().await?);
            if folded.iter().all(|count| *count == folded[0]) {
                return Ok(());
            }
            ensure!(begun.elapsed() < PATIENCE, "the services have folded {folded:?} facts");
            tokio::time::sleep(LOOK).await;
        }
    }
}

pub(crate) fn folded(metrics: &str) -> [u64; 3] {
    FOLDING.map(|service| sum(metrics, "perennial_worker_folded_total", service))
}

/// Records that workers of any service are to fold yet.
pub(crate) fn lag(metrics: &str) -> u64 {
    let services = FOLDING.into_iter().chain(["ingest"]);
    services.map(|service| sum(metrics, "perennial_worker_lag_records", service)).sum()
}

/// Of one service, over its workers.
pub(crate) fn sum(metrics: &str, name: &str, service: &str) -> u64 {
    values(metrics, name, service).iter().sum::<f64>() as u64
}

/// Of one service, of each of its workers.
pub(crate) fn values(metrics: &str, name: &str, service: &str) -> Vec<f64> {
    let (of, label) = (format!("{name}{{"), format!("service=\"{service}\""));
    let lines = metrics.lines().filter(|line| line.starts_with(&of) && line.contains(&label));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse().ok()).collect()
}
