//! The checks that are no tests.

use std::fs;

use anyhow::Result;

use crate::command::{cargo, command, root, run, succeeds};
use crate::tools;

/// The script that CI runs is the only list of its parts.
pub(crate) fn ci() -> Result<()> {
    run(command("bash").arg(".ci/run").env("CI", "true"))
}

pub(crate) fn lint() -> Result<()> {
    run(cargo().args(["fmt", "--all", "--check"]))?;
    run(cargo().args([
        "clippy",
        "--profile",
        "checked",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ]))
}

pub(crate) fn buf() -> Result<()> {
    let buf = tools::buf()?;
    run(command(&buf).arg("lint"))?;
    for before in earlier_contracts() {
        run(command(&buf).args(["breaking", "--against", &format!(".git#ref={before}")]))?;
    }
    Ok(())
}

pub(crate) fn deny() -> Result<()> {
    run(command(tools::cargo_deny()?).args(["check", "licenses", "bans", "sources"]))
}

/// What the contracts must stay readable for: the commit before this one, and the main branch as published.
fn earlier_contracts() -> Vec<&'static str> {
    let shallow = fs::exists(root().join(".git/shallow")).unwrap_or(false);
    ["HEAD~1", "origin/main"]
        .into_iter()
        .filter(|_| !shallow)
        .filter(|commit| succeeds(command("git").args(["cat-file", "-e", &format!("{commit}:proto")])))
        .collect()
}
