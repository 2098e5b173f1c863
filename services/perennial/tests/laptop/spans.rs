//! The spans of one event's way, as a collector gets them from every process.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use chassis::Tasks;
use contracts::log::ClockKind;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use serde_json::Value as Json;
use testkit::cluster::{Cluster, SERVICES};
use tokio::{
    sync::watch,
    time::{Duration, timeout},
};

use crate::{
    client::Client,
    collector::{Collector, Seen},
    metrics::sum,
    process::{Addresses, Home, Perennial, alone},
    receiver::Receiver,
    script::{LIVE, live_catalogue, live_order},
    stage::Stage,
};

/// Two requests that are to be recorded, and one that is not.
const FIRST: &str = "0af7651916cd43dd8448eb211c80319c";
const SECOND: &str = "1af7651916cd43dd8448eb211c80319c";
const QUIET: &str = "2af7651916cd43dd8448eb211c80319c";
const CALLER: &str = "b7ad6b7169203331";
/// What each service decides of an order that changes the score and enters a segment.
const DECIDED: [(&str, &str); 8] = [
    ("ingest", "fact"),
    ("health-score", "HealthChanged"),
    ("segmentation", "MembershipChanged"),
    ("workflow", "RunAdvanced"),
    ("workflow", "CtaChanged"),
    ("workflow", "NotificationRequested"),
    ("workflow", "AttemptDue"),
    ("workflow", "NotificationSettled"),
];
const SOON: Duration = Duration::from_secs(60);
const END: Duration = Duration::from_secs(20);

/// A cluster of one replica each, who speaks to it, and who listens.
struct World {
    cluster: Cluster,
    collector: Collector,
    receiver: Receiver,
    ingest: (watch::Sender<Option<Addresses>>, Client),
    workflow: (watch::Sender<Option<Addresses>>, Client),
    tasks: Tasks,
}

impl World {
    async fn new() -> Result<Self> {
        let tasks = Tasks::new();
        let (collector, receiver) = (Collector::start(&tasks).await?, Receiver::start(&tasks).await?);
        let cluster = Cluster::new(env!("CARGO_BIN_EXE_perennial")).await?;
        let cluster = cluster.telling("workflow", &["--allow-loopback-webhooks"]);
        let arguments = collector.arguments();
        let mut cluster = cluster.telling_all(&arguments.each_ref().map(String::as_str));
        tokio::task::block_in_place(|| cluster.start_all(1))?;
        let spoken_to = || {
            let (here, answers) = watch::channel(None);
            Ok::<_, anyhow::Error>((here, Client::new(answers)?))
        };
        let (ingest, workflow) = (spoken_to()?, spoken_to()?);
        let world = Self { cluster, collector, receiver, ingest, workflow, tasks };
        world.find()?;
        Ok(world)
    }

    fn client(&self) -> &Client {
        &self.ingest.1
    }

    /// Where the services answer now.
    fn find(&self) -> Result<()> {
        for (service, (here, _)) in [("ingest", &self.ingest), ("workflow", &self.workflow)] {
            let replica = self.cluster.replica(service, 0).context(service)?;
            here.send_replace(Some(Addresses { http: replica.http.clone(), grpc: replica.grpc.clone() }));
        }
        Ok(())
    }

    /// Takes every process away as a crash would, and starts it again.
    fn crash(&mut self) -> Result<()> {
        for service in SERVICES {
            self.cluster.kill(service, 0)?;
        }
        self.cluster.start_all(1)?;
        self.find()
    }

    /// How often something was counted by a service.
    async fn counted(&self, service: &'static str, name: &str) -> Result<u64> {
        let url = format!("{}/metrics", self.cluster.replica(service, 0).context(service)?.http);
        sum(&reqwest::get(url).await?.text().await?, name)
    }
}

/// With the second order the score changes, and the account enters `regular`.
fn catalogue(url: &str) -> Json {
    let mut document = live_catalogue(url);
    document["segments"]["regular"]["when"]["at_least"] = 2.into();
    document
}

#[tokio::test(flavor = "multi_thread")]
async fn one_trace_goes_from_the_request_over_every_process_to_the_webhook_and_no_crash_tells_it_again()
-> Result<()> {
    let _alone = alone().await;
    let mut world = World::new().await?;
    let told = traced(&mut world).await;
    told.with_context(|| format!("they said:\n{}", world.cluster.complaints()))?;
    world.tasks.stop();
    world.tasks.finish(END).await
}

async fn traced(world: &mut World) -> Result<()> {
    world.client().create(LIVE, ClockKind::Wall).await?;
    let key = world.client().write_key(LIVE).await?;
    world.client().apply(LIVE, &catalogue(&world.receiver.url(LIVE))).await?;
    world.receiver.trust(LIVE, &world.workflow.1.secret(LIVE).await?)?;
    order(world, &key, QUIET, "00", 1).await?;
    timeout(SOON, world.receiver.reach(1)).await.context("no webhook of the first order")?;
    order(world, &key, FIRST, "01", 2).await?;
    let told = world.collector.until(FIRST, |spans| is_over(spans, 2, &DECIDED)).await?;
    check_way(&told)?;
    check_names(&told)?;
    let instances = check_processes(&told)?;

    tokio::task::block_in_place(|| world.crash())?;
    order(world, &key, SECOND, "01", 3).await?;
    let later = world.collector.until(SECOND, |spans| is_over(spans, 1, &[])).await?;
    check_way(&later)?;
    ensure!(check_processes(&later)?.is_disjoint(&instances), "a process was not started again");
    for service in SERVICES {
        ensure!(
            world.counted(service, "perennial_worker_folded_total").await? > 0,
            "{service} folded nothing"
        );
    }
    for service in ["health-score", "segmentation", "workflow"] {
        let refolded = world.counted(service, "perennial_worker_refolded_total").await?;
        ensure!(refolded > 0, "{service} folded nothing again");
    }
    let again = world.collector.of(FIRST).len();
    ensure!(again == told.len(), "{} spans became {again}", told.len());
    let others =
        world.collector.seen().into_iter().find(|span| ![FIRST, SECOND].contains(&span.trace.as_str()));
    ensure!(others.is_none(), "it was not to be recorded: {others:?}");
    Ok(())
}

async fn order(world: &World, key: &str, trace: &str, flags: &str, number: usize) -> Result<()> {
    let within = format!("00-{trace}-{CALLER}-{flags}");
    let answer = world.client().post_within(key, &within, &live_order(1, number)).await?;
    ensure!(answer.status == 200, "{answer:?}");
    Ok(())
}

fn named<'a>(spans: &'a [Seen], name: &'a str) -> impl Iterator<Item = &'a Seen> {
    spans.iter().filter(move |span| span.name == name)
}

fn decided<'a>(spans: &'a [Seen], what: &'a str) -> impl Iterator<Item = &'a Seen> {
    spans.iter().filter(move |span| span.says("perennial.to", what))
}

/// This was decided, so many webhooks were called, and those that were taken are settled. (The receiver is out of order
/// now and then; what is made again is due by time, and begins no trace.)
fn is_over(spans: &[Seen], calls: usize, all: &[(&str, &str)]) -> bool {
    let taken = named(spans, "POST").filter(|call| call.says("http.response.status_code", "200")).count();
    named(spans, "POST").count() == calls
        && named(spans, "attempt").count() == calls
        && named(spans, "send perennial.account.v1").count() == calls
        && named(spans, "POST /v1/{call}").count() == 1
        && decided(spans, "NotificationSettled").count() == taken
        && decided(spans, "AttemptDue").count() >= calls
        && all.iter().all(|(_, what)| decided(spans, what).next().is_some())
}

/// Each span within the one that it follows from, and none twice.
fn check_way(spans: &[Seen]) -> Result<()> {
    let by_id: BTreeMap<&str, &Seen> = spans.iter().map(|span| (span.id.as_str(), span)).collect();
    ensure!(by_id.len() == spans.len(), "a span was told twice: {spans:#?}");
    for span in spans {
        let parent = by_id.get(span.parent.as_str()).map(|parent| parent.name.as_str());
        let is_right = match span.name.as_str() {
            "POST /v1/{call}" => span.parent == CALLER,
            "send perennial.inbox.v1" => parent == Some("POST /v1/{call}"),
            "forward perennial.inbox.v1" => parent == Some("send perennial.inbox.v1"),
            "decide perennial.account.v1" => {
                matches!(parent, Some("forward perennial.inbox.v1" | "send perennial.account.v1"))
            }
            "attempt" => {
                by_id.get(span.parent.as_str()).is_some_and(|it| it.says("perennial.to", "AttemptDue"))
            }
            "POST" | "send perennial.account.v1" => parent == Some("attempt"),
            _ => false,
        };
        ensure!(is_right, "{span:#?}\nis within {parent:?}");
        ensure!(span.took_ns < SOON.as_nanos() as u64, "{span:?}");
    }
    Ok(())
}

/// What each service decided, and what OpenTelemetry's conventions ask for.
fn check_names(spans: &[Seen]) -> Result<()> {
    for (service, what) in DECIDED {
        let span = decided(spans, what).next().with_context(|| format!("no {what} in {spans:#?}"))?;
        ensure!(span.service == service && span.says("messaging.consumer.group.name", service), "{span:?}");
        ensure!(span.kind == SpanKind::Consumer, "{span:?}");
        ensure!(
            span.says("perennial.account", "account-1") && span.says("perennial.workspace", LIVE),
            "{span:?}"
        );
    }
    for span in spans.iter().filter(|span| span.said.contains_key("messaging.system")) {
        ensure!(span.says("messaging.system", "kafka"), "{span:?}");
        let (operation, topic) = span.name.split_once(' ').context("one word")?;
        ensure!(span.says("messaging.operation.name", operation), "{span:?}");
        ensure!(span.says("messaging.destination.name", topic), "{span:?}");
    }
    for (name, kind) in [
        ("POST /v1/{call}", SpanKind::Server),
        ("send perennial.inbox.v1", SpanKind::Producer),
        ("attempt", SpanKind::Internal),
        ("POST", SpanKind::Client),
        ("send perennial.account.v1", SpanKind::Producer),
    ] {
        ensure!(named(spans, name).all(|span| span.kind == kind), "{name} of another kind");
    }
    let request = named(spans, "POST /v1/{call}").next().context("no request")?;
    ensure!(
        request.says("http.response.status_code", "200") && request.says("url.path", "/v1/track"),
        "{request:?}"
    );
    Ok(())
}

/// Every service said something, each by one process; which those are.
fn check_processes(spans: &[Seen]) -> Result<BTreeSet<String>> {
    let processes: BTreeSet<(&str, &str)> =
        spans.iter().map(|span| (span.service.as_str(), span.instance.as_str())).collect();
    let of = |service: &str| processes.iter().filter(|(of, _)| *of == service).count();
    ensure!(["ingest", "workflow"].into_iter().all(|service| of(service) == 1), "{processes:?}");
    ensure!(
        processes.iter().all(|(of, instance)| SERVICES.contains(of) && instance.len() == 36),
        "{processes:?}"
    );
    Ok(processes.into_iter().map(|(_, instance)| instance.to_owned()).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_process_has_not_sent_yet_it_sends_before_it_ends() -> Result<()> {
    let _alone = alone().await;
    let tasks = Tasks::new();
    let collector = Collector::start(&tasks).await?;
    to(&collector, Home::new(20)?).await?;
    tasks.stop();
    tasks.finish(END).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_may_be_asked_over_tls_and_the_log_be_in_kafka() -> Result<()> {
    let _alone = alone().await;
    let tasks = Tasks::new();
    let (collector, certificate) = Collector::over_tls(&tasks).await?;
    to(&collector, Home::new(20)?.on_kafka().await?.trusting(&certificate)?).await?;
    tasks.stop();
    tasks.finish(END).await
}

async fn to(collector: &Collector, home: Home) -> Result<()> {
    let stage = Stage::new(home.telling(collector.arguments())).await?;
    flushed(&stage, collector).await.with_context(|| format!("it said:\n{}\n", stage.home.complaints()))?;
    stage.close().await
}

async fn flushed(stage: &Stage, collector: &Collector) -> Result<()> {
    let process = Perennial::start(&stage.home).await?;
    stage.client.create(LIVE, ClockKind::Wall).await?;
    let key = stage.client.write_key(LIVE).await?;
    stage.client.apply(LIVE, &live_catalogue(&stage.receiver.url(LIVE))).await?;
    stage.receiver.trust(LIVE, &stage.client.secret(LIVE).await?)?;
    let within = format!("00-{FIRST}-{CALLER}-01");
    let answer = stage.client.post_within(&key, &within, &live_order(1, 1)).await?;
    ensure!(answer.status == 200, "{answer:?}");
    timeout(SOON, stage.receiver.reach(1)).await.context("no webhook")?;
    let (status, _) = process.terminate().await?;
    ensure!(status.success(), "it ended with {status}");
    let spans = collector.of(FIRST);
    check_way(&spans)?;
    // With its first event the contact joins the account, which is a fact too.
    for (name, count) in [
        ("POST /v1/{call}", 1),
        ("send perennial.inbox.v1", 1),
        ("forward perennial.inbox.v1", 2),
        ("attempt", 1),
        ("POST", 1),
        ("send perennial.account.v1", 1),
    ] {
        ensure!(named(&spans, name).count() == count, "{name}: {spans:#?}");
    }
    ensure!(spans.iter().all(|span| span.service == "perennial"), "{spans:#?}");
    Ok(())
}
