//! What people do meanwhile: they take, snooze and close CTAs, change definitions, move a log's clock.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use contracts::{
    account::CtaState,
    cta::{
        CloseCtaRequest, Command, Cta, EnableEndpointRequest, ListCtasRequest, SnoozeCtaRequest,
        TakeCtaRequest, cta_service_client::CtaServiceClient,
    },
    log::ClockKind,
};
use serde_json::Value as Json;
use testkit::sim::Rng;
use tonic::Code;
use tonic_types::StatusExt;

use super::{
    definitions::{VARIANTS, catalogue},
    doors::Doors,
    receiver::Receiver,
    traffic::{BEGIN, WORKSPACES},
};
use crate::client::Client;

/// One act in so many changes the definitions.
const CHANGES: u64 = 12;
const HOUR_MS: i64 = 3_600_000;
const YEAR_MS: i64 = 365 * 24 * HOUR_MS;

pub(super) struct People {
    workflow: Client,
    ingest: Client,
    receiver: Receiver,
    dice: Rng,
    /// The last definitions of each workspace.
    pub(super) defined: BTreeMap<&'static str, Json>,
    /// The answers that commands had, by their ids: why not, or nothing.
    pub(super) answered: BTreeMap<u128, String>,
}

impl People {
    pub(super) fn new(seed: u64, doors: &Doors, receiver: &Receiver) -> Result<Self> {
        Ok(Self {
            workflow: doors.client("workflow")?,
            ingest: doors.client("ingest")?,
            receiver: receiver.clone(),
            dice: Rng::new(seed),
            defined: BTreeMap::new(),
            answered: BTreeMap::new(),
        })
    }

    /// Makes the workspaces; returns their write keys.
    pub(super) async fn open(&mut self) -> Result<Vec<String>> {
        let mut keys = Vec::new();
        for (workspace, clock) in WORKSPACES {
            self.ingest.create(workspace, clock).await?;
            keys.push(self.ingest.write_key(workspace).await?);
            self.define(0, workspace, clock).await?;
            self.receiver.trust(workspace, &self.workflow.secret(workspace).await?)?;
        }
        Ok(keys)
    }

    /// Does something.
    pub(super) async fn act(&mut self) -> Result<()> {
        let (workspace, clock) = *self.dice.pick(&WORKSPACES);
        if self.dice.below(CHANGES) == 0 {
            let variant = self.dice.below(VARIANTS);
            return self.define(variant, workspace, clock).await.context("changing definitions");
        }
        let open = self.open_ctas(workspace).await?;
        if open.is_empty() {
            return Ok(());
        }
        let cta = self.dice.pick(&open).cta.clone();
        let id = (u128::from(self.dice.draw()) << 64) | u128::from(self.dice.draw());
        let command_id = uuid::Builder::from_random_bytes(id.to_be_bytes()).into_uuid();
        let command = Command {
            workspace: workspace.to_owned(),
            cta,
            by: "ana".to_owned(),
            command_id: command_id.to_string(),
        };
        let answer = self.command(command, clock).await?;
        self.answered.insert(command_id.as_u128(), answer);
        Ok(())
    }

    async fn define(&mut self, variant: u64, workspace: &'static str, clock: ClockKind) -> Result<()> {
        let document = catalogue(variant, clock, &self.receiver.url(workspace));
        self.ingest.apply(workspace, &document).await?;
        self.defined.insert(workspace, document);
        Ok(())
    }

    async fn open_ctas(&self, workspace: &str) -> Result<Vec<Cta>> {
        let asked = ListCtasRequest { workspace: workspace.to_owned(), page_size: 50, ..Default::default() };
        let list = async |channel| CtaServiceClient::new(channel).list_ctas(asked.clone()).await;
        let mut ctas = self.workflow.ask(list).await?.into_inner().ctas;
        ctas.retain(|cta| cta.state() != CtaState::Closed);
        Ok(ctas)
    }

    /// Repeated until it is answered. That somebody closed it meanwhile is an answer too.
    async fn command(&mut self, command: Command, clock: ClockKind) -> Result<String> {
        let what = self.dice.below(3);
        let now = if clock == ClockKind::Log { BEGIN + YEAR_MS } else { chassis::clock::now() };
        let until_at = now + HOUR_MS;
        let command = Some(command);
        let ask = async |channel| {
            let mut client = CtaServiceClient::new(channel);
            let command = command.clone();
            let outcome = "done".to_owned();
            let answer = match what {
                0 => client.take_cta(TakeCtaRequest { command }).await.map(drop),
                1 => client.snooze_cta(SnoozeCtaRequest { command, until_at }).await.map(drop),
                _ => client.close_cta(CloseCtaRequest { command, outcome }).await.map(drop),
            };
            match answer {
                Ok(()) => Ok(String::new()),
                Err(status) if status.code() == Code::FailedPrecondition => {
                    Ok(status.get_details_error_info().map(|info| info.reason).unwrap_or_default())
                }
                Err(status) => Err(status),
            }
        };
        self.workflow.ask(ask).await.context("commanding")
    }

    /// After a receiver that was gone has come back.
    pub(super) async fn enable(&self) -> Result<()> {
        for (workspace, _) in WORKSPACES {
            let asked =
                EnableEndpointRequest { workspace: workspace.to_owned(), endpoint: "hook".to_owned() };
            let enable = async |channel| CtaServiceClient::new(channel).enable_endpoint(asked.clone()).await;
            self.workflow.ask(enable).await.context("enabling an endpoint")?;
        }
        Ok(())
    }
}
