//! What was decided about the company's accounts, asked of the public gRPC API.

use std::collections::{HashMap, HashSet};

use anyhow::Result;
use company::truth::Account;
use contracts::account::{CtaState, CtaType};
use contracts::cta::{Cta, ListCtasRequest, ListRunsRequest, Run};
use contracts::health::HealthChange;
use indicatif::ProgressBar;

use super::case::{Case, Span, Turn};
use super::verdict::Opened;
use crate::cli::Target;
use crate::clients;
use crate::commands::{ctas, health};

pub(super) struct Decided {
    pub(super) cases: Vec<Case>,
    /// CTAs of every type.
    pub(super) opened: Vec<Opened>,
}

/// Each account with its scores and risk CTAs, by the truth's order, and the core events that it had.
pub(super) async fn decided(
    target: &Target,
    accounts: Vec<Account>,
    mut core: HashMap<String, Vec<u32>>,
    progress: &ProgressBar,
) -> Result<Decided> {
    let request = ListCtasRequest { workspace: target.workspace.clone(), ..Default::default() };
    let all = ctas::list(target, &request, usize::MAX).await?;
    let risk: Vec<&Cta> = all.iter().filter(|cta| cta.r#type() == CtaType::Risk).collect();
    let mut spans = by_account(risk.iter().map(|cta| (&cta.account, span(cta))));
    let playbooks: HashSet<&str> = risk.iter().map(|cta| cta.playbook.as_str()).collect();
    let runs = runs(target).await?;
    let risky = runs.iter().filter(|run| playbooks.contains(run.playbook.as_str()));
    let mut signals = by_account(risky.map(|run| (&run.account, run.started_at)));
    // Whom the truth has: a CTA that a playbook opens for nobody is its account's owner's.
    let owners: HashMap<String, String> =
        accounts.iter().map(|account| (account.id.clone(), account.owner.clone())).collect();
    let mut cases = Vec::with_capacity(accounts.len());
    for truth in accounts {
        let turns = turns(target, &truth.id).await?;
        let mut ctas = spans.remove(&truth.id).unwrap_or_default();
        ctas.sort_by_key(|span| span.from);
        let mut signals = signals.remove(&truth.id).unwrap_or_default();
        signals.sort_unstable();
        let core = core.remove(&truth.id).unwrap_or_default();
        cases.push(Case { truth, turns, ctas, signals, core });
        progress.inc(1);
    }
    let opened = all.into_iter().map(|cta| {
        let owner = owners.get(&cta.account).filter(|_| cta.owner.is_empty()).cloned();
        Opened { owner: owner.unwrap_or(cta.owner), at: cta.opened_at }
    });
    let opened = opened.collect();
    Ok(Decided { cases, opened })
}

fn span(cta: &Cta) -> Span {
    let to = (cta.state() == CtaState::Closed).then_some(cta.changed_at);
    Span { from: cta.opened_at, to }
}

async fn runs(target: &Target) -> Result<Vec<Run>> {
    let mut client = clients::ctas(&target.grpc).await?;
    clients::pages(usize::MAX, async |page_size, page_token| {
        let workspace = target.workspace.clone();
        let request = ListRunsRequest { workspace, page_size, page_token, ..Default::default() };
        let page = client.list_runs(request).await?.into_inner();
        Ok((page.runs, page.next_page_token))
    })
    .await
}

/// Its scores, oldest first.
async fn turns(target: &Target, account: &str) -> Result<Vec<Turn>> {
    let mut turns: Vec<Turn> = health::history(target, account, usize::MAX).await?.iter().map(turn).collect();
    turns.reverse();
    turns.sort_by_key(|turn| turn.at);
    Ok(turns)
}

fn turn(change: &HealthChange) -> Turn {
    Turn { at: change.valid_at, score: change.score, band: change.band() }
}

fn by_account<'a, T>(items: impl Iterator<Item = (&'a String, T)>) -> HashMap<String, Vec<T>> {
    let mut all: HashMap<String, Vec<T>> = HashMap::new();
    for (account, item) in items {
        all.entry(account.clone()).or_default().push(item);
    }
    all
}
