//! `perennial topics`: Kafka's topics as Perennial needs them.

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use eventlog::kafka::topics::{Difference, Topics as Cluster};

use crate::node::{KafkaArgs, KeepingArgs};

#[derive(Args)]
pub(crate) struct Topics {
    #[arg(value_enum)]
    action: Action,
    #[command(flatten)]
    kafka: KafkaArgs,
    #[command(flatten)]
    keeping: KeepingArgs,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Action {
    /// Make the topics that are missing, and mend the settings of those there are.
    Apply,
    /// Say how the topics are otherwise than they must be. Ends with 1 if they are.
    Diff,
}

impl Topics {
    pub(crate) async fn run(self) -> Result<()> {
        let options = self.kafka.options(None).context("say --kafka-brokers: where Kafka is")?;
        let cluster = Cluster::new(&options, &self.keeping.keeping())?;
        self.look(&cluster).await.with_context(|| format!("Kafka at {}", options.brokers))
    }

    async fn look(&self, cluster: &Cluster) -> Result<()> {
        if self.action == Action::Apply {
            for Difference { topic, what } in cluster.apply().await? {
                println!("{topic}: {}", what.mended());
            }
        }
        let left = cluster.diff().await?;
        left.iter().for_each(|difference| println!("{difference}"));
        if left.is_empty() {
            println!("The topics are as they must be.");
            return Ok(());
        }
        let mendable = left.iter().filter(|difference| difference.what.is_mendable()).count();
        bail!("{} differences, {mendable} of which `topics apply` mends", left.len())
    }
}
