//! A company's history, sent in step with a workspace's clock.
//!
//! Invariant: the clock is advanced beyond an instant only when the log has everything up to then, and no more waits for it
//! than may.

use anyhow::{Result, bail};
use company::{Call, Company, Day};
use contracts::ingest::AdvanceClockRequest;
use contracts::ingest::ingest_service_client::IngestServiceClient;
use contracts::log::ClockKind;
use indicatif::ProgressBar;
use tonic::transport::Channel;

use super::{outgoing, progress};
use crate::cli::Target;
use crate::commands::{clock, keys, workspaces};
use crate::sender::{self, Heard, Sender};
use crate::{clients, myself};

/// So many calls are worth moving the clock for: far fewer than may wait for it.
const STEP: usize = 20_000;

struct History<'a> {
    workspace: &'a str,
    sender: &'a Sender,
    ingest: IngestServiceClient<Channel>,
    progress: ProgressBar,
    sent: u64,
}

/// Returns when every service has decided everything that follows.
pub(super) async fn send(company: Company, target: &Target, sender: &Sender, write_key: &str) -> Result<()> {
    check(target, write_key).await?;
    let ingest = clients::ingest(&target.grpc).await?;
    let workspace = target.workspace.as_str();
    let mut history =
        History { workspace, sender, ingest, progress: progress(&company, "sending")?, sent: 0 };
    let end = company.parameters().end();
    history.begin(company.parameters().begin).await?;
    let mut waiting: Vec<Call> = Vec::new();
    for day in company {
        waiting.extend(day.calls);
        if waiting.len() >= STEP || day.day.plus(1) == end {
            history.step(&mut waiting, day.day.plus(1)).await?;
        }
        history.progress.inc(1);
        history.progress.set_message(format!("{}, {} events", day.day, history.sent));
    }
    history.progress.set_prefix("deciding");
    history.progress.tick();
    clock::settle(target, end.midnight()).await?;
    history.progress.finish_and_clear();
    println!(
        "{} events are in workspace {workspace}, whose clock stands at {end}; everything is decided.",
        history.sent
    );
    Ok(())
}

/// Whether the workspace goes by the log's clock, and the key is its own.
async fn check(target: &Target, write_key: &str) -> Result<()> {
    let name = &target.workspace;
    if workspaces::get(target).await?.clock() != ClockKind::Log {
        bail!(
            "workspace {name} goes by the wall clock, where there is no history: --live sends to it, or {} workspaces \
             create NAME --clock log",
            myself::called()
        );
    }
    keys::check(target, write_key).await
}

impl History<'_> {
    /// The clock may stand before the history, and not in it.
    async fn begin(&mut self, day: Day) -> Result<()> {
        match self.advance(day.midnight()).await {
            Err(status) if clock::goes_back(&status) => bail!(
                "the clock of workspace {} is past {day} already: a history wants a fresh workspace, or a later --from",
                self.workspace
            ),
            moved => Ok(moved?),
        }
    }

    /// Sends what happened up to the end of a day, and moves the clock there.
    async fn step(&mut self, calls: &mut Vec<Call>, end: Day) -> Result<()> {
        let mut rest = calls.as_slice();
        while !rest.is_empty() {
            let (now, later) = rest.split_at(cut(rest));
            let outgoing = now.iter().map(outgoing).collect::<Result<Vec<sender::Call>>>()?;
            let progress = &self.progress;
            let heard = |heard: Heard<'_>| {
                if let Heard::Waiting(reason) = heard {
                    progress.set_message(reason.to_owned());
                }
            };
            self.sender.send(&outgoing, heard).await?;
            self.sent += now.len() as u64;
            if let (Some(last), false) = (now.last(), later.is_empty()) {
                self.advance(last.at).await?;
            }
            rest = later;
        }
        calls.clear();
        Ok(self.advance(end.midnight()).await?)
    }

    async fn advance(&mut self, to_at: i64) -> Result<(), tonic::Status> {
        let request = AdvanceClockRequest { workspace: self.workspace.to_owned(), to_at };
        self.ingest.advance_clock(request).await.map(drop)
    }
}

/// How many of them go at once: all of what happened at one instant.
fn cut(calls: &[Call]) -> usize {
    match calls.get(STEP - 1) {
        Some(last) if calls.len() > 2 * STEP => calls.partition_point(|call| call.at <= last.at),
        _ => calls.len(),
    }
}

#[cfg(test)]
mod tests {
    use company::{Call, Kind};

    use super::{STEP, cut};

    fn check(instants: impl Iterator<Item = i64>, expected: usize) {
        let call = |at| Call {
            kind: Kind::Group,
            message_id: String::new(),
            user: None,
            account: "a".into(),
            at,
            said: Vec::new(),
        };
        assert_eq!(cut(&instants.map(call).collect::<Vec<_>>()), expected);
    }

    #[test]
    fn a_large_day_goes_in_parts_and_never_cuts_an_instant() {
        let many = 3 * STEP as i64;
        check(0..10, 10);
        check(0..many, STEP);
        check((0..many).map(|at| at / 7), STEP.div_ceil(7) * 7);
    }
}
