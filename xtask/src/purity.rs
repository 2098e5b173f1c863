//! Who may know whom, all the way down, and which tests must stand in two places.
//!
//! Invariant: what decides does no IO, and what checks it shares none of its code; a flow test of a service runs on both
//! logs.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail};

use crate::command::{cargo, output, root};

/// A crate, and what its dependency tree must not hold.
struct Ban {
    of: &'static str,
    banned: &'static [&'static str],
    reason: &'static str,
}

const BANS: [Ban; 6] = [
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
        of: "company",
        banned: &["contracts", "domain", "engine", "eventlog", "tokio"],
        reason: "what is true of a simulated company knows no rule that is to find it out",
    },
    Ban {
        of: "messages",
        banned: &["chassis", "contracts", "engine", "eventlog", "reqwest", "sqlx", "tokio", "tonic"],
        reason: "what is written follows from what is told, and is the same when it is tried out",
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

/// Services whose flow tests run with the log in Postgres, and in Kafka.
const TESTED_TWICE: [&str; 4] = ["ingest", "health-score", "segmentation", "workflow"];

pub(crate) fn check() -> Result<()> {
    let mut faults = Vec::new();
    for ban in BANS {
        let below = tree(ban.of)?;
        let found: Vec<_> = ban.banned.iter().filter(|name| below.contains(**name)).copied().collect();
        println!("{}: {} crates below it, {} of those banned", ban.of, below.len() - 1, found.len());
        faults.extend(found.iter().map(|name| format!("{} depends on {name}: {}", ban.of, ban.reason)));
    }
    for service in TESTED_TWICE {
        let of = |tests: &str| modules(&format!("services/{service}/tests/{tests}/main.rs"));
        let (it, on_kafka) = (of("it")?, of("on_kafka")?);
        faults.extend(it.difference(&on_kafka).map(|name| {
            format!("services/{service}/tests/on_kafka/main.rs leaves out {name}, which stands in tests/it")
        }));
    }
    if !faults.is_empty() {
        bail!("{}", faults.join("\n"));
    }
    Ok(())
}

/// The modules of a Rust file.
fn modules(file: &str) -> Result<BTreeSet<String>> {
    let text = std::fs::read_to_string(root().join(file)).with_context(|| file.to_owned())?;
    let name = |line: &str| Some(line.strip_prefix("mod ")?.strip_suffix(';')?.to_owned());
    Ok(text.lines().filter_map(name).collect())
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
