//! CloudEvents from a topic of somebody else's in a real Kafka, made by the Python SDK, each delivered twice.

use std::{
    io::Write,
    process::{Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use contracts::{account::account_record, log::ClockKind};
use eventlog::kafka::KafkaOptions;
use serde_json::{Value as Json, json};
use testkit::servers::kafka;

use crate::support::Ingest;

const SOON: Duration = Duration::from_secs(60);
static TOPICS: AtomicU32 = AtomicU32::new(0);

/// A topic of somebody else's.
struct Theirs {
    topic: String,
    options: KafkaOptions,
}

impl Theirs {
    async fn new() -> anyhow::Result<Self> {
        let topic = format!("shop.events.{}", TOPICS.fetch_add(1, Ordering::Relaxed));
        let theirs = Self { topic, options: kafka().topics().await? };
        theirs.python("make", &Json::Null).await?;
        Ok(theirs)
    }

    fn config(&self) -> ingest::Config {
        let from = ingest::EventsFrom { topic: self.topic.clone(), workspace: "acme".into() };
        ingest::Config { events_from: vec![from], ..ingest::Config::default() }
    }

    async fn ingest(&self) -> anyhow::Result<Ingest> {
        Ingest::start_reading(self.options.clone(), self.config()).await
    }

    /// Puts each of them there twice.
    async fn send(&self, items: &[Json]) -> anyhow::Result<()> {
        self.python("send", &items.into()).await
    }

    async fn python(&self, task: &str, said: &Json) -> anyhow::Result<()> {
        let python = std::env::var_os("TEST_PYTHON").context(
            "TEST_PYTHON must name a Python that has `cloudevents` (`cargo xtask test` makes one)",
        )?;
        let mut sdk = Command::new(python);
        sdk.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/cloudevents_sdk.py"));
        sdk.args([&kafka().brokers(), &self.topic, task]);
        let said = said.to_string();
        let output = tokio::task::spawn_blocking(move || -> anyhow::Result<_> {
            let mut child = sdk.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
            child.stdin.take().context("no input")?.write_all(said.as_bytes())?;
            Ok(child.wait_with_output()?)
        });
        let output = output.await??;
        ensure!(output.status.success(), "the SDK failed: {}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }
}

fn event(mode: &str, id: u32, attributes: &Json, data: &Json) -> Json {
    let mut said =
        json!({"id": id.to_string(), "source": "/shop", "type": "Order Completed", "specversion": "1.0"});
    for (name, value) in attributes.as_object().into_iter().flatten() {
        said[name] = value.clone();
    }
    json!({"mode": mode, "attributes": said, "data": data})
}

/// Waits until so many came out so.
async fn until(ingest: &Ingest, outcome: &str, count: u64) -> anyhow::Result<()> {
    let (metric, begun) = (format!("perennial_cloudevents_total{{outcome=\"{outcome}\"}}"), Instant::now());
    loop {
        let counted = ingest.counted(&metric).await?;
        if counted == count {
            return Ok(());
        }
        ensure!(counted < count && begun.elapsed() < SOON, "{counted} {outcome}, not {count}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until something had to wait.
async fn put_off(ingest: &Ingest) -> anyhow::Result<()> {
    let begun = Instant::now();
    while ingest.counted("perennial_cloudevents_total{outcome=\"put_off\"}").await? == 0 {
        ensure!(begun.elapsed() < SOON, "nothing has to wait");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// Account, name, original time and properties of the usage, sorted.
async fn usage(ingest: &Ingest, facts: usize) -> anyhow::Result<Vec<String>> {
    let facts = ingest.facts_soon("acme", facts).await?;
    let said = facts.into_iter().filter_map(|(header, kind)| match kind {
        account_record::Kind::Usage(it) => {
            let names: Vec<&str> = it.properties.iter().map(|property| property.name.as_str()).collect();
            let active = if it.active { "" } else { " by a program" };
            Some(format!("{}: {} at {}, {names:?}{active}", header.account, it.event, header.original_at))
        }
        _ => None,
    });
    let mut said: Vec<String> = said.collect();
    said.sort();
    Ok(said)
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_the_python_sdk_count_once_in_either_mode_however_often_they_come() -> anyhow::Result<()> {
    let theirs = Theirs::new().await?;
    let mut ingest = theirs.ingest().await?;
    ingest.workspace("acme", ClockKind::Wall).await?;
    let at = |second: u32| format!("2026-11-20T10:00:{second:02}+00:00");
    let json = "application/json";
    let data = json!({"revenue": 12.5, "items": {"count": 3}});
    theirs
        .send(&[
            event("structured", 1, &json!({"subject": "ada", "groupid": "globex", "time": at(1), "datacontenttype": json}), &data),
            event("binary", 2, &json!({"subject": "contact/ada", "groupid": "globex", "time": at(2), "datacontenttype": json}), &data),
            event("binary", 3, &json!({"groupid": "globex", "time": at(3), "datacontenttype": json, "partitionkey": "ada"}), &json!({})),
            event("structured", 4, &json!({"subject": "account/globex", "type": "Invoice Paid", "time": at(4)}), &json!({"sum": 1})),
            // Of another source: the same id is another event.
            event("binary", 1, &json!({"subject": "ada", "groupid": "globex", "source": "/else", "time": at(5)}), &json!({})),
        ])
        .await?;
    until(&ingest, "taken", 10).await?;
    // Who joins, ada and the program that paid, are facts too.
    let of = |second: u32| 1_795_168_800_000_i64 + i64::from(second) * 1_000;
    let expected = [
        format!("globex: Invoice Paid at {}, [\"sum\"] by a program", of(4)),
        format!("globex: Order Completed at {}, [\"items.count\", \"revenue\"]", of(1)),
        format!("globex: Order Completed at {}, [\"items.count\", \"revenue\"]", of(2)),
        format!("globex: Order Completed at {}, []", of(3)),
        format!("globex: Order Completed at {}, []", of(5)),
    ];
    assert_eq!(usage(&ingest, 7).await?, expected);
    assert_eq!(ingest.contact_in("acme", "ada", &["globex"]).await?.accounts, ["globex"]);
    ingest.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_makes_no_sense_goes_to_quarantine_once_and_tombstones_are_ignored() -> anyhow::Result<()> {
    let theirs = Theirs::new().await?;
    let mut ingest = theirs.ingest().await?;
    ingest.workspace("acme", ClockKind::Wall).await?;
    let headers = json!({"ce_specversion": "1.0", "ce_id": "7", "ce_source": "/shop", "ce_type": "E", "ce_subject": "ada"});
    theirs
        .send(&[
            event("structured", 1, &json!({}), &json!({})),
            event("binary", 2, &json!({"subject": "ada", "datacontenttype": "text/plain"}), &json!("hi")),
            json!({"mode": "raw", "headers": {"content-type": "application/cloudevents+json"}, "value": "\u{ff}\u{fe}{"}),
            json!({"mode": "raw", "headers": {}, "value": "{\"orders\": 1}"}),
            json!({"mode": "raw", "headers": headers, "value": null}),
            event("binary", 3, &json!({"subject": "ada", "groupid": "globex"}), &json!({})),
        ])
        .await?;
    until(&ingest, "taken", 2).await?;
    until(&ingest, "quarantined", 8).await?;
    until(&ingest, "ignored", 2).await?;
    let mut codes = ingest.quarantined_soon("acme", 4).await?;
    codes.sort();
    assert_eq!(codes, ["BAD_DATA", "NOT_JSON", "NO_USER", "UNKNOWN_VERSION"]);
    assert_eq!(usage(&ingest, 2).await?.len(), 1);
    ingest.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_inbox_has_not_acknowledged_is_read_again_and_the_rest_is_not() -> anyhow::Result<()> {
    let theirs = Theirs::new().await?;
    let mut ingest = theirs.ingest().await?;
    ingest.workspace("acme", ClockKind::Wall).await?;
    let order = |id| event("structured", id, &json!({"subject": "ada", "groupid": "globex"}), &json!({}));
    theirs.send(&[order(1)]).await?;
    until(&ingest, "taken", 2).await?;
    usage(&ingest, 2).await?;
    ingest.switch.turn_off();
    theirs.send(&[order(2), order(3)]).await?;
    put_off(&ingest).await?;
    let ingest = ingest.restart_with(theirs.config()).await?;
    until(&ingest, "taken", 4).await?;
    assert_eq!(usage(&ingest, 4).await?.len(), 3);
    theirs.send(&[order(4)]).await?;
    until(&ingest, "taken", 6).await?;
    assert_eq!(usage(&ingest, 5).await?.len(), 4);
    ingest.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_is_not_there_ends_it_and_is_named() -> anyhow::Result<()> {
    let theirs = Theirs { topic: "no.such.topic".into(), options: kafka().topics().await? };
    let error = theirs.ingest().await?.ended().await.err().context("it ended well")?;
    let said = format!("{error:#}");
    ensure!(said.contains("there is no topic \"no.such.topic\""), "{said}");
    Ok(())
}
