//! `perennial up`: every service in one process. Laptop mode, on one Postgres that comes along.

mod first;
mod live;

use anyhow::Result;
use chassis::Tasks;
use clap::Args;

use crate::node::{self, Ground, Node, Role, ServiceOptions, Settings};

#[derive(Args)]
pub(crate) struct Up {
    #[command(flatten)]
    listen: node::ListenArgs,
    #[command(flatten)]
    postgres: node::PostgresArgs,
    #[command(flatten)]
    kafka: node::KafkaArgs,
    #[command(flatten)]
    instance: node::InstanceArgs,
    #[command(flatten)]
    redis: node::RedisArgs,
    #[command(flatten)]
    quota: node::QuotaArgs,
    #[command(flatten)]
    webhooks: node::WebhookArgs,
    #[command(flatten)]
    messages: node::MessageArgs,
    #[command(flatten)]
    worker: node::WorkerArgs,
    #[command(flatten)]
    logs: node::LogArgs,
    #[command(flatten)]
    traces: node::TraceArgs,
    /// No line per decision.
    #[arg(long)]
    quiet: bool,
}

impl Up {
    pub(crate) async fn run(self) -> Result<()> {
        let telemetry = self.logs.init(&self.traces, "perennial", &self.kafka)?;
        let (http, grpc) = self.listen.binds();
        let settings = Settings {
            roles: Role::ALL.into(),
            http,
            grpc,
            postgres: self.postgres.source()?,
            log: self.kafka.log(&self.instance),
            redis: self.redis.options()?,
            services: ServiceOptions::new(&self.worker, Some(&self.webhooks))
                .with_quota(&self.quota)
                .telling(&self.messages)?,
            telemetry,
        };
        let (ground, tasks) = (Ground::default(), Tasks::new());
        ground.run(&tasks, start(settings, self.quiet, &ground, &tasks)).await
    }
}

async fn start(settings: Settings, quiet: bool, ground: &Ground, tasks: &Tasks) -> Result<()> {
    let node = Node::start(settings, ground, tasks).await?;
    node.log_answers().await;
    if !quiet {
        live::follow(node.log(), tasks);
    }
    println!("{}", first::welcome(&node).await?);
    Ok(())
}
