//! Who may know whom, all the way down.
//!
//! Invariant: what decides does no IO, and what checks it shares none of its code.

use std::collections::BTreeSet;

use anyhow::{Result, bail};

use crate::command::{cargo, output};

/// A crate, and what its dependency tree must not hold.
struct Ban {
    of: &'static str,
    banned: &'static [&'static str],
    reason: &'static str,
}

const BANS: [Ban; 4] = [
    Ban {
        of: "domain",
        banned: &[
            "async-std",
            "axum",
            "chassis",
            "contracts",
            "engine",
            "ephemera",
            "eventlog",
            "futures-io",
            "h2",
            "hyper",
            "mio",
            "prost",
            "rdkafka",
            "redis",
            "reqwest",
            "rustls",
            "smol",
            "socket2",
            "spool",
            "sqlx",
            "tokio",
            "tonic",
            "tracing",
            "tungstenite",
            "ureq",
        ],
        reason: "customer success itself does no IO, has no clock and throws no dice",
    },
    Ban {
        of: "oracle",
        banned: &["contracts", "domain", "engine", "eventlog", "testkit"],
        reason: "it checks them, so it shares nothing with them",
    },
    Ban {
        of: "engine",
        banned: &["contracts", "domain", "ephemera"],
        reason: "the engine does not know what a score is, and no fold sees what may be lost",
    },
    Ban {
        of: "chassis",
        banned: &["contracts", "domain", "ephemera"],
        reason: "the chassis knows nothing of customer success",
    },
];

pub(crate) fn check() -> Result<()> {
    let mut faults = Vec::new();
    for ban in BANS {
        let below = tree(ban.of)?;
        let found: Vec<_> = ban.banned.iter().filter(|name| below.contains(**name)).copied().collect();
        println!("{}: {} crates below it, {} of those banned", ban.of, below.len() - 1, found.len());
        faults.extend(found.iter().map(|name| format!("{} depends on {name}: {}", ban.of, ban.reason)));
    }
    if !faults.is_empty() {
        bail!("{}", faults.join("\n"));
    }
    Ok(())
}

/// The names of a crate and everything it is built from.
fn tree(of: &str) -> Result<BTreeSet<String>> {
    let tree = output(cargo().args([
        "tree",
        "-p",
        of,
        "-e",
        "normal,build",
        "--prefix",
        "none",
        "--format",
        "{p}",
    ]))?;
    Ok(tree.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect())
}
