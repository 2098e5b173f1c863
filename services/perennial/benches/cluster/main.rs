//! A cluster on this machine, measured from outside: events a second the whole way, request to webhook under load, and
//! how long it takes until the work of replicas that were killed is done by the others.
//!
//!     cargo xtask bench cluster                                   # all of it
//!     cargo xtask bench cluster -- events | webhooks | take-over  # one of these
//!
//! Kafka, Postgres, Redis, the services and the load share the machine. It fails if an event is lost.

#[path = "../parts/mod.rs"]
#[expect(dead_code, reason = "laptop mode is asked otherwise")]
mod parts;
mod take_over;
mod throughput;
mod webhooks;

use std::{env, process::Command, sync::Arc, time::Instant};

use anyhow::{Context, Result, ensure};
use chassis::Tasks;
use contracts::{
    ingest::{CreateWorkspaceRequest, CreateWriteKeyRequest, admin_service_client::AdminServiceClient},
    log::ClockKind,
};
use eventlog::Log;
use parts::{
    asking::{Doors, PATIENCE, WORKSPACE},
    load::Sender,
};
use testkit::{cluster::Cluster, servers::kafka_log};
use tokio::task::block_in_place;

const PROGRAM: &str = env!("CARGO_BIN_EXE_perennial");
/// What a fresh workspace of `perennial up` watches too.
const STARTER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/demo/starter.yaml");
/// Webhooks go to this machine.
const WORKFLOW: [&str; 2] = ["--allow-loopback-webhooks", "--calls-per-endpoint=32"];

/// A cluster with a workspace, and who measures it.
struct Stage {
    cluster: Cluster,
    log: Arc<dyn Log>,
    key: String,
    tasks: Tasks,
}

#[tokio::main]
async fn main() -> Result<()> {
    // Cargo says `--bench`.
    let asked: Vec<String> = env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let is_asked = |name: &str| asked.is_empty() || asked.iter().any(|it| it == name);
    if is_asked("webhooks") {
        let stage = Stage::set().await?;
        let measured = webhooks::measure(&stage).await;
        stage.end(measured).await?;
    }
    if is_asked("events") || is_asked("take-over") {
        let mut stage = Stage::set().await?;
        let measured = grown(&mut stage, is_asked("take-over")).await;
        stage.end(measured).await?;
    }
    Ok(())
}

/// What loads the cluster leaves it with the accounts that are taken over then.
async fn grown(stage: &mut Stage, take_over: bool) -> Result<()> {
    let sent = throughput::measure(stage).await?;
    if !take_over {
        return Ok(());
    }
    let sent = throughput::top_up(stage, sent).await?;
    take_over::measure(stage, sent).await
}

impl Stage {
    /// One replica of each service.
    async fn set() -> Result<Self> {
        let tasks = Tasks::new();
        let mut cluster = Cluster::new(PROGRAM).await?.telling("workflow", &WORKFLOW);
        block_in_place(|| cluster.start_all(1))?;
        let doors = Doors::of(&cluster)?;
        let key = write_key(&doors).await?;
        lay_starter(&doors)?;
        let log = kafka_log(cluster.kafka.clone(), &tasks).await?;
        Ok(Self { cluster, log, key, tasks })
    }

    fn doors(&self) -> Result<Doors> {
        Doors::of(&self.cluster)
    }

    fn sender(&self) -> Result<Sender> {
        Ok(Sender::new(&self.doors()?.http, &self.key))
    }

    /// With what the replicas said, if it went wrong.
    async fn end(self, measured: Result<()>) -> Result<()> {
        let measured = measured.with_context(|| format!("they said:\n{}", self.cluster.complaints()));
        drop(self.cluster);
        self.tasks.stop();
        self.tasks.finish(std::time::Duration::from_secs(10)).await?;
        measured
    }
}

/// Of a workspace on the wall's clock.
async fn write_key(doors: &Doors) -> Result<String> {
    let mut admin = AdminServiceClient::new(doors.channel("ingest").await?);
    let (workspace, clock) = (WORKSPACE.to_owned(), ClockKind::Wall.into());
    let request = CreateWorkspaceRequest { workspace: workspace.clone(), time_zone: "UTC".to_owned(), clock };
    admin.create_workspace(request).await?;
    let request = CreateWriteKeyRequest { workspace, source: String::new() };
    Ok(admin.create_write_key(request).await?.into_inner().secret)
}

fn lay_starter(doors: &Doors) -> Result<()> {
    let mut apply = Command::new(PROGRAM);
    apply.args(["apply", "-w", WORKSPACE, "-f", STARTER]).env("PERENNIAL_GRPC", doors.grpc.join(","));
    let output = apply.output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// Looks until it is so.
async fn until(what: &str, is_so: impl AsyncFn() -> Result<bool>) -> Result<()> {
    let begun = Instant::now();
    while !is_so().await? {
        ensure!(begun.elapsed() < PATIENCE, "it is not so after {PATIENCE:?}: {what}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    Ok(())
}
