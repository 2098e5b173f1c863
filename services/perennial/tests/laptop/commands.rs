//! The operator's commands as typed: what they say, and how they end.

use std::process::Output;

use anyhow::{Context, Result, ensure};
use testkit::servers::kafka;
use tokio::task::spawn_blocking;

use crate::process::program;

/// Ends so, and says these; on standard output if it is well.
struct Said {
    status: i32,
    out: String,
    err: String,
}

async fn run(words: &[&str], environment: &[(&str, &str)]) -> Result<Said> {
    let mut command = program();
    command.args(words).envs(environment.iter().copied());
    let Output { status, stdout, stderr } = spawn_blocking(move || command.output()).await??;
    let (out, err) = (String::from_utf8(stdout)?, String::from_utf8(stderr)?);
    Ok(Said { status: status.code().context("it was killed")?, out, err })
}

#[tokio::test(flavor = "multi_thread")]
async fn topics_are_told_apart_made_and_found_to_be_as_they_must_be() -> Result<()> {
    let options = kafka().options();
    let (brokers, prefix) =
        (format!("--kafka-brokers={}", options.brokers), format!("--kafka-prefix={}", options.prefix));
    let topics =
        async |action: &str| run(&["topics", action, &brokers, &prefix, "--kafka-replication=1"], &[]).await;
    let missing = topics("diff").await?;
    ensure!(missing.status == 1, "{}", missing.out);
    let first = format!("topic {}perennial.inbox.v1 is missing\n", options.prefix);
    ensure!(missing.out.starts_with(&first), "{}", missing.out);
    ensure!(missing.err.contains("8 differences, 8 of which `topics apply` mends"), "{}", missing.err);
    let made = topics("apply").await?;
    ensure!(made.status == 0 && made.out.matches(": made\n").count() == 8, "{}{}", made.out, made.err);
    let well = topics("diff").await?;
    ensure!(well.status == 0 && well.out.contains("are as they must be"), "{}{}", well.out, well.err);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setting_goes_by_flag_then_environment_then_file() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("perennial.yaml");
    std::fs::write(&file, "kafka-brokers: [127.0.0.1:1, 127.0.0.1:2]\nkafka-prefix: file-\n")?;
    let config = format!("--config={}", file.display());
    let from_file = run(&["config", "--explain", "topics", &config], &[]).await?.out;
    ensure!(from_file.contains("is 127.0.0.1:1,127.0.0.1:2, from "), "{from_file}");
    ensure!(from_file.contains("is file-, from "), "{from_file}");
    let named = [("PERENNIAL_KAFKA_PREFIX", "environment-")];
    let over_file = run(&["config", "--explain", "topics", &config], &named).await?.out;
    ensure!(over_file.contains("is environment-, from the environment"), "{over_file}");
    // As a command does: its message says where it asked.
    let refused = run(&["topics", "diff", &config, "--kafka-brokers=nowhere.invalid:9"], &named).await?;
    ensure!(refused.status == 1 && refused.err.contains("Kafka at nowhere.invalid:9"), "{}", refused.err);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_there_is_not_is_refused_with_the_nearest_one_wherever_it_stands() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("perennial.yaml");
    std::fs::write(&file, "log: info\nkafka-broker: x\n")?;
    let config = format!("--config={}", file.display());
    for (words, environment, said) in [
        (&["ingest", "--kafka-broker=x"][..], &[][..], "--kafka-brokers"),
        (&["ingest"], &[("PERENNIAL_KAFKA_BROKER", "x")], "did you mean `PERENNIAL_KAFKA_BROKERS`?"),
        (&["keys", "list"], &[("PERENNIAL_WORKSPAC", "x")], "did you mean `PERENNIAL_WORKSPACE`?"),
        (&["ingest", &config], &[], "perennial.yaml:2:1: kafka-broker: unknown key"),
    ] {
        let refused = run(words, environment).await?;
        ensure!(refused.status != 0 && refused.err.contains(said), "{words:?}: {}", refused.err);
    }
    Ok(())
}
