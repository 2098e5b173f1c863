//! `perennial templates list | show | use`, and `apply --starter`.

use anyhow::Result;
use clap::{Args, Subcommand};
use contracts::catalogue::{ApplyCatalogueRequest, DiffCatalogueRequest, ExportCatalogueRequest};
use jiff::{Timestamp, ToSpan, tz::TimeZone};
use serde_json::{Value, json};

use super::catalogue::{applied_in_words, changes_in_words, refused};
use crate::cli::{Output, Target};
use crate::document::Document;
use crate::starter::{self, Keeper, Kept, Pack, Template};
use crate::yaml::to_yaml;
use crate::{clients, output};

/// Days until what was put in is looked at again.
const REVIEW_DAYS: i64 = 180;

#[derive(Args)]
pub(crate) struct Templates {
    #[command(flatten)]
    target: Target,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// List the templates of the starter pack, and what each needs.
    List,
    /// Show one: what it is for, its parameters, and what it puts into the catalogue.
    Show {
        name: String,
        #[command(flatten)]
        choice: Choice,
    },
    /// Put templates, and what they stand on, into the workspace's catalogue.
    Use {
        #[arg(required = true)]
        names: Vec<String>,
        #[command(flatten)]
        choice: Choice,
        #[command(flatten)]
        put: Put,
    },
}

/// A template as a workspace wants it.
#[derive(Args, Clone)]
pub(crate) struct Choice {
    /// A parameter's value, repeated; lists with commas: --set "core=Report Exported, Dashboard Viewed".
    #[arg(long, value_name = "NAME=VALUE")]
    set: Vec<String>,
}

#[derive(Args, Clone)]
pub(crate) struct Put {
    /// Say what would change, and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Let these templates replace definitions of the same names that are otherwise; what they stand on stays.
    #[arg(long)]
    replace: bool,
    /// Who looks after these definitions. Absent: of those that are replaced whoever does now, of others customer success.
    #[arg(long)]
    owner: Option<String>,
    /// Who you are.
    #[arg(long = "as", value_name = "NAME", env = "USER", default_value = "")]
    by: String,
}

impl Templates {
    pub(crate) async fn run(self) -> Result<()> {
        let pack = Pack::load()?;
        match self.command {
            Command::List => list(&pack, self.target.output),
            Command::Show { name, choice } => show(&pack, &name, &choice, self.target.output),
            Command::Use { names, choice, put } => {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                put.run(&self.target, &pack, &names, &choice).await
            }
        }
    }
}

impl Choice {
    pub(super) fn is_given(&self) -> bool {
        !self.set.is_empty()
    }
}

impl Put {
    /// As somebody does it who says no more.
    pub(super) fn by(by: String) -> Self {
        Self { dry_run: false, replace: false, owner: None, by }
    }

    /// Puts them into the catalogue as it stands now: when another version comes between, nothing changes.
    pub(crate) async fn run(
        &self,
        target: &Target,
        pack: &Pack,
        names: &[&str],
        choice: &Choice,
    ) -> Result<()> {
        let templates = pack.with_all_below(names)?;
        let settings = starter::settings(&templates, &choice.set)?;
        let workspace = target.workspace.clone();
        let mut client = clients::catalogue(&target.grpc).await?;
        let request = ExportCatalogueRequest { workspace: workspace.clone(), version: 0 };
        let exported = client.export_catalogue(request).await?.into_inner();
        let mut catalogue: Value = serde_json::from_str(&exported.document)?;
        let now = Timestamp::from_millisecond(chassis::clock::now())?.to_zoned(TimeZone::UTC);
        let review = now.date().saturating_add(REVIEW_DAYS.days()).to_string();
        let mut kept = Vec::new();
        for (name, template) in templates {
            // What they stand on gives way to nothing: others may stand on it too.
            let replace = self.replace && names.contains(&name);
            let keeper = Keeper { owner: self.owner.clone(), review: review.clone(), replace };
            kept.extend(keeper.put(&mut catalogue, template, &settings)?);
        }
        say_what_stays(&kept);
        let document = Document::parse("the catalogue with the templates", to_yaml(&catalogue)?)?;
        let text = catalogue.to_string();
        if self.dry_run {
            let answer = client.diff_catalogue(DiffCatalogueRequest { workspace, document: text }).await;
            let diff = answer.map_err(|status| refused(&document, status))?.into_inner();
            return output::one(
                target.output,
                "perennial.catalogue.v1.DiffCatalogueResponse",
                &diff,
                |diff| {
                    let changes = changes_in_words(&diff.changes);
                    format!("Against version {} this would change:\n{changes}", diff.based_on)
                },
            );
        }
        let request = ApplyCatalogueRequest {
            workspace,
            document: text,
            based_on: Some(exported.version),
            fire_playbooks: false,
            by: self.by.clone(),
        };
        let applied = client.apply_catalogue(request).await.map_err(|status| refused(&document, status))?;
        let message = "perennial.catalogue.v1.ApplyCatalogueResponse";
        output::one(target.output, message, &applied.into_inner(), |applied| applied_in_words(applied, false))
    }
}

/// Beside whatever is answered, in whatever form, also where that is a refusal.
fn say_what_stays(kept: &[Kept]) {
    if kept.is_empty() {
        return;
    }
    eprintln!(
        "These are there already and are otherwise; they stay (`templates use NAME --replace` puts that template's"
    );
    eprintln!("own in their place, and never what it stands on):");
    kept.iter().for_each(|Kept(what)| eprintln!("  = {what}"));
}

fn list(pack: &Pack, output: Output) -> Result<()> {
    let rows: Vec<Vec<String>> = pack
        .iter()
        .map(|(name, it)| vec![name.to_owned(), it.kind.to_owned(), it.title.clone(), it.needs.join("; ")])
        .collect();
    match output {
        Output::Table => print!("{}", output::table(&["TEMPLATE", "KIND", "TITLE", "NEEDS"], &rows)),
        Output::Json => {
            let all: Vec<Value> = pack.iter().map(|(name, template)| as_json(name, template)).collect();
            println!("{}", serde_json::to_string_pretty(&all)?);
        }
    }
    Ok(())
}

fn as_json(name: &str, template: &Template) -> Value {
    let parameters = template.parameters.iter().map(|(name, parameter)| {
        (name.clone(), json!({"says": parameter.says, "default": parameter.default, "list": parameter.list}))
    });
    json!({
        "name": name,
        "kind": template.kind,
        "title": template.title,
        "purpose": template.purpose,
        "needs": template.needs,
        "stands_on": template.stands_on,
        "parameters": parameters.collect::<serde_json::Map<_, _>>(),
    })
}

fn show(pack: &Pack, name: &str, choice: &Choice, output: Output) -> Result<()> {
    let template = pack.get(name)?;
    let catalogue = template.filled(&starter::settings(&[(name, template)], &choice.set)?);
    if output == Output::Json {
        let mut all = as_json(name, template);
        all["catalogue"] = catalogue;
        println!("{}", serde_json::to_string_pretty(&all)?);
        return Ok(());
    }
    println!("{} ({})\n{}\n", template.title, template.kind, template.purpose);
    println!("Needs:\n  {}", template.needs.join("\n  "));
    if !template.stands_on.is_empty() {
        println!("Stands on: {}", template.stands_on.join(", "));
    }
    if !template.parameters.is_empty() {
        println!("Parameters:");
        for (name, parameter) in &template.parameters {
            let usual = parameter.usual();
            let usual =
                if usual.is_empty() { "has to be set".to_owned() } else { format!("usually {usual}") };
            println!("  {name}: {} ({usual})", parameter.says);
        }
    }
    print!("\n{}", to_yaml(&catalogue)?);
    Ok(())
}
