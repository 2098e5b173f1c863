//! `perennial import`: accounts, contacts and their history, from files that other systems write.
//!
//! Invariant: rows go in as an SDK would send them, by the public HTTP API and a write key; a row is sent, set aside with
//! the reason, or left for the next run, and counts once.

mod aside;
mod call;
mod kind;
mod mapping;
mod progress;
mod table;
mod transfer;
mod value;

use std::fs::{File, TryLockError};
use std::io::{IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use jiff::Timestamp;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::document::Document;
use crate::myself;
use crate::sender::Sender;
use aside::Aside;
use call::Plan;
use kind::Kind;
use mapping::{Guess, Mapping};
use progress::{Job, Progress};
use table::{Form, Table};
use transfer::{Reading, Transfer};
pub(crate) use value::digits_of;

/// Calls that a dry run shows.
const SHOWN: usize = 3;
/// Letters of a write key by which it is listed.
const KEY_SHOWN: usize = 11;

#[derive(Args)]
pub(crate) struct Import {
    /// What the rows are.
    #[arg(value_enum)]
    kind: Kind,
    /// Comma-separated values (commas, semicolons or tabulators) with a header, or a JSON object a line.
    file: PathBuf,
    /// Which column becomes what; without it that is guessed from the header and the first rows, and shown.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["write_mapping", "yes"])]
    mapping: Option<PathBuf>,
    /// Write what was guessed to a file, to be edited, and end.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["yes", "dry_run"])]
    write_mapping: Option<PathBuf>,
    /// Take what was guessed without asking.
    #[arg(long, short)]
    yes: bool,
    /// Read everything, say what would be sent and what is wrong, and send nothing.
    #[arg(long)]
    dry_run: bool,
    /// Where the HTTP API answers.
    #[arg(long, default_value = "http://127.0.0.1:8080", env = "PERENNIAL_URL")]
    url: String,
    /// A write key of the workspace that the rows go to (`keys create`).
    #[arg(long, env = "PERENNIAL_WRITE_KEY", hide_env_values = true)]
    write_key: Option<String>,
}

impl Import {
    pub(crate) async fn run(self) -> Result<()> {
        let table = Table::open(&self.file)?;
        let unfinished = if self.dry_run { None } else { Progress::load(&self.file)? };
        let Some(mapping) = self.mapping(&table, unfinished.as_ref())? else { return Ok(()) };
        let plan = Plan::new(&mapping, &table);
        if self.dry_run {
            return self.dry_run(table, &plan, &mapping);
        }
        self.send(table, &plan, &mapping, unfinished).await
    }

    /// The mapping that was given, or was guessed and confirmed; nothing if it was written instead.
    fn mapping(&self, table: &Table, unfinished: Option<&Progress>) -> Result<Option<Mapping>> {
        if let Some(file) = &self.mapping {
            let text =
                std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
            let document = Document::parse(&file.display().to_string(), text)?;
            let columns = matches!(table.form(), Form::Csv { .. }).then(|| table.header());
            let mapping = mapping::read(&document, self.kind, columns)?;
            if self.dry_run {
                println!("{}", mapping::table(&mapping, table));
            }
            return Ok(Some(mapping));
        }
        let guess = Guess::of(self.kind, table);
        if unfinished.is_some_and(|it| it.job.mapping == guess.mapping.json()) {
            // It was confirmed when it began.
            return Ok(Some(guess.mapping));
        }
        println!("What {} seems to hold:\n\n{}", self.file.display(), mapping::table(&guess.mapping, table));
        for note in &guess.notes {
            println!("  {note}");
        }
        if let Some(file) = &self.write_mapping {
            self.write_mapping(file, &guess)?;
            return Ok(None);
        }
        if let Some(missing) = guess.mapping.missing() {
            bail!("{missing}\n  {}", self.how_to_edit());
        }
        if !self.yes && !self.dry_run {
            self.confirm()?;
        }
        Ok(Some(guess.mapping))
    }

    fn write_mapping(&self, file: &Path, guess: &Guess) -> Result<()> {
        let text = guess.mapping.yaml(&self.file.display().to_string(), &guess.left_out)?;
        let written = File::create_new(file).and_then(|mut file| file.write_all(text.as_bytes()));
        written.with_context(|| format!("cannot write {}", file.display()))?;
        let (program, kind) = (myself::called(), self.kind.name());
        println!(
            "The mapping is in {0}. Look it over, then:\n\n    {program} import {kind} {1} --mapping {0} --dry-run\n",
            file.display(),
            self.file.display()
        );
        Ok(())
    }

    /// Somebody at a terminal says yes.
    fn confirm(&self) -> Result<()> {
        if !std::io::stdin().is_terminal() {
            bail!(
                "nobody is here to confirm the mapping: --yes takes it as it stands\n  {}",
                self.how_to_edit()
            );
        }
        print!("Import it so? [y/N] ");
        std::io::stdout().flush()?;
        let mut answer = String::new();
        std::io::stdin().read_line(&mut answer)?;
        let yes = matches!(answer.trim().to_lowercase().as_str(), "y" | "yes");
        ensure!(yes, "nothing was sent\n  {}", self.how_to_edit());
        Ok(())
    }

    fn how_to_edit(&self) -> String {
        let file = self.file.with_extension("mapping.yaml");
        format!("To change it: --write-mapping {0}, edit that, and go on with --mapping {0}", file.display())
    }

    fn dry_run(&self, table: Table, plan: &Plan, mapping: &Mapping) -> Result<()> {
        let job = self.job(mapping, String::new())?;
        let mut reading = self.reading(table, plan, &job);
        let (mut good, mut bad, mut old) = (0_u64, 0_u64, 0_u64);
        let bar = transfer::bar(std::fs::metadata(&self.file)?.len())?;
        println!("The first calls:\n");
        while let Some((record, made)) = reading.next()? {
            bar.set_position(record.next.byte);
            match made {
                Ok(made) => {
                    if good < SHOWN as u64 {
                        println!("{:#}", serde_json::from_str::<Value>(made.call.text())?);
                    }
                    good += 1;
                    old += u64::from(reading.is_old(&made));
                }
                Err(_) => bad += 1,
            }
        }
        bar.finish_and_clear();
        println!("\n{good} rows would be sent; nothing was.{}", self.age(old));
        told(&reading, bad, "would be set aside")
    }

    async fn send(
        &self,
        table: Table,
        plan: &Plan,
        mapping: &Mapping,
        unfinished: Option<Progress>,
    ) -> Result<()> {
        let key = self
            .write_key
            .clone()
            .context("--write-key (PERENNIAL_WRITE_KEY) is missing: `keys create` makes one")?;
        let lock = File::open(&self.file)?;
        let is_taken = matches!(lock.try_lock(), Err(TryLockError::WouldBlock));
        ensure!(!is_taken, "{} is being imported by another process", self.file.display());
        let job = self.job(mapping, key.chars().take(KEY_SHOWN).collect())?;
        let (mut table, progress, aside) = self.begin(table, job, unfinished)?;
        table.go_to(progress.at)?;
        let sender = Sender::new(&self.url, key)?;
        sender.probe().await?;
        progress.save(&self.file)?;
        let reading = self.reading(table, plan, &progress.job);
        let mut transfer = Transfer { input: &self.file, reading, sender, aside, progress };
        let bytes = std::fs::metadata(&self.file)?.len();
        let sent = tokio::select! {
            sent = transfer.run(bytes) => sent,
            _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted")),
        };
        sent.with_context(|| {
            format!(
                "{} is not imported as a whole; the same command goes on where it was",
                self.file.display()
            )
        })?;
        self.tell(&transfer)
    }

    /// Where the rows begin, or where an import that was not finished goes on.
    fn begin(
        &self,
        table: Table,
        job: Job,
        unfinished: Option<Progress>,
    ) -> Result<(Table, Progress, Aside)> {
        let Some(progress) = unfinished else {
            let aside = Aside::begin(&self.file, &table)?;
            let at = table.rows_at();
            return Ok((table, Progress { job, at, sent: 0, set_aside: 0, old: 0, aside_bytes: 0 }, aside));
        };
        progress.check(&job, &self.file)?;
        let aside = Aside::go_on(&self.file, &table, progress.aside_bytes)?;
        println!(
            "Going on after line {}: {} rows were sent, {} set aside.",
            progress.at.lines, progress.sent, progress.set_aside
        );
        Ok((table, progress, aside))
    }

    fn tell(&self, transfer: &Transfer<'_>) -> Result<()> {
        let Progress { sent, set_aside, old, .. } = transfer.progress;
        println!("{sent} rows of {} were sent to {}.{}", self.file.display(), self.url, self.age(old));
        println!(
            "What ingest finds wrong in their meaning it lists itself: `{} quarantine ls`.",
            myself::called()
        );
        let file = transfer.aside.file().display();
        told(
            &transfer.reading,
            set_aside,
            &format!("were set aside in {file}: mend them there and import that"),
        )
    }

    fn age(&self, old: u64) -> String {
        match (self.kind, old) {
            (Kind::History, 1..) => {
                format!(" {old} of them are older than 400 days, which no window reaches back to.")
            }
            _ => String::new(),
        }
    }

    fn job(&self, mapping: &Mapping, key: String) -> Result<Job> {
        let hashed = sha256(&self.file).with_context(|| format!("cannot read {}", self.file.display()));
        Ok(Job {
            kind: self.kind.name().to_owned(),
            sha256: hashed?,
            mapping: mapping.json(),
            url: self.url.clone(),
            key,
        })
    }

    fn reading<'p>(&self, table: Table, plan: &'p Plan, job: &Job) -> Reading<'p> {
        let now = Timestamp::from_millisecond(chassis::clock::now()).unwrap_or_default();
        let (name, prefix) = (self.file.display().to_string(), transfer::prefix(job));
        Reading { name, table, plan, prefix, now, told: Vec::new() }
    }
}

/// The first rows that were wrong, and a failure if there were any.
fn told(reading: &Reading<'_>, bad: u64, what_of_them: &str) -> Result<()> {
    if bad == 0 {
        return Ok(());
    }
    let mut lines = reading.told.clone();
    let more = bad.saturating_sub(lines.len() as u64);
    lines.extend((more > 0).then(|| format!("and {more} more")));
    bail!("{bad} rows {what_of_them}\n  {}", lines.join("\n  "))
}

/// In hexadecimal digits.
fn sha256(path: &Path) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1024 * 1024];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()),
            read => hash.update(&buffer[..read]),
        }
    }
}
