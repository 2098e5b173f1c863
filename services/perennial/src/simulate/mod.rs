//! `perennial simulate`: a company whose customers can be looked after, as its calls and the truth about it.
//!
//! Invariant: what is sent goes through the public APIs, so any Perennial can be sent to; the truth goes nowhere but into
//! its file.

mod check;
mod description;
mod files;
mod history;
mod live;

use std::num::NonZeroU32;
use std::path::PathBuf;

use anyhow::{Context, Result};
use chassis::clock;
use clap::Args;
use company::{Company, Day, Parameters};
use indicatif::{ProgressBar, ProgressStyle};
use jiff::civil::Date;

use crate::cli::Target;
use crate::sender::{Call, Sender};

#[derive(Args)]
pub(crate) struct Simulate {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    size: Size,
    #[command(flatten)]
    to: To,
    /// A write key of the workspace.
    #[arg(long, requires = "url", conflicts_with_all = ["out", "describe", "check"])]
    write_key: Option<String>,
    /// As it happens, to a workspace on the wall clock: each event stamped with the moment at which it is sent, days as fast
    /// as --rate lets them pass.
    #[arg(long, requires = "url", conflicts_with_all = ["out", "describe", "check"])]
    live: bool,
    /// With --live: events a second. Who the customers are is told first, as fast as it goes.
    #[arg(long, value_name = "EVENTS_PER_SECOND", default_value = "50", requires = "live")]
    rate: NonZeroU32,
    /// Write the truth here, or with --check read it: who leaves and why, since when it shows, what only looks like it.
    /// Perennial never sees it.
    #[arg(long, value_name = "FILE", conflicts_with = "out")]
    truth: Option<PathBuf>,
}

/// How large a company, for how long. The same numbers give the same company, on any machine.
#[derive(Args)]
struct Size {
    /// All accounts that there ever are: three of four when it begins, the others sign while it goes on.
    #[arg(long, default_value_t = Parameters::default().accounts)]
    accounts: u32,
    /// How many CSMs own them; usually one for 42.
    #[arg(long)]
    csms: Option<u32>,
    /// How long the history is.
    #[arg(long, default_value_t = Parameters::default().months)]
    months: u32,
    /// Which of all such companies.
    #[arg(long, default_value_t = Parameters::default().seed)]
    seed: u64,
    /// Its first day; usually 2024-01-01, with --live today.
    #[arg(long, value_name = "DAY")]
    from: Option<Date>,
    /// How much its contacts do, 1 being usual: about two million events for 500 accounts in 24 months.
    #[arg(long, default_value_t = Parameters::default().volume)]
    volume: f64,
}

/// What is to become of it: one of these.
#[derive(Args)]
#[group(required = true, multiple = false)]
struct To {
    /// Print what it turned out to be, figure by figure, beside what it was ordered to be.
    #[arg(long)]
    describe: bool,
    /// Write `calls.ndjson` and `truth.json` into this folder, and send nothing.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Send it to a Perennial that runs: where its HTTP API answers. As history it wants a workspace on the log clock, whose
    /// clock goes with it.
    #[arg(long)]
    url: Option<String>,
    /// Say how the definitions in force did with a company that was sent as history, against its truth: how well the score
    /// tells who leaves, how long before, which alerts were right. Sends nothing.
    #[arg(long, requires = "truth", conflicts_with = "Size")]
    check: bool,
}

impl Simulate {
    pub(crate) async fn run(self) -> Result<()> {
        if self.to.check {
            return check::check(&self.target, self.truth.as_deref().context("--truth is missing")?).await;
        }
        let company = Company::new(self.parameters())?;
        if self.to.describe {
            return description::print(company, self.target.output);
        }
        if let Some(folder) = &self.to.out {
            return files::write(company, folder);
        }
        let url = self.to.url.as_deref().context("--url is missing")?;
        let write_key = self.write_key.clone().context("--write-key is missing: --url needs one")?;
        let sender = Sender::new(url, write_key.clone())?;
        sender.probe().await?;
        if let Some(file) = &self.truth {
            files::write_truth(&company.truth(), file)?;
        }
        if self.live {
            live::send(company, &self.target, &sender, &write_key, self.rate).await
        } else {
            history::send(company, &self.target, &sender, &write_key).await
        }
    }

    fn parameters(&self) -> Parameters {
        let usual = Parameters::default();
        let Size { accounts, csms, months, seed, from, volume } = self.size;
        let begin = match from {
            Some(date) => Day::of(date),
            None if self.live => today(),
            None => usual.begin,
        };
        let csms = csms.unwrap_or_else(|| Parameters::usual_csms(accounts));
        Parameters { seed, accounts, csms, months, begin, volume }
    }
}

/// In UTC.
fn today() -> Day {
    const DAY_MS: i64 = 86_400_000;
    Day(i32::try_from(clock::now().div_euclid(DAY_MS)).unwrap_or(i32::MAX))
}

/// What an account says keeps its order.
fn outgoing(call: &company::Call) -> Result<Call> {
    Ok(Call::written(&call.account, serde_json::to_string(call)?))
}

/// A bar of days.
fn progress(company: &Company, what: &'static str) -> Result<ProgressBar> {
    let parameters = company.parameters();
    let progress = ProgressBar::new(u64::from(parameters.end().since(parameters.begin).unsigned_abs()));
    progress.set_style(ProgressStyle::with_template("{prefix:>9} {bar:40} day {pos:>4} of {len}  {msg}")?);
    progress.set_prefix(what);
    Ok(progress)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use crate::cli::{Cli, Command};

    fn check(given: &[&str], refused: Option<&str>) {
        let given = ["perennial", "simulate"].into_iter().chain(given.iter().copied());
        match (Cli::try_parse_from(given).map(|cli| cli.command), refused) {
            (Ok(Command::Simulate(_)), None) => {}
            (Err(error), Some(expected)) => {
                let said = error.to_string();
                assert!(said.contains(expected), "{said}");
            }
            (parsed, _) => panic!("{:?}, expected {refused:?}", parsed.err().map(|error| error.to_string())),
        }
    }

    #[test]
    fn a_company_is_described_written_sent_or_checked() {
        check(&["--check", "--truth", "t.json", "-w", "sim"], None);
        check(&["--check"], Some("--truth"));
        check(&["--check", "--truth", "t.json", "--seed", "2"], Some("cannot be used with"));
        check(&["--describe"], None);
        check(&["--out", "here", "--accounts", "20", "--seed", "9"], None);
        check(&["--url", "http://a:1", "--write-key", "pk", "--truth", "t.json"], None);
        check(&["--url", "http://a:1", "--write-key", "pk", "--live", "--rate", "5"], None);
        check(&[], Some("required"));
        check(&["--describe", "--out", "here"], Some("cannot be used with"));
        check(&["--out", "here", "--live"], Some("cannot be used with"));
        check(&["--describe", "--write-key", "pk"], Some("cannot be used with"));
        check(&["--url", "http://a:1", "--write-key", "pk", "--rate", "5"], Some("--live"));
        check(&["--url", "http://a:1", "--write-key", "pk", "--live", "--rate", "0"], Some("--rate"));
    }
}
