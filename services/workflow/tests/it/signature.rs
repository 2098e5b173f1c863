//! Signatures, verified by the official library of another language.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use anyhow::Context;
use contracts::account::NotificationState;
use serde_json::json;

use crate::{
    receiver::{Call, Receiver},
    support::{World, config},
};

#[tokio::test(flavor = "multi_thread")]
async fn the_official_library_verifies_a_call_and_refuses_a_changed_one() -> anyhow::Result<()> {
    let mut receiver = Receiver::start([]).await?;
    let mut world = World::start(config(), &receiver.url()).await?;
    let secret = world.endpoint().await?.secret;
    world.order(1).await?;
    let call = receiver.call().await?;
    world.notification(|it| it.state() == NotificationState::Delivered).await?;
    assert!(is_verified(&secret, &call)?);
    let changed = Call { body: call.body.replace("globex", "initech"), ..call };
    assert!(!is_verified(&secret, &changed)?);
    world.stop().await
}

fn is_verified(secret: &str, call: &Call) -> anyhow::Result<bool> {
    let python = std::env::var_os("TEST_PYTHON").context(
        "TEST_PYTHON must name a Python that has `standardwebhooks` (`cargo xtask test` makes one)",
    )?;
    let mut verifier = Command::new(python)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/verify_signature.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let message = json!({"secret": secret, "headers": call.headers, "body": call.body});
    verifier.stdin.take().context("no input")?.write_all(message.to_string().as_bytes())?;
    let output = verifier.wait_with_output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(output.status.success() || said.starts_with("refused"), "the verifier failed: {said}");
    Ok(output.status.success())
}
