//! What the demo found, asked of the public API: for people, and as a report for programs.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use contracts::account::CtaState;
use contracts::cta::ListCtasRequest;
use contracts::health::{CountBandsRequest, CountBandsResponse};
use contracts::segment::SegmentSummary;
use serde_json::{Map, Value, json};

use super::receiver::Received;
use crate::cli::Target;
use crate::commands::{explain, segments, workspaces};
use crate::{clients, output};

/// How long the count of events may take to follow.
const COUNTED: Duration = Duration::from_secs(10);

pub(crate) struct Findings {
    events: u64,
    bands: CountBandsResponse,
    segments: Vec<SegmentSummary>,
    ctas: u64,
    open_ctas: u64,
    webhooks: Received,
    /// One alert as it was delivered, and the account that it is about.
    alert: Option<(String, String)>,
}

impl Findings {
    pub(crate) async fn ask(target: &Target, sent: u64, webhooks: Received) -> Result<Self> {
        if webhooks.forged > 0 {
            bail!("{} webhooks came with a wrong signature", webhooks.forged);
        }
        let bands = CountBandsRequest { workspace: target.workspace.clone() };
        Ok(Self {
            events: events_of(target, sent).await?,
            bands: clients::health(&target.grpc).await?.count_bands(bands).await?.into_inner(),
            segments: sorted(segments::summaries(target, 1000).await?),
            ctas: count_ctas(target, CtaState::Unspecified).await?,
            open_ctas: count_ctas(target, CtaState::Open).await?,
            alert: alert(target, &webhooks).await?,
            webhooks,
        })
    }

    fn accounts(&self) -> u64 {
        let CountBandsResponse { red, yellow, green, unknown } = self.bands;
        red + yellow + green + unknown
    }

    /// Keys in alphabetical order, so that two reports compare as text.
    pub(crate) fn report(&self) -> Value {
        let segments = self.segments.iter().map(|segment| {
            let SegmentSummary { segment, members, enters, leaves, .. } = segment;
            (segment.clone(), json!({"enters": enters, "leaves": leaves, "members": members}))
        });
        json!({
            "accounts": self.accounts(),
            "ctas": self.ctas,
            "events": self.events,
            "segments": segments.collect::<Map<_, _>>(),
            "webhooks": {"delivered": self.webhooks.delivered, "distinct_ids": self.webhooks.ids.len()},
        })
    }

    pub(crate) fn in_words(&self) -> String {
        let CountBandsResponse { red, yellow, green, unknown } = self.bands;
        let rows: Vec<_> = self.segments.iter().map(segments::summary_row).collect();
        let segments = output::table(&["segment", "members", "enters", "leaves"], &rows);
        let mut text = format!(
            "{} accounts, {} events.\n\nHealth today: {red} red, {yellow} yellow, {green} green, {unknown} unknown.\n\n\
             {segments}\n\
             Calls to action: {} were opened, {} are open.\n\
             Webhooks: {} delivered, {} different ids, every signature checked.\n",
            self.accounts(),
            self.events,
            self.ctas,
            self.open_ctas,
            self.webhooks.delivered,
            self.webhooks.ids.len(),
        );
        if let Some((delivered, account)) = &self.alert {
            text += &format!(
                "\nOne alert in full, as it was delivered:\n\n{delivered}\n\nand what stands behind it:\n\n{account}"
            );
        }
        text
    }
}

/// How many it has taken once that many have been counted: the count is a moment behind the answer to who sent them.
async fn events_of(target: &Target, sent: u64) -> Result<u64> {
    let begun = Instant::now();
    loop {
        let events = workspaces::get(target).await?.events;
        if events >= sent || begun.elapsed() > COUNTED {
            return Ok(events);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn count_ctas(target: &Target, state: CtaState) -> Result<u64> {
    let request = ListCtasRequest {
        workspace: target.workspace.clone(),
        state: state.into(),
        page_size: 1,
        ..Default::default()
    };
    Ok(clients::ctas(&target.grpc).await?.list_ctas(request).await?.into_inner().total_size)
}

/// The last webhook that came, and the account it names.
async fn alert(target: &Target, webhooks: &Received) -> Result<Option<(String, String)>> {
    let Some(call) = &webhooks.last else { return Ok(None) };
    let body: Value = serde_json::from_slice(&call.body).context("the webhook's body is no JSON")?;
    let account = account_of(&body).context("the webhook names no account")?;
    let explained = explain::Account::ask(target, account).await?.in_words();
    Ok(Some((format!("webhook-id: {}\n{}", call.id, serde_json::to_string_pretty(&body)?), explained)))
}

/// Wherever in the body it stands.
fn account_of(body: &Value) -> Option<String> {
    let here = body.get("account").and_then(Value::as_str).map(str::to_owned);
    here.or_else(|| body.as_object()?.values().find_map(account_of))
}

fn sorted(mut segments: Vec<SegmentSummary>) -> Vec<SegmentSummary> {
    segments.sort_by(|a, b| a.segment.cmp(&b.segment));
    segments
}
