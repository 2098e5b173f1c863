//! `perennial explain account ID`: how an account is doing, and why, in words.

use std::fmt::Write;

use anyhow::Result;
use clap::{Args, Subcommand};
use contracts::account::{Contribution, CtaState, Driver};
use contracts::cta::{Cta, ListCtasRequest};
use contracts::health::{ExplainHealthRequest, ExplainHealthResponse, Health, HealthChange};
use contracts::ingest::Workspace;
use contracts::log::ClockKind;
use contracts::segment::{
    ExplainMembershipRequest, ListAccountSegmentsRequest, Membership, MembershipChange,
};
use serde_json::json;
use tonic::Code;

use crate::cli::{Output, Target};
use crate::commands::{ctas, workspaces};
use crate::{clients, output, words};

#[derive(Args)]
pub(crate) struct Explain {
    #[command(flatten)]
    target: Target,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Score and drivers, segments with since when and why, CTAs.
    Account { id: String },
    /// Why an account is in a segment, or why it left.
    Segment { segment: String, account: String },
}

/// Everything there is to say about an account.
pub(crate) struct Account {
    id: String,
    health: Option<Health>,
    last_change: Option<HealthChange>,
    scorecard_before: String,
    memberships: Vec<Membership>,
    ctas: Vec<Cta>,
    /// Asked for when nothing is known of the account.
    workspace: Option<Workspace>,
}

impl Explain {
    pub(crate) async fn run(self) -> Result<()> {
        let id = match self.command {
            Command::Account { id } => id,
            Command::Segment { segment, account } => return stay(&self.target, segment, account).await,
        };
        let account = Account::ask(&self.target, id).await?;
        match self.target.output {
            Output::Table => print!("{}", account.in_words()),
            Output::Json => println!("{}", serde_json::to_string_pretty(&account.as_json()?)?),
        }
        Ok(())
    }
}

impl Account {
    pub(crate) async fn ask(target: &Target, id: String) -> Result<Self> {
        let request = ListCtasRequest {
            workspace: target.workspace.clone(),
            account: id.clone(),
            ..Default::default()
        };
        let ExplainHealthResponse { health, last_change, scorecard_before } = explained(target, &id).await?;
        let mut account = Self {
            health,
            last_change,
            scorecard_before,
            memberships: memberships(target, &id).await?,
            ctas: ctas::list(target, &request, 100).await?,
            workspace: None,
            id,
        };
        if account.is_blank() {
            // Nothing is decided about accounts of a workspace that is not there, either.
            account.workspace = Some(workspaces::get(target).await?);
        }
        Ok(account)
    }

    fn is_blank(&self) -> bool {
        self.health.is_none() && self.memberships.is_empty() && self.ctas.is_empty()
    }

    fn blank_in_words(&self) -> String {
        let mut text = format!(
            "Nothing has been decided about account {} yet: it was not heard of (is the id right?), or nothing that was\n\
             heard meets a segment, a scorecard or a playbook.\n",
            self.id
        );
        let Some(workspace) = &self.workspace else { return text };
        if workspace.clock() == ClockKind::Log {
            text += &format!(
                "The workspace has a clock of its own ({}): what happened later is decided when `perennial clock\n\
                 advance` passes it.\n",
                words::clock(workspace)
            );
        }
        if workspace.events_waiting > 0 {
            text += &format!(
                "In the whole workspace {} events wait until their contact's account is known: by a group call, or the\n\
                 account's id as context.groupId.\n",
                workspace.events_waiting
            );
        }
        text
    }

    pub(crate) fn in_words(&self) -> String {
        if self.is_blank() {
            return self.blank_in_words();
        }
        let mut text = format!("Account {}\n\n", self.id);
        text += &self.health_in_words();
        text += "\nSegments\n";
        for membership in &self.memberships {
            text += &format!("  {} since {}\n", membership.segment, words::instant(membership.since_at));
            text +=
                &lines(membership.reasons.iter().map(|reason| format!("because {}", words::reason(reason))));
        }
        if self.memberships.is_empty() {
            text += "  none\n";
        }
        text += "\nCalls to action\n";
        for cta in &self.ctas {
            text += &cta_in_words(cta);
        }
        if self.ctas.is_empty() {
            text += "  none\n";
        }
        text
    }

    fn health_in_words(&self) -> String {
        let Some(health) = &self.health else { return "No health score yet.\n".to_owned() };
        let since = words::instant(health.valid_at);
        let mut text = match (health.scorecard.as_str(), health.score) {
            ("", _) => format!("No health score since {since}: no scorecard applies.\n"),
            (scorecard, None) => {
                format!(
                    "No health score since {since}: nothing is known of what scorecard {scorecard} weighs.\n"
                )
            }
            (scorecard, Some(score)) => format!(
                "Health score {score} ({}), since {since}, by scorecard {scorecard}; {} % of its weight is known. What \
                 it was made of then:\n",
                words::band(health.band()),
                health.known_weight / 10,
            ),
        };
        if !health.cap.is_empty() {
            text += &format!("  Capped by {}.\n", health.cap);
        }
        text += &lines(health.contributions.iter().map(contribution));
        if let Some(change) = &self.last_change {
            if !self.scorecard_before.is_empty() && self.scorecard_before != health.scorecard {
                text += &format!("Before it was by scorecard {}.\n", self.scorecard_before);
            }
            text += &change_in_words(change);
        }
        text
    }

    fn as_json(&self) -> Result<serde_json::Value> {
        let health = self.health.as_ref().map(|it| output::json("perennial.health.v1.Health", it));
        let change = self.last_change.as_ref().map(|it| output::json("perennial.health.v1.HealthChange", it));
        let members = self.memberships.iter().map(|it| output::json("perennial.segment.v1.Membership", it));
        let ctas = self.ctas.iter().map(|it| output::json("perennial.cta.v1.Cta", it));
        Ok(json!({
            "account": self.id,
            "health": health.transpose()?,
            "last_change": change.transpose()?,
            "segments": members.collect::<Result<Vec<_>>>()?,
            "ctas": ctas.collect::<Result<Vec<_>>>()?,
        }))
    }
}

async fn explained(target: &Target, account: &str) -> Result<ExplainHealthResponse> {
    let request = ExplainHealthRequest { workspace: target.workspace.clone(), account: account.to_owned() };
    match clients::health(&target.grpc).await?.explain_health(request).await {
        Ok(answer) => Ok(answer.into_inner()),
        Err(status) if status.code() == Code::NotFound => Ok(ExplainHealthResponse::default()),
        Err(status) => Err(status.into()),
    }
}

async fn stay(target: &Target, segment: String, account: String) -> Result<()> {
    let workspace = target.workspace.clone();
    let request = ExplainMembershipRequest { workspace, account, segment };
    let answer = clients::segments(&target.grpc).await?.explain_membership(request).await?.into_inner();
    let change = answer.last_change.unwrap_or_default();
    match target.output {
        Output::Table => print!("{}", stay_in_words(&change)),
        Output::Json => {
            let change = output::json("perennial.segment.v1.MembershipChange", &change)?;
            println!("{}", serde_json::to_string_pretty(&change)?);
        }
    }
    Ok(())
}

fn stay_in_words(change: &MembershipChange) -> String {
    let (segment, at) = (&change.segment, words::instant(change.valid_at));
    let what =
        if change.member { format!("In {segment} since {at}") } else { format!("Left {segment} at {at}") };
    let reasons = change.reasons.iter().map(|reason| format!("because {}", words::reason(reason)));
    let version = change.by_catalogue.then_some(change.catalogue_version);
    format!("{what}, by {}:\n", cause(version, &change.fact_id, &change.cause)) + &lines(reasons)
}

/// What made a decision: a version of the catalogue, else a fact, else time.
fn cause(version: Option<u64>, fact_id: &str, record: &str) -> String {
    match (version, fact_id) {
        (Some(version), _) => format!("version {version} of the catalogue (record {record})"),
        (None, "") => format!("the passing of time (record {record})"),
        (None, fact) => format!("fact {fact} (record {record})"),
    }
}

async fn memberships(target: &Target, account: &str) -> Result<Vec<Membership>> {
    let mut client = clients::segments(&target.grpc).await?;
    clients::pages(1000, async |page_size, page_token| {
        let (workspace, account) = (target.workspace.clone(), account.to_owned());
        let request = ListAccountSegmentsRequest { workspace, account, page_size, page_token };
        let page = client.list_account_segments(request).await?.into_inner();
        Ok((page.memberships, page.next_page_token))
    })
    .await
}

fn change_in_words(change: &HealthChange) -> String {
    let before = match change.score_before {
        Some(score) => format!("{score} ({})", words::band(change.band_before())),
        None => "none".to_owned(),
    };
    let version = change.by_catalogue.then_some(change.catalogue_version);
    let cause = cause(version, &change.fact_id, &change.cause);
    let what =
        if change.initial { "It began".to_owned() } else { format!("Before it was {before}; it changed") };
    format!("{what} with {cause}:\n") + &lines(change.drivers.iter().map(driver))
}

fn contribution(contribution: &Contribution) -> String {
    let Contribution { measure, cap, points, value } = contribution;
    let what = words::source(measure, cap);
    let value = match value.as_str() {
        "" => "unknown",
        value => value,
    };
    let verb = if cap.is_empty() { "was" } else { "at most" };
    format!("{:>7}  {what} {verb} {value}", words::points(*points))
}

fn driver(driver: &Driver) -> String {
    let Driver { measure, cap, points, value, value_before } = driver;
    let missing = if cap.is_empty() { "unknown" } else { "not in force" };
    let said = |value: &str| if value.is_empty() { missing.to_owned() } else { value.to_owned() };
    let what = words::source(measure, cap);
    format!("{:>7}  {what}: {} -> {}", words::points(*points), said(value_before), said(value))
}

fn cta_in_words(cta: &Cta) -> String {
    let due = cta.due_day.map(|day| format!(", due {}", words::day(day))).unwrap_or_default();
    let owner = if cta.owner.is_empty() { "nobody" } else { &cta.owner };
    let mut text = format!(
        "  {} ({}, {}, priority {}), owned by {owner}, opened {}{due}\n",
        cta.title,
        words::cta_type(cta.r#type()),
        words::cta_state(cta),
        cta.priority,
        words::instant(cta.opened_at),
    );
    if cta.state() == CtaState::Closed {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "    closed {}: {}", words::instant(cta.changed_at), cta.outcome);
    }
    text + &lines(cta.reasons.iter().map(|reason| format!("because {}", words::reason(reason))))
}

fn lines(items: impl Iterator<Item = String>) -> String {
    items.map(|item| format!("    {item}\n")).collect()
}
