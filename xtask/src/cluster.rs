//! `cargo xtask cluster`: a cluster to try out, from local binaries.

use anyhow::Result;

use crate::command::{self, cargo, root};
use crate::tools;

pub(crate) fn run() -> Result<()> {
    tools::postgres()?;
    let (jars, redis) = (tools::kafka()?, tools::redis()?);
    command::run(cargo().args(["build", "--release", "-p", "perennial"]))?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), Into::into);
    let mut cluster = cargo();
    cluster.args(["run", "--release", "-q", "-p", "testkit", "--example", "cluster", "--"]);
    cluster.env("TEST_KAFKA", jars).env("TEST_REDIS", redis);
    // It takes this process's place, so that who ends this one ends it.
    command::become_it(cluster.arg(target.join("release/perennial")))
}
