//! Where the log of one test lies. The same tests run on either.

use std::sync::Arc;

use chassis::Tasks;
use eventlog::{
    Log,
    kafka::{KafkaOptions, topics::Topics},
    postgres::{MIGRATOR, PgLog, PgLogOptions},
};

use super::{Database, kafka, kafka_log, keeping, postgres};

/// A log of one test's own, which may be opened more than once: by a service that starts again, or by replicas.
#[derive(Clone)]
pub enum LogPlace {
    Postgres(Box<Database>, PgLogOptions),
    Kafka(KafkaOptions),
}

impl LogPlace {
    /// In topics of Kafka, or in a Postgres database.
    pub async fn new(on_kafka: bool, inbox_partitions: u32, account_partitions: u32) -> anyhow::Result<Self> {
        if on_kafka {
            let options = KafkaOptions { inbox_partitions, account_partitions, ..kafka().options() };
            Topics::new(&options, &keeping())?.apply().await?;
            return Ok(Self::Kafka(options));
        }
        let options = PgLogOptions { inbox_partitions, account_partitions, ..PgLogOptions::default() };
        Ok(Self::Postgres(Box::new(postgres().database(&[&MIGRATOR]).await?), options))
    }

    /// Runs until everything else of these tasks has ended.
    pub async fn open(&self, tasks: &Tasks) -> anyhow::Result<Arc<dyn Log>> {
        match self {
            Self::Kafka(options) => Ok(kafka_log(options.clone(), tasks).await?),
            Self::Postgres(database, options) => {
                let (log, running) = PgLog::open(database.pool.clone(), options.clone()).await?;
                let until = tasks.shutdown_beneath();
                tasks.spawn_beneath("log", async move {
                    running.run(until.wait()).await;
                    Ok(())
                });
                Ok(log)
            }
        }
    }
}
