//! `cargo xtask chaos`: a cluster of local binaries among faults, compared with the oracle.

use anyhow::Result;

use crate::command::{self, cargo};
use crate::tools;

/// So many faults, drawn from the seed, while so many events come a second.
pub(crate) fn run(seed: u64, faults: u64, rate: u64) -> Result<()> {
    tools::postgres()?;
    let mut chaos = cargo();
    // Of the whole workspace, as the tests are built.
    chaos.args(["test", "--workspace", "--profile", "checked", "--test", "laptop"]);
    chaos.args(["--", "--nocapture", "--exact", "chaos::a_cluster_survives_what_clusters_do"]);
    chaos.env("TEST_KAFKA", tools::kafka()?).env("TEST_REDIS", tools::redis()?);
    let told = [("CHAOS_SEED", seed), ("CHAOS_FAULTS", faults), ("CHAOS_RATE", rate)];
    chaos.envs(told.map(|(name, number)| (name, number.to_string())));
    command::run(&mut chaos)
}
