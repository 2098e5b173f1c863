//! A cluster to try out: `cargo xtask cluster`. Two replicas of each service on Kafka, Postgres and Redis, until
//! Ctrl-C.

use std::path::PathBuf;

use anyhow::Context;
use testkit::cluster::{Cluster, SERVICES};

const REPLICAS: usize = 2;
/// What is tried out here calls back here.
const WORKFLOW: [&str; 2] = ["--allow-loopback-webhooks", "--calls-per-endpoint=32"];

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let program: PathBuf = std::env::args_os().nth(1).context("say where the program is")?.into();
    println!("Kafka, Postgres and Redis start ...");
    let folder = tempfile::tempdir()?;
    let cluster = Cluster::new(&program).await?.telling("workflow", &WORKFLOW);
    let mut cluster = cluster.keeping(folder.path().to_owned());
    println!("Kafka is at {}; its topics begin with {:?}.", cluster.kafka.brokers, cluster.kafka.prefix);
    println!("Postgres is at {}, Redis at {}.", cluster.database_url, cluster.redis_url);
    println!("What the replicas log, and what waits while Kafka is away, is in {}.", folder.path().display());
    for service in SERVICES {
        for number in 0..REPLICAS {
            tokio::task::block_in_place(|| cluster.start(service, number))?;
            let replica = cluster.replica(service, number).context("it has just been started")?;
            println!(
                "{service} {number}: HTTP {}, gRPC {}, process {}",
                replica.http,
                replica.grpc,
                replica.id()
            );
        }
    }
    let ingest = cluster.replica("ingest", 0).context("no ingest")?;
    let grpc = cluster.grpc().join(",");
    println!(
        "\nThe cluster is up. In another terminal:\n\n    \
         export PERENNIAL_GRPC={grpc}\n    \
         {program} workspaces create demo --clock log\n    \
         {program} keys create -w demo\n    \
         {program} demo --url {} --grpc {grpc} --write-key KEY\n\n\
         Ctrl-C ends it.",
        ingest.http,
        program = program.display(),
    );
    tokio::signal::ctrl_c().await?;
    Ok(())
}
