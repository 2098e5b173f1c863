//! `cargo xtask prepare`: has sqlx check every query against a Postgres made from the migrations, and keeps what it
//! found in each crate's `.sqlx`, so that building needs no database.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::command::{self, cargo, root};
use crate::postgres::Postgres;

/// All crates, or those named.
pub(crate) fn run(only: &[String]) -> Result<()> {
    let mut homes = crates_with_queries()?;
    if !only.is_empty() {
        homes.retain(|home| only.iter().any(|name| home.ends_with(name)));
        anyhow::ensure!(homes.len() == only.len(), "not all of {only:?} are crates with queries");
    }
    let postgres = Postgres::start()?;
    homes.iter().try_for_each(|home| prepare(&postgres, home))
}

/// Those that have a `sqlx.toml`.
fn crates_with_queries() -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for folder in ["crates", "services"] {
        for entry in fs::read_dir(root().join(folder))? {
            found.push(entry?.path());
        }
    }
    found.retain(|home| home.join("sqlx.toml").exists());
    found.sort();
    Ok(found)
}

fn prepare(postgres: &Postgres, home: &Path) -> Result<()> {
    let name = home.file_name().and_then(|name| name.to_str()).context("a crate without a name")?;
    let settings = fs::read_to_string(home.join("sqlx.toml"))?;
    let database = format!("prepare_{}", name.replace('-', "_"));
    postgres.create(&database)?;
    migrate(postgres, &database, home, &settings)?;
    let fresh = root().join("target/sqlx").join(name);
    empty(&fresh)?;
    // The macros check, and save, only when the crate is compiled anew.
    let source = home.join("src/lib.rs");
    fs::write(&source, fs::read(&source)?)?;
    let variable =
        quoted(&settings, "database-url-var").next().context("sqlx.toml names no database-url-var")?;
    command::run(
        cargo()
            .args(["check", "--profile", "checked", "-p", name, "--all-targets"])
            .env("SQLX_OFFLINE", "false")
            .env("SQLX_OFFLINE_DIR", &fresh)
            .env(variable, postgres.url(&database)),
    )?;
    replace(&home.join(".sqlx"), &fresh)
}

fn migrate(postgres: &Postgres, database: &str, home: &Path, settings: &str) -> Result<()> {
    for schema in quoted(settings, "create-schemas") {
        postgres.execute(database, &format!("CREATE SCHEMA IF NOT EXISTS {schema}"))?;
    }
    // Without migrations its queries ask the server's own tables.
    let entries = fs::read_dir(home.join("migrations")).into_iter().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "sql"));
    files.sort();
    files.iter().try_for_each(|file| postgres.apply(database, file))
}

/// What was checked takes the place of what lay there.
fn replace(kept: &Path, fresh: &Path) -> Result<()> {
    empty(kept)?;
    for entry in fs::read_dir(fresh)? {
        let entry = entry?;
        fs::copy(entry.path(), kept.join(entry.file_name()))?;
    }
    Ok(())
}

fn empty(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    Ok(fs::create_dir_all(folder)?)
}

/// The quoted words on the line of a setting.
fn quoted<'a>(settings: &'a str, setting: &str) -> impl Iterator<Item = &'a str> {
    let line = settings.lines().find(|line| line.trim_start().starts_with(setting)).unwrap_or_default();
    line.split('"').skip(1).step_by(2)
}
