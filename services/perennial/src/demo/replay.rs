//! The purchases, sent in step with the clock, and the wait until everything that follows from them is decided.

use std::time::Duration;

use anyhow::{Result, anyhow};
use contracts::ingest::AdvanceClockRequest;
use indicatif::{ProgressBar, ProgressStyle};
use jiff::ToSpan;
use jiff::civil::{Date, date};

use super::cdnow::Purchase;
use super::receiver::Receiver;
use crate::cli::Target;
use crate::clients;
use crate::commands::{clock, notifications};
use crate::sender::{Call, Heard, Sender};

/// Where time stands before the first purchase: 1997-01-01T00:00:00Z.
pub(crate) const BEGIN: Date = date(1997, 1, 1);
/// Where time stands in the end: 1998-07-01T00:00:00Z.
const END: Date = date(1998, 7, 1);
/// How far the clock moves at once: far fewer events than may wait for it.
const STEP_DAYS: i32 = 7;

/// How often webhooks are looked at, and how many.
const GLANCE: Duration = Duration::from_millis(500);
const NEWEST: usize = 100;
/// What workflow reports of a call that it may not make.
const NOT_PUBLIC: &str = "the address is not public";
/// What it reports of one that waits for room at the endpoint.
const NOT_BEGUN: &str = "not begun: ";

pub(crate) struct Replay<'a> {
    target: &'a Target,
    sender: Sender,
    receiver: Receiver,
    progress: ProgressBar,
}

impl<'a> Replay<'a> {
    pub(crate) fn new(target: &'a Target, sender: Sender, receiver: Receiver) -> Self {
        Self { target, sender, receiver, progress: ProgressBar::new(0) }
    }

    /// Sends them all, moves the clock to the end, and waits for every service and every webhook. What is wrong with
    /// the webhooks would let it wait for days: it ends that.
    pub(crate) async fn run(self, purchases: Vec<Purchase>) -> Result<()> {
        tokio::select! {
            played = self.play(purchases) => played,
            fault = self.fault() => Err(fault),
        }
    }

    async fn play(&self, purchases: Vec<Purchase>) -> Result<()> {
        self.progress.set_length(purchases.len() as u64);
        self.progress
            .set_style(ProgressStyle::with_template("{prefix:>11} {bar:40} {pos:>6} of {len}  {msg}")?);
        self.progress.set_prefix("sending");
        let mut rest = purchases.as_slice();
        let mut now = BEGIN;
        while now < END {
            now = now.checked_add(STEP_DAYS.days())?.min(END);
            let (due, later) = rest.split_at(rest.partition_point(|purchase| purchase.day < now));
            let calls: Vec<Call> =
                due.iter().map(|purchase| Call::new(&purchase.customer, &purchase.call())).collect();
            self.sender.send(&calls, |heard| self.show(heard)).await?;
            self.advance(now).await?;
            self.progress.set_message(format!("{now}, {} webhooks", self.receiver.delivered()));
            rest = later;
        }
        self.settle().await?;
        self.progress.finish_with_message(format!("{END}, {} webhooks", self.receiver.delivered()));
        Ok(())
    }

    fn show(&self, heard: Heard<'_>) {
        match heard {
            Heard::Sent(events) => self.progress.inc(events),
            Heard::Waiting(reason) => self.progress.set_message(reason.to_owned()),
        }
    }

    /// Ends when something is wrong with the webhooks that waiting does not mend.
    async fn fault(&self) -> anyhow::Error {
        loop {
            tokio::time::sleep(GLANCE).await;
            if self.receiver.forged() > 0 {
                return anyhow!("a webhook came with a wrong signature");
            }
            if self.receiver.delivered() == 0
                && let Some(error) = self.failed().await
            {
                return if error.contains(NOT_PUBLIC) {
                    anyhow!(
                        "that Perennial calls no webhooks on this machine: start it with --allow-loopback-webhooks"
                    )
                } else {
                    anyhow!("that Perennial cannot call this machine ({error}): run the demo beside it")
                };
            }
        }
    }

    /// Why a call was not made, or was made and met nobody. Who cannot be asked now is asked again.
    async fn failed(&self) -> Option<String> {
        let newest = notifications::list(self.target, "", NEWEST).await.unwrap_or_default();
        let mut errors = newest.into_iter().flat_map(|it| it.attempts).map(|attempt| attempt.error);
        errors.find(|error| !error.is_empty() && !error.starts_with(NOT_BEGUN))
    }

    async fn advance(&self, to: Date) -> Result<()> {
        let request = AdvanceClockRequest { workspace: self.target.workspace.clone(), to_at: midnight(to)? };
        clients::ingest(&self.target.grpc).await?.advance_clock(request).await?;
        Ok(())
    }

    /// Waits for each service in turn, and shows the webhooks meanwhile.
    async fn settle(&self) -> Result<()> {
        self.progress.set_prefix("deciding");
        let shown = async {
            loop {
                self.progress.set_message(format!("{END}, {} webhooks", self.receiver.delivered()));
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::select! {
            () = shown => Ok(()),
            settled = clock::settle(self.target, midnight(END)?) => settled,
        }
    }
}

/// In UTC.
pub(crate) fn midnight(day: Date) -> Result<i64> {
    Ok(day.to_zoned(jiff::tz::TimeZone::UTC)?.timestamp().as_millisecond())
}
