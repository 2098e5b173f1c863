//! `perennial ingest|health-score|segmentation|workflow`: one service as a process of its own, in a cluster.

use anyhow::{Context, Result};
use chassis::{Tasks, telemetry};
use clap::Args;

use crate::node::{self, Ground, LogSource, Node, Role, ServiceOptions, Settings, Source, WebhookArgs};

/// What every service is told.
#[derive(Args)]
pub(crate) struct Service {
    #[command(flatten)]
    listen: node::ListenArgs,
    /// The Postgres server (15 or later); the service makes its own database there, or says what it lacks.
    #[arg(long, env = "PERENNIAL_DATABASE_URL", value_name = "URL")]
    database_url: Option<String>,
    #[command(flatten)]
    kafka: node::KafkaArgs,
    #[command(flatten)]
    instance: node::InstanceArgs,
    #[command(flatten)]
    worker: node::WorkerArgs,
    #[command(flatten)]
    logs: node::LogArgs,
}

#[derive(Args)]
pub(crate) struct Workflow {
    #[command(flatten)]
    service: Service,
    #[command(flatten)]
    webhooks: WebhookArgs,
}

impl Workflow {
    pub(crate) async fn run(self) -> Result<()> {
        self.service.serve(Role::Workflow, Some(&self.webhooks)).await
    }
}

impl Service {
    pub(crate) async fn run(self, role: Role) -> Result<()> {
        self.serve(role, None).await
    }

    async fn serve(self, role: Role, webhooks: Option<&WebhookArgs>) -> Result<()> {
        telemetry::init(self.logs.format(), &self.logs.log)?;
        let settings = self.settings(role, webhooks)?;
        let (ground, tasks) = (Ground::default(), Tasks::new());
        ground.run(&tasks, start(role, settings, &ground, &tasks)).await
    }

    fn settings(&self, role: Role, webhooks: Option<&WebhookArgs>) -> Result<Settings> {
        let missing = |setting, why| {
            format!("{role} needs {why}: say --{setting} (`perennial config --explain` shows the other ways)")
        };
        let kafka = self.kafka.options(Some(&self.instance));
        let url = self.database_url.clone();
        let (http, grpc) = self.listen.binds();
        Ok(Settings {
            roles: vec![role],
            http,
            grpc,
            postgres: Source::Url(url.with_context(|| missing("database-url", "a Postgres server"))?),
            log: LogSource::Kafka(Box::new(kafka.with_context(|| missing("kafka-brokers", "Kafka"))?)),
            services: ServiceOptions::new(&self.worker, webhooks),
        })
    }
}

async fn start(role: Role, settings: Settings, ground: &Ground, tasks: &Tasks) -> Result<()> {
    let node = Node::start(settings, ground, tasks).await?;
    println!("{role} is up: HTTP {}, gRPC {}", node.http_uri(), node.grpc_uri());
    Ok(())
}
