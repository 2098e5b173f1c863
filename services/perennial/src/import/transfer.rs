//! The file's rows on their way: read in pieces, sent, and noted as sent.
//!
//! Invariant: one piece is in memory at a time; a row below the noted place is in the log or set aside, and one that is
//! sent again has the message id that it had.

use std::cell::Cell;
use std::path::Path;

use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressStyle};
use jiff::{Timestamp, ToSpan};
use sha2::{Digest, Sha256};

use super::aside::Aside;
use super::call::{Made, Plan};
use super::progress::{Job, Progress};
use super::table::{Mark, Record, Table};
use crate::sender::{Call, Heard, Sender};

/// Rows, and bytes of calls, between two notes.
const PIECE: usize = 4_000;
const PIECE_BYTES: usize = 8 * 1024 * 1024;
/// How far windows reach back.
const DAYS_KEPT: i64 = 400;
/// Rows that are told in full of those that were set aside.
const TOLD: usize = 10;

/// Reads rows and makes calls of them.
pub(crate) struct Reading<'a> {
    pub(crate) name: String,
    pub(crate) table: Table,
    pub(crate) plan: &'a Plan,
    /// What message ids begin with.
    pub(crate) prefix: String,
    pub(crate) now: Timestamp,
    /// The first that were wrong, with their place.
    pub(crate) told: Vec<String>,
}

/// Shows how much of a file of so many bytes was read.
pub(crate) fn bar(bytes: u64) -> Result<ProgressBar> {
    let style = ProgressStyle::with_template("{percent:>3} % {bar:40} {eta:>4} left  {msg}")?;
    Ok(ProgressBar::new(bytes).with_style(style))
}

/// What message ids of a job begin with: whose row it is, and what is made of it.
pub(crate) fn prefix(job: &Job) -> String {
    let digest = Sha256::digest(format!("{} {}", job.sha256, job.mapping));
    let digits: String = digest.iter().take(12).map(|byte| format!("{byte:02x}")).collect();
    format!("import-{digits}")
}

impl Reading<'_> {
    /// The next row's call, or why there is none.
    pub(crate) fn next(&mut self) -> Result<Option<(Record, Result<Made, String>)>> {
        let read = self.table.next().with_context(|| format!("cannot read {}", self.name))?;
        let Some(record) = read else { return Ok(None) };
        let id = format!("{}-{}", self.prefix, record.line);
        let made = match &record.row {
            Ok(row) => self.plan.call(row, &id, self.now),
            Err(why) => Err(why.clone()),
        };
        if let Err(why) = &made
            && self.told.len() < TOLD
        {
            self.told.push(format!("{}:{}: {why}", self.name, record.line));
        }
        Ok(Some((record, made)))
    }

    /// Whether what happened then lies before what windows reach back to.
    pub(crate) fn is_old(&self, made: &Made) -> bool {
        let reach = self.now.checked_sub((24 * DAYS_KEPT).hours());
        made.at.zip(reach.ok()).is_some_and(|(at, reach)| at < reach)
    }
}

pub(crate) struct Transfer<'a> {
    pub(crate) input: &'a Path,
    pub(crate) reading: Reading<'a>,
    pub(crate) sender: Sender,
    pub(crate) aside: Aside,
    pub(crate) progress: Progress,
}

impl Transfer<'_> {
    /// Sends what is left of the file, and forgets how far it came.
    pub(crate) async fn run(&mut self, bytes: u64) -> Result<()> {
        let bar = bar(bytes)?.with_position(self.progress.at.byte);
        bar.reset_eta();
        loop {
            let sent = Cell::new(self.progress.sent);
            let (calls, next) = self.piece()?;
            let Some(next) = next else { break };
            self.sender.send(&calls, |heard| self.show(&bar, &sent, heard)).await?;
            fail::fail_point!("import-sent");
            self.progress.aside_bytes = self.aside.sync()?;
            self.progress.at = next;
            self.progress.save(self.input)?;
            bar.set_position(next.byte);
        }
        bar.finish_and_clear();
        Progress::remove(self.input)
    }

    /// The calls of the next rows, and where those after them begin; nothing at the end.
    fn piece(&mut self) -> Result<(Vec<Call>, Option<Mark>)> {
        let (mut calls, mut next, mut bytes, mut rows) = (Vec::new(), None, 0, 0);
        while rows < PIECE && bytes < PIECE_BYTES {
            let Some((record, made)) = self.reading.next()? else { break };
            rows += 1;
            next = Some(record.next);
            match made {
                Ok(made) => {
                    self.progress.sent += 1;
                    self.progress.old += u64::from(self.reading.is_old(&made));
                    bytes += made.call.text().len();
                    calls.push(made.call);
                }
                Err(why) => {
                    self.progress.set_aside += 1;
                    self.aside.put(record.line, &record.raw, &why)?;
                }
            }
        }
        Ok((calls, next))
    }

    fn show(&self, bar: &ProgressBar, sent: &Cell<u64>, heard: Heard<'_>) {
        match heard {
            Heard::Waiting(reason) => bar.set_message(reason.to_owned()),
            Heard::Sent(more) => {
                sent.update(|sent| sent + more);
                bar.set_message(format!("{} sent, {} set aside", sent.get(), self.progress.set_aside));
            }
        }
    }
}
