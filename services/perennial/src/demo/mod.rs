//! `perennial demo`: a real purchase log goes in, churn alerts come out, with the reasons.
//!
//! Invariant: it uses the public APIs only, so it runs against any Perennial by its addresses as well.

mod cdnow;
mod checks;
mod findings;
mod receiver;
mod replay;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use chassis::Tasks;
use chassis::telemetry::{self, Telemetry};
use clap::Args;
use contracts::catalogue::ApplyCatalogueRequest;
use contracts::ingest::{CreateWorkspaceRequest, CreateWriteKeyRequest};
use contracts::log::ClockKind;
use serde_json::Value;

use crate::cli::{Output, Target};
use crate::clients::{self, Address};
use crate::commands::endpoints;
use crate::document::Document;
use crate::myself;
use crate::node::{self, Ground, Node};
use crate::sender::Sender;
use findings::Findings;
use receiver::Receiver;
use replay::Replay;

const CATALOGUE: &str = include_str!("../../demo/catalogue.yaml");
const ENDPOINT: &str = "demo_receiver";
/// The endpoint's secret is made when the catalogue is in force.
const SECRET: Duration = Duration::from_secs(30);

#[derive(Args)]
pub(crate) struct Demo {
    /// Send to a Perennial that runs: where its HTTP API answers. Give --grpc and --write-key with it; it must allow
    /// webhooks to this machine (`up --allow-loopback-webhooks`).
    #[arg(long, requires_all = ["grpc", "write_key"])]
    url: Option<String>,
    /// Where its gRPC answers: one address for everything, or NAME=ADDRESS of each service, repeated or with commas
    /// between. Without --url nobody asks there.
    #[arg(long, value_name = "[NAME=]ADDRESS", env = "PERENNIAL_GRPC", value_delimiter = ',')]
    grpc: Vec<Address>,
    /// A write key of the workspace.
    #[arg(long, requires = "url")]
    write_key: Option<String>,
    /// The workspace that the purchases go to; it must be in UTC, on the log's clock, and have no events yet.
    #[arg(long, short, default_value = "demo", env = "PERENNIAL_WORKSPACE")]
    workspace: String,
    /// Write what was found as JSON.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// End when it is done, instead of staying up.
    #[arg(long)]
    exit: bool,
    #[command(flatten)]
    postgres: node::PostgresArgs,
}

/// A Perennial that runs, here or elsewhere.
struct Stage {
    url: String,
    write_key: String,
    target: Target,
}

impl Demo {
    pub(crate) async fn run(self) -> Result<()> {
        let telemetry = telemetry::init(telemetry::Format::Pretty, "warn", None)?;
        let (ground, tasks) = (Ground::default(), Tasks::new());
        ground.run(&tasks, self.play(telemetry, &ground, &tasks)).await
    }

    async fn play(&self, telemetry: Telemetry, ground: &Ground, tasks: &Tasks) -> Result<()> {
        let begun = Instant::now();
        let stage = match &self.url {
            Some(url) => self.elsewhere(url)?,
            None => {
                let settings = node::Settings::for_demo(&self.postgres, telemetry)?;
                self.here(&Node::start(settings, ground, tasks).await?).await?
            }
        };
        let sender = Sender::new(&stage.url, stage.write_key.clone())?;
        sender.probe().await?;
        checks::check(&stage.target, &stage.write_key).await?;
        let receiver = Receiver::start(tasks).await?;
        apply(&stage.target, receiver.url()).await?;
        receiver.trust(&secret(&stage.target).await?)?;
        let purchases = cdnow::purchases()?;
        let sent = purchases.len() as u64;
        println!("Sending {sent} purchases to {}, workspace {} ...", stage.url, self.workspace);
        Replay::new(&stage.target, sender, receiver.clone()).run(purchases).await?;
        let findings = Findings::ask(&stage.target, sent, receiver.received()).await?;
        println!("\n{}\nAll of it took {} s.", findings.in_words(), begun.elapsed().as_secs());
        self.write_report(&findings)?;
        if self.exit {
            tasks.stop();
        } else {
            println!("{}", stage.next());
        }
        Ok(())
    }

    fn write_report(&self, findings: &Findings) -> Result<()> {
        let Some(file) = &self.report else { return Ok(()) };
        let report = serde_json::to_string_pretty(&findings.report())? + "\n";
        std::fs::write(file, report).with_context(|| format!("cannot write {}", file.display()))
    }

    fn elsewhere(&self, url: &str) -> Result<Stage> {
        let write_key = self.write_key.clone().context("--write-key is missing")?;
        Ok(Stage { url: url.to_owned(), write_key, target: self.target(self.grpc.clone()) })
    }

    /// A workspace of our own in the one just started.
    async fn here(&self, node: &Node) -> Result<Stage> {
        let target = self.target(vec![Address { service: None, uri: node.grpc_uri() }]);
        let workspace = self.workspace.clone();
        let mut admin = clients::admin(&target.grpc).await?;
        let clock = ClockKind::Log.into();
        let request = CreateWorkspaceRequest { workspace: workspace.clone(), time_zone: "UTC".into(), clock };
        admin.create_workspace(request).await?;
        let request = CreateWriteKeyRequest { workspace, source: "demo".into() };
        let write_key = admin.create_write_key(request).await?.into_inner().secret;
        Ok(Stage { url: node.http_uri(), write_key, target })
    }

    fn target(&self, grpc: Vec<Address>) -> Target {
        Target { grpc, workspace: self.workspace.clone(), output: Output::Table }
    }
}

/// The demo's definitions, with the receiver's address in the endpoint's place.
async fn apply(target: &Target, receiver: &str) -> Result<()> {
    let mut document = Document::parse("demo/catalogue.yaml", CATALOGUE.to_owned())?.json();
    document["endpoints"][ENDPOINT]["url"] = Value::String(receiver.to_owned());
    let request = ApplyCatalogueRequest {
        workspace: target.workspace.clone(),
        document: document.to_string(),
        by: "demo".into(),
        ..Default::default()
    };
    clients::catalogue(&target.grpc).await?.apply_catalogue(request).await?;
    Ok(())
}

/// What the receiver's calls are signed with, as soon as it is known.
async fn secret(target: &Target) -> Result<String> {
    let begun = Instant::now();
    while begun.elapsed() < SECRET {
        let endpoints = endpoints::endpoints(target, 1000).await?;
        if let Some(endpoint) = endpoints.into_iter().find(|endpoint| endpoint.endpoint == ENDPOINT) {
            return Ok(endpoint.secret);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    bail!("the endpoint {ENDPOINT} has no secret after {} s", SECRET.as_secs())
}

impl Stage {
    fn next(&self) -> String {
        let grpc: String = self.target.grpc.iter().map(Address::as_argument).collect();
        let (workspace, program) = (&self.target.workspace, myself::called());
        format!(
            "\nIt stays up until ctrl-c. What to try next:\n\n\
             \x20   {program} segments members slipping_away -w {workspace}{grpc} --limit 10\n\
             \x20   {program} health ls --band red -w {workspace}{grpc} --limit 10\n\
             \x20   {program} explain account 00004 -w {workspace}{grpc}\n\
             \x20   {program} ctas ls --state open -w {workspace}{grpc} --limit 10\n\
             \x20   curl {}/metrics\n",
            self.url
        )
    }
}
