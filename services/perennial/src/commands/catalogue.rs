//! `perennial apply`, `diff` and `export`.

use std::io::Read;

use anyhow::{Context, Result, anyhow, bail};
use clap::Args;
use contracts::catalogue::{
    ApplyCatalogueRequest, ApplyCatalogueResponse, Change, DiffCatalogueRequest, ExportCatalogueRequest,
    change::Kind,
};
use tonic::Status;

use super::templates::{Choice, Put};
use crate::cli::{Output, Target};
use crate::document::Document;
use crate::starter::Pack;
use crate::yaml::to_yaml;
use crate::{clients, failure, output};

#[derive(Args)]
pub(crate) struct Apply {
    #[command(flatten)]
    target: Target,
    /// The document, YAML or JSON; - reads standard input.
    #[arg(long, short, required_unless_present = "starter", conflicts_with = "starter")]
    file: Option<String>,
    /// Put the whole starter pack into the catalogue, beside what is there: `templates use` with every template.
    #[arg(long, conflicts_with_all = ["based_on", "fire_playbooks"])]
    starter: bool,
    #[command(flatten)]
    choice: Choice,
    /// The version it was based on: refused when another has come between.
    #[arg(long)]
    based_on: Option<u64>,
    /// Let playbooks fire for what the new definitions themselves cause.
    #[arg(long)]
    fire_playbooks: bool,
    /// Who you are.
    #[arg(long, env = "USER", default_value = "")]
    by: String,
}

#[derive(Args)]
pub(crate) struct Diff {
    #[command(flatten)]
    target: Target,
    /// The document, YAML or JSON; - reads standard input.
    #[arg(long, short)]
    file: String,
}

#[derive(Args)]
pub(crate) struct Export {
    #[command(flatten)]
    target: Target,
    /// An earlier version.
    #[arg(long, default_value_t = 0)]
    version: u64,
}

impl Apply {
    pub(crate) async fn run(self) -> Result<()> {
        let Some(file) = &self.file else {
            let pack = Pack::load()?;
            let put = Put::by(self.by);
            return put.run(&self.target, &pack, &pack.usual(), &self.choice).await;
        };
        if self.choice.is_given() {
            bail!("--set is for --starter: a document has its own values");
        }
        let document = read(file)?;
        let request = ApplyCatalogueRequest {
            workspace: self.target.workspace.clone(),
            document: document.json().to_string(),
            based_on: self.based_on,
            fire_playbooks: self.fire_playbooks,
            by: self.by,
        };
        let answer = clients::catalogue(&self.target.grpc).await?.apply_catalogue(request).await;
        let applied = answer.map_err(|status| refused(&document, status))?.into_inner();
        output::one(
            self.target.output,
            "perennial.catalogue.v1.ApplyCatalogueResponse",
            &applied,
            |applied| applied_in_words(applied, self.fire_playbooks),
        )
    }
}

impl Diff {
    pub(crate) async fn run(self) -> Result<()> {
        let document = read(&self.file)?;
        let workspace = self.target.workspace.clone();
        let request = DiffCatalogueRequest { workspace, document: document.json().to_string() };
        let answer = clients::catalogue(&self.target.grpc).await?.diff_catalogue(request).await;
        let diff = answer.map_err(|status| refused(&document, status))?.into_inner();
        output::one(self.target.output, "perennial.catalogue.v1.DiffCatalogueResponse", &diff, |diff| {
            format!("Against version {}:\n{}", diff.based_on, changes_in_words(&diff.changes))
        })
    }
}

impl Export {
    pub(crate) async fn run(self) -> Result<()> {
        let request =
            ExportCatalogueRequest { workspace: self.target.workspace.clone(), version: self.version };
        let exported =
            clients::catalogue(&self.target.grpc).await?.export_catalogue(request).await?.into_inner();
        let document: serde_json::Value = serde_json::from_str(&exported.document)?;
        match self.target.output {
            // As it can be applied again.
            Output::Table => print!("{}", to_yaml(&document)?),
            Output::Json => println!("{}", serde_json::to_string_pretty(&document)?),
        }
        Ok(())
    }
}

/// A document from a file, or from standard input for `-`.
fn read(file: &str) -> Result<Document> {
    let text = if file == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).context("cannot read standard input")?;
        text
    } else {
        std::fs::read_to_string(file).with_context(|| format!("cannot read {file}"))?
    };
    Ok(Document::parse(if file == "-" { "stdin" } else { file }, text)?)
}

/// A refusal with the places in the document that it is about.
pub(super) fn refused(document: &Document, status: Status) -> anyhow::Error {
    let violations = failure::violations(&status);
    if violations.is_empty() {
        return status.into();
    }
    let shown = violations.iter().map(|(path, message)| document.problem(path, message).to_string());
    anyhow!("the catalogue is refused\n{}", shown.collect::<Vec<_>>().join("\n"))
}

pub(super) fn applied_in_words(applied: &ApplyCatalogueResponse, fire_playbooks: bool) -> String {
    let mut text =
        format!("Version {} of the catalogue.\n{}", applied.version, changes_in_words(&applied.changes));
    if !applied.changes.is_empty() && !fire_playbooks {
        text +=
            "\nNo playbook fires for what these definitions change themselves (--fire-playbooks lets them).";
    }
    text
}

pub(super) fn changes_in_words(changes: &[Change]) -> String {
    if changes.is_empty() {
        return "  nothing changes".to_owned();
    }
    let lines = changes.iter().flat_map(|change| {
        let sign = match change.kind() {
            Kind::Unspecified => ' ',
            Kind::Added => '+',
            Kind::Changed => '~',
            Kind::Removed => '-',
        };
        let details = change.details.iter().map(|detail| format!("      {detail}"));
        std::iter::once(format!("  {sign} {}", change.what)).chain(details)
    });
    lines.collect::<Vec<_>>().join("\n")
}
