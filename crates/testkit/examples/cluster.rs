//! A cluster to try out: `cargo xtask cluster`. Two replicas of each service on Kafka, Postgres and Redis, until
//! Ctrl-C.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context;
use eventlog::kafka::KafkaOptions;
use testkit::cluster::{Cluster, SERVICES};

const REPLICAS: usize = 2;
const LOOK: Duration = Duration::from_millis(500);
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
    println!("{}", next(&cluster, &program)?);
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted?,
        () = tell_deaths(&mut cluster) => {}
    }
    println!("It ends ...");
    Ok(())
}

/// What to do with it.
fn next(cluster: &Cluster, program: &Path) -> anyhow::Result<String> {
    let ingest = cluster.replica("ingest", 0).context("no ingest")?;
    let KafkaOptions { brokers, prefix, inbox_partitions, account_partitions, .. } = &cluster.kafka;
    Ok(format!(
        "\nThe cluster is up. In another terminal:\n\n    \
         export PERENNIAL_GRPC={grpc}\n    \
         {program} workspaces create demo --clock log\n    \
         {program} keys create -w demo\n    \
         {program} demo --url {http} --write-key KEY\n\n\
         For `{program} topics` and further replicas:\n\n    \
         export PERENNIAL_KAFKA_BROKERS={brokers} PERENNIAL_KAFKA_PREFIX={prefix} PERENNIAL_KAFKA_REPLICATION=1\n    \
         export PERENNIAL_KAFKA_INBOX_PARTITIONS={inbox_partitions} \
         PERENNIAL_KAFKA_ACCOUNT_PARTITIONS={account_partitions}\n\n\
         Ctrl-C ends it.",
        grpc = cluster.grpc().join(","),
        http = ingest.http,
        program = program.display(),
    ))
}

/// Says of each replica that it has ended, when it has.
async fn tell_deaths(cluster: &mut Cluster) {
    let mut dead = BTreeSet::new();
    loop {
        tokio::time::sleep(LOOK).await;
        for (service, number) in SERVICES.into_iter().flat_map(|name| (0..REPLICAS).map(move |it| (name, it)))
        {
            let ended =
                cluster.replica_mut(service, number).and_then(|replica| replica.ended().ok().flatten());
            if let Some(status) = ended.filter(|_| dead.insert((service, number))) {
                println!("{service} {number} has ended: {status}; {service}-{number}.log says why.");
            }
        }
    }
}
