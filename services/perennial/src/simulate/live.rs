//! A company as it happens: its days pass as fast as the rate lets them, each event at the moment at which it is sent.
//!
//! Invariant: message ids are those of this run, so that another one within a day is no repeat of it.

use std::num::NonZeroU32;
use std::time::Duration;

use anyhow::{Result, bail};
use chassis::clock::now;
use company::{Call, Company, Kind};
use contracts::log::ClockKind;
use indicatif::ProgressBar;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::{outgoing, progress};
use crate::cli::Target;
use crate::commands::{keys, workspaces};
use crate::sender::{Heard, Sender};

/// How often something is sent, a second.
const BEATS: u32 = 5;
/// Of who the customers are, at once.
const AT_ONCE: usize = 10_000;

struct Live<'a> {
    sender: &'a Sender,
    progress: ProgressBar,
    /// What tells this run's messages from another's.
    run: i64,
    beat: Interval,
    per_second: u32,
    /// What could have been sent and was not, in fifths of an event.
    credit: u32,
    sent: u64,
}

/// Returns when the company's time is over.
pub(super) async fn send(
    company: Company,
    target: &Target,
    sender: &Sender,
    write_key: &str,
    rate: NonZeroU32,
) -> Result<()> {
    if workspaces::get(target).await?.clock() != ClockKind::Wall {
        bail!(
            "workspace {} goes by the log's clock: without --live it gets the history of a company",
            target.workspace
        );
    }
    keys::check(target, write_key).await?;
    let mut beat = interval(Duration::from_secs(1) / BEATS);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let progress = progress(&company, "live")?;
    let (run, per_second) = (now(), rate.get());
    let mut live = Live { sender, progress, run, beat, per_second, credit: 0, sent: 0 };
    let begin = company.parameters().begin;
    for day in company {
        let (who, what) = if day.day == begin {
            day.calls.into_iter().partition(|call| !matches!(call.kind, Kind::Track(_)))
        } else {
            (Vec::new(), day.calls)
        };
        for part in who.chunks(AT_ONCE) {
            live.post(part).await?;
        }
        live.paced(&what).await?;
        live.progress.inc(1);
    }
    live.progress.finish_and_clear();
    println!("{} events are in workspace {}.", live.sent, target.workspace);
    Ok(())
}

impl Live<'_> {
    /// So many a second.
    async fn paced(&mut self, calls: &[Call]) -> Result<()> {
        let mut rest = calls;
        while !rest.is_empty() {
            if self.credit < BEATS {
                self.beat.tick().await;
                self.credit += self.per_second;
            }
            let may = ((self.credit / BEATS) as usize).min(rest.len());
            self.credit -= may as u32 * BEATS;
            let (due, later) = rest.split_at(may);
            self.post(due).await?;
            rest = later;
        }
        Ok(())
    }

    async fn post(&mut self, calls: &[Call]) -> Result<()> {
        let calls = calls.iter().map(|call| outgoing(&self.stamped(call))).collect::<Result<Vec<_>>>()?;
        let progress = &self.progress;
        let heard = |heard: Heard<'_>| {
            if let Heard::Waiting(reason) = heard {
                progress.set_message(reason.to_owned());
            }
        };
        self.sender.send(&calls, heard).await?;
        self.sent += calls.len() as u64;
        progress.set_message(format!("{} events", self.sent));
        Ok(())
    }

    fn stamped(&self, call: &Call) -> Call {
        Call { at: now(), message_id: format!("{}-{}", call.message_id, self.run), ..call.clone() }
    }
}
