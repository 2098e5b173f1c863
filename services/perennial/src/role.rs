//! `perennial ingest|health-score|segmentation|workflow`: one service as a process of its own, in a cluster.

use anyhow::{Context, Result};
use chassis::{Tasks, telemetry::Telemetry};
use clap::Args;

use crate::node::{
    self, EventsArgs, Ground, LogSource, Node, QuotaArgs, RedisArgs, Role, ServiceOptions, Settings, Source,
    SpoolArgs, WebhookArgs,
};

/// What every service is told.
#[derive(Args)]
pub(crate) struct Service {
    #[command(flatten)]
    listen: node::ListenArgs,
    /// The Postgres server (15 or later); the service makes its own database there, or says what it lacks.
    #[arg(long, env = "PERENNIAL_DATABASE_URL", value_name = "URL")]
    database_url: Option<String>,
    #[command(flatten)]
    pub(crate) kafka: node::KafkaArgs,
    #[command(flatten)]
    instance: node::InstanceArgs,
    #[command(flatten)]
    worker: node::WorkerArgs,
    #[command(flatten)]
    logs: node::LogArgs,
    #[command(flatten)]
    traces: node::TraceArgs,
}

#[derive(Args)]
pub(crate) struct Ingest {
    #[command(flatten)]
    service: Service,
    #[command(flatten)]
    redis: RedisArgs,
    #[command(flatten)]
    spool: SpoolArgs,
    #[command(flatten)]
    events: EventsArgs,
    #[command(flatten)]
    quota: QuotaArgs,
}

#[derive(Args)]
pub(crate) struct Workflow {
    #[command(flatten)]
    service: Service,
    #[command(flatten)]
    redis: RedisArgs,
    #[command(flatten)]
    webhooks: WebhookArgs,
    #[command(flatten)]
    messages: node::MessageArgs,
    #[command(flatten)]
    directory: node::DirectoryArgs,
}

impl Ingest {
    pub(crate) async fn run(self) -> Result<()> {
        let options = ServiceOptions::new(&self.service.worker, None);
        let options = options.spooling(&self.spool).reading(&self.events)?.with_quota(&self.quota);
        self.service.serve(Role::Ingest, options, Some(&self.redis)).await
    }
}

impl Workflow {
    pub(crate) async fn run(self) -> Result<()> {
        let options = ServiceOptions::new(&self.service.worker, Some(&self.webhooks));
        let options = options.telling(&self.messages)?.naming(&self.directory);
        self.service.serve(Role::Workflow, options, Some(&self.redis)).await
    }
}

impl Service {
    pub(crate) async fn run(self, role: Role) -> Result<()> {
        let options = ServiceOptions::new(&self.worker, None);
        self.serve(role, options, None).await
    }

    async fn serve(self, role: Role, options: ServiceOptions, redis: Option<&RedisArgs>) -> Result<()> {
        let telemetry = self.logs.init(&self.traces, role.name(), &self.kafka)?;
        let settings = self.settings(role, options, telemetry, redis)?;
        let (ground, tasks) = (Ground::default(), Tasks::new());
        ground.run(&tasks, start(role, settings, &ground, &tasks)).await
    }

    fn settings(
        &self,
        role: Role,
        services: ServiceOptions,
        telemetry: Telemetry,
        redis: Option<&RedisArgs>,
    ) -> Result<Settings> {
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
            redis: redis.map(RedisArgs::options).transpose()?.flatten(),
            services,
            telemetry,
        })
    }
}

async fn start(role: Role, settings: Settings, ground: &Ground, tasks: &Tasks) -> Result<()> {
    let node = Node::start(settings, ground, tasks).await?;
    println!("{role} is up: HTTP {}, gRPC {}", node.http_uri(), node.grpc_uri());
    Ok(())
}
