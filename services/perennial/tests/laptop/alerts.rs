//! From an event to somebody who reads it: in Slack and by e-mail, with the names that stand in no log.

use std::process::Output;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use axum::{Router, extract::State, routing::post};
use chassis::Tasks;
use contracts::log::ClockKind;
use serde_json::{Value as Json, json};
use tokio::{
    net::TcpListener,
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    task::spawn_blocking,
    time::timeout,
};

use crate::{
    process::{Home, Perennial, alone, program},
    smtp::MailServer,
    stage::Stage,
};

const SOON: Duration = Duration::from_secs(60);
const WORKSPACE: &str = "acme";

const CATALOGUE: &str = r#"
endpoints: {alerts: {slack: {}}, mail: {email: {}}}
messages:
  alert:
    facts:
      traits: [plan]
      contacts: {where: {days_since_last_seen: {at_most: 14}}, most: 3, traits: [role]}
    text: "{{ name }} ({{ traits.plan }}): {% for contact in contacts %}{{ contact.name }}, {{ contact.traits.role }}{% endfor %} {% if owner %}{{ owner.mention }}{% endif %}"
playbooks:
  exit:
    trigger: {event: {name: Cancellation Viewed}}
    steps:
      - open_cta: {type: risk, title: Call today, priority: 1}
      - notify: {endpoint: alerts, message: alert}
      - notify: {endpoint: mail, message: alert}
"#;

/// Takes what is posted, and says ok.
async fn slack(tasks: &Tasks) -> Result<(String, UnboundedReceiver<String>)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/services/T0/B0/secret", listener.local_addr()?);
    let (sender, posted) = unbounded_channel();
    let take = async |State(sender): State<UnboundedSender<String>>, body: String| {
        let _ = sender.send(body);
        "ok"
    };
    let router = Router::new().route("/services/T0/B0/secret", post(take)).with_state(sender);
    chassis::http::serve(listener, router, tasks)?;
    Ok((url, posted))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_told_in_slack_and_by_mail_with_names_that_stand_in_no_log() -> Result<()> {
    let _alone = alone().await;
    let server = MailServer::start([]).await?;
    let from = "--mail-from=Perennial <cs@example.com>".to_owned();
    let home = Home::new(20)?.telling([format!("--smtp-url={}", server.url()), from]);
    let stage = Stage::new(home).await?;
    told(&stage, server).await.with_context(|| format!("it said:\n{}\n", stage.home.complaints()))?;
    stage.close().await
}

async fn told(stage: &Stage, mut server: MailServer) -> Result<()> {
    let mut process = Perennial::start(&stage.home).await?;
    let grpc = process.ready().await?.grpc;
    let (url, mut posted) = slack(stage.tasks()).await?;
    stage.client.create(WORKSPACE, ClockKind::Wall).await?;
    let key = stage.client.write_key(WORKSPACE).await?;
    let file = stage.home.folder().join("catalogue.yaml");
    std::fs::write(&file, CATALOGUE)?;
    run(&["apply", "-f", file.to_str().context("a path")?], &grpc).await?;
    let shown = run(&["endpoints", "set", "alerts", "--slack-webhook", &url], &grpc).await?;
    ensure!(shown.contains("…cret") && !shown.contains("B0"), "{shown}");
    let ana =
        ["team", "set", "ana", "--name", "Ana Ruiz", "--email", "ana@example.com", "--slack-member", "U01"];
    run(&ana, &grpc).await?;
    for call in calls() {
        stage.client.send(&key, &call).await?;
    }
    let body = timeout(SOON, posted.recv()).await.context("nothing is posted")?.context("no Slack")?;
    let message: Json = serde_json::from_str(&body)?;
    let text = message["blocks"][0]["text"]["text"].as_str().unwrap_or_default();
    ensure!(text == "Acme &amp; Sons (pro): Tom Lee, buyer <@U01>", "{body}");
    let letter = server.letter().await?;
    ensure!(letter.to.contains("<ana@example.com>"), "{letter:?}");
    ensure!(letter.header("Subject") == Some("Acme & Sons: exit"), "{letter:?}");
    ensure!(letter.data.contains("Acme & Sons (pro): Tom Lee, buyer Ana Ruiz"), "{letter:?}");
    let bodies = run(&["notifications", "ls", "--output", "json"], &grpc).await?;
    ensure!(bodies.contains("buyer") && !bodies.contains("Tom"), "{bodies}");
    process.is_up()
}

/// Who they are, whose account it is, and what they did.
fn calls() -> [Json; 3] {
    let traits = json!({"name": "Acme & Sons", "plan": "pro", "owner": "ana"});
    let of = json!({"groupId": "a1"});
    [
        json!({"type": "group", "userId": "u1", "groupId": "a1", "traits": traits}),
        json!({
            "type": "identify", "userId": "u1", "context": of,
            "traits": {"firstName": "Tom", "lastName": "Lee", "role": "buyer"},
        }),
        json!({"type": "track", "userId": "u1", "event": "Cancellation Viewed", "context": of}),
    ]
}

async fn run(words: &[&str], grpc: &str) -> Result<String> {
    let mut command = program();
    command.args(words).args(["--grpc", grpc, "-w", WORKSPACE]);
    let Output { status, stdout, stderr } = spawn_blocking(move || command.output()).await??;
    ensure!(status.success(), "{words:?}: {}", String::from_utf8_lossy(&stderr));
    Ok(String::from_utf8(stdout)?)
}
