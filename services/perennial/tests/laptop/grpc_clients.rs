//! gRPC from another language: by stubs generated from `proto/`, and by nothing but what the server says of itself.

use std::{path::Path, process::Command};

use anyhow::{Context, Result, ensure};
use serde_json::{Value as Json, json};

use crate::{
    process::{Home, Perennial, alone},
    stage::Stage,
};

const PROTO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../proto");

#[tokio::test(flavor = "multi_thread")]
async fn a_client_in_another_language_and_one_that_knows_no_contract_find_all_they_need() -> Result<()> {
    let _alone = alone().await;
    // On Kafka, which no client can tell.
    let stage = Stage::new(Home::new(20)?.on_kafka().await?).await?;
    understood(&stage).await.with_context(|| format!("it said:\n{}\n", stage.home.complaints()))?;
    stage.close().await
}

async fn understood(stage: &Stage) -> Result<()> {
    let mut process = Perennial::start(&stage.home).await?;
    let address = process.ready().await?.grpc;
    let address = address.strip_prefix("http://").unwrap_or(&address);
    let generated = stage.home.folder().join("generated");
    std::fs::create_dir(&generated)?;
    let told = run("grpc_generated.py", &[Path::new(address), Path::new(PROTO), &generated]).await?;
    let expected = json!({
        "taken_already": "ALREADY_EXISTS", "invalid": "INVALID_ARGUMENT", "version": 2, "exported": true,
        "accepted": 4, "quarantined": 1, "band": "BAND_GREEN", "member": "acme",
        "title": "Offer more seats", "opened": "CTA_STATE_OPEN", "closed": "CTA_STATE_CLOSED",
        "outcome": "saved", "by": "cs@example.com", "repeated": true, "unknown": "NOT_FOUND",
    });
    ensure!(told == expected, "the generated client was told {told}");
    check_reflected(&run("grpc_reflected.py", &[Path::new(address)]).await?)?;
    let (status, _) = process.terminate().await?;
    ensure!(status.success(), "it ended with {status}");
    Ok(())
}

fn check_reflected(told: &Json) -> Result<()> {
    let services = told["services"].as_array().context("no services")?;
    let of_ours = ["catalogue", "cta", "health", "renewal", "segment"].map(|name| {
        let (first, rest) = name.split_at(1);
        format!("perennial.{name}.v1.{}{rest}Service", first.to_uppercase())
    });
    let of_ingest = ["AdminService", "IngestService"].map(|name| format!("perennial.ingest.v1.{name}"));
    for service in of_ours.iter().chain(&of_ingest) {
        ensure!(services.contains(&json!(service)), "{service} is not told of: {told}");
    }
    ensure!(told["callable"] == true && told["serving"] == "SERVING", "{told}");
    ensure!(told["workspace"]["events"] == "4", "{told}");
    ensure!(told["health"]["score"] == 80 && told["health"]["band"] == "BAND_GREEN", "{told}");
    let ctas = told["ctas"].as_array().context("no CTAs")?;
    ensure!(ctas.len() == 1 && ctas[0]["account"] == "acme" && ctas[0]["outcome"] == "saved", "{told}");
    Ok(())
}

/// What a program in Python prints.
async fn run(script: &str, arguments: &[&Path]) -> Result<Json> {
    let python = std::env::var_os("TEST_PYTHON")
        .context("TEST_PYTHON must name a Python that has `grpcio-tools` (`cargo xtask test` makes one)")?;
    let mut program = Command::new(python);
    program.arg(format!("{}/tests/laptop/{script}", env!("CARGO_MANIFEST_DIR"))).args(arguments);
    let output = tokio::task::spawn_blocking(move || program.output()).await??;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{script} failed: {said}");
    serde_json::from_slice(&output.stdout).with_context(|| said.into_owned())
}
