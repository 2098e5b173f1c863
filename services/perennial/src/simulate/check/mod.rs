//! `perennial simulate --check`: how the definitions in force did against the truth about the company they judged.
//!
//! Invariants: it sends nothing, and asks the public API only; what it says of the calls it knows from the company itself,
//! which the same parameters make again.

mod case;
mod fetch;
mod naive;
mod report;
mod stats;
mod stories;
#[cfg(test)]
mod tests;
mod verdict;

use std::path::Path;

use anyhow::{Context, Result, ensure};
use company::{Company, Parameters};
use contracts::log::ClockKind;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Deserialize;
use serde_json::Value;

use crate::cli::Target;
use crate::commands::workspaces;
use fetch::Decided;
use report::Report;
use verdict::History;

const DAY_MS: i64 = 86_400_000;

/// Of a truth file, what says which company it is, and what it says of it.
#[derive(Deserialize)]
struct Told {
    parameters: Parameters,
    accounts: Value,
}

pub(super) async fn check(target: &Target, file: &Path) -> Result<()> {
    let company = company_of(file)?;
    let parameters = *company.parameters();
    let history = History { begin: parameters.begin, end: parameters.end() };
    heard_all(target, history).await?;
    let truth = company.truth();
    let progress = super::progress(&company, "making")?;
    let core = naive::core_events(company, || progress.inc(1));
    progress.finish_and_clear();
    let progress = ProgressBar::new(truth.accounts.len() as u64);
    progress.set_style(ProgressStyle::with_template("   asking {bar:40} account {pos:>4} of {len}")?);
    let Decided { cases, opened } = fetch::decided(target, truth.accounts, core, &progress).await?;
    progress.finish_and_clear();
    let verdict = verdict::judge(&cases, &opened, parameters.csms, history);
    Report { parameters, verdict, stories: stories::tell(&cases, history) }.print(target.output)
}

/// The company that a truth file is about, made again.
fn company_of(file: &Path) -> Result<Company> {
    let name = file.display();
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {name}"))?;
    let told: Told = serde_json::from_str(&text).with_context(|| format!("{name} is no truth file"))?;
    let company = Company::new(told.parameters)?;
    let again = serde_json::to_value(company.truth().accounts)?;
    ensure!(
        again == told.accounts,
        "{name} says otherwise of its accounts than this version makes them: send the history again with this one"
    );
    Ok(company)
}

/// Whether the workspace's clock has passed the whole history.
async fn heard_all(target: &Target, history: History) -> Result<()> {
    let workspace = workspaces::get(target).await?;
    let name = &target.workspace;
    ensure!(
        workspace.clock() == ClockKind::Log,
        "workspace {name} goes by the wall clock: it has no history"
    );
    let end = history.end;
    ensure!(
        workspace.clock_at.is_some_and(|at| at >= end.midnight()),
        "workspace {name} has not heard the history up to {end}: simulate --url sends it"
    );
    Ok(())
}
