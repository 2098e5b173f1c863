//! From a request to the webhook that it leads to, and five round trips through the log beside that.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use axum::{Router, body::Bytes, routing::post};
use chassis::Tasks;
use contracts::{
    catalogue::{
        ApplyCatalogueRequest, ExportCatalogueRequest, catalogue_service_client::CatalogueServiceClient,
    },
    cta::{ListEndpointsRequest, cta_service_client::CtaServiceClient},
};
use eventlog::{Log, NewRecord, Topic, TopicPartition};
use serde_json::{Value, json};
use testkit::measure::percentile;
use tokio::{net::TcpListener, sync::mpsc};

use super::{
    asking::{Doors, PATIENCE, WORKSPACE},
    load::Sender,
};

/// Hears when each webhook arrives.
pub(crate) struct Calls(mpsc::UnboundedReceiver<Instant>);

impl Calls {
    /// A receiver, and a playbook that calls it at each event of its name.
    pub(crate) async fn receive(doors: &Doors, tasks: &Tasks) -> Result<Self> {
        let (sender, arrivals) = mpsc::unbounded_channel();
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/hook", listener.local_addr()?);
        let hook = post(move |_: Bytes| async move {
            // Nobody listens any more once the benchmark is over.
            let _ = sender.send(Instant::now());
        });
        chassis::http::serve(listener, Router::new().route("/hook", hook), tasks)?;
        add(doors, &url).await?;
        let mut ctas = CtaServiceClient::new(doors.channel("workflow").await?);
        let request = ListEndpointsRequest { workspace: WORKSPACE.to_owned(), ..Default::default() };
        let begun = Instant::now();
        while ctas.list_endpoints(request.clone()).await?.into_inner().endpoints.is_empty() {
            ensure!(begun.elapsed() < PATIENCE, "the endpoint is not known");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(Self(arrivals))
    }

    /// From the request's first byte to the webhook's body.
    pub(crate) async fn one(&mut self, sender: &Sender, number: usize) -> Result<Duration> {
        let body = json!({
            "event": "Support Escalated", "userId": "ana", "messageId": format!("w-{number}"),
            "context": {"groupId": "acme"},
        });
        let begun = Instant::now();
        sender.send("track", body.to_string()).await?;
        let arrived = tokio::time::timeout(PATIENCE, self.0.recv()).await?.context("the receiver is gone")?;
        Ok(arrived - begun)
    }
}

/// The endpoint and the playbook, beside what is defined already.
async fn add(doors: &Doors, url: &str) -> Result<()> {
    let mut catalogue = CatalogueServiceClient::new(doors.channel("ingest").await?);
    let request = ExportCatalogueRequest { workspace: WORKSPACE.to_owned(), ..Default::default() };
    let found = catalogue.export_catalogue(request).await?.into_inner();
    let mut document: Value = serde_json::from_str(&found.document)?;
    ensure!(document["scorecards"].is_array() && document["segments"].is_object(), "there is no starter");
    document["endpoints"]["bench"] = json!({ "url": url });
    document["playbooks"]["call"] = json!({
        "trigger": {"event": {"name": "Support Escalated"}}, "steps": [{"notify": {"endpoint": "bench"}}],
    });
    let request = ApplyCatalogueRequest {
        workspace: WORKSPACE.to_owned(),
        document: document.to_string(),
        based_on: Some(found.version),
        ..Default::default()
    };
    catalogue.apply_catalogue(request).await?;
    Ok(())
}

/// Five times: one record appended, and read.
pub(crate) async fn five_round_trips(log: &Arc<dyn Log>) -> Result<Duration> {
    let at = TopicPartition { topic: Topic::InboxDead, partition: 0 };
    let begun = Instant::now();
    for _ in 0..5 {
        let record = NewRecord { value: vec![7; 300].into(), traceparent: None };
        let appended = eventlog::append(log.as_ref(), at, vec![record]).await?;
        let reader = log.clone();
        let read = tokio::task::spawn_blocking(move || reader.fetch(at, appended.base_offset, 1)).await??;
        ensure!(read.len() == 1, "what was appended is read");
    }
    Ok(begun.elapsed())
}

/// Both beside each other: what is said, and the ratio at the 99th in a hundred.
pub(crate) fn compared(took: &[Duration], floor: &[Duration]) -> (String, f64) {
    let ratio = |percent| percentile(took, percent).as_secs_f64() / percentile(floor, percent).as_secs_f64();
    let said = format!(
        "request to webhook: p50 {:.2?}, p99 {:.2?}; floor, five append-to-read round trips: p50 {:.2?}, p99 {:.2?}; \
         ratio {:.2} at p50, {:.2} at p99",
        percentile(took, 50),
        percentile(took, 99),
        percentile(floor, 50),
        percentile(floor, 99),
        ratio(50),
        ratio(99)
    );
    (said, ratio(99))
}
