//! What is done to a Perennial, disturbed or not: some of CDNOW's purchases on the log's clock, with definitions that
//! change and people who take CTAs in the middle, and beside it orders on the wall clock.

use anyhow::{Context, Result};
use contracts::{
    account::CtaState,
    cta::{Command, Cta, ListCtasRequest, TakeCtaRequest, cta_service_client::CtaServiceClient},
    log::ClockKind,
};
use futures_util::future::{try_join, try_join_all};
use jiff::{
    ToSpan,
    civil::{Date, date},
    tz::TimeZone,
};
use serde_json::{Value as Json, json};

use crate::{
    cdnow::{self, Purchase},
    client::Client,
    document::Document,
    gate::Gate,
    receiver::Receiver,
};

/// On the log's clock.
pub(crate) const SHOP: &str = "shop";
/// On the wall clock.
pub(crate) const LIVE: &str = "live";
/// Every so many customers one is taken.
const CUSTOMERS: usize = 14;
const BEGIN: Date = date(1997, 1, 1);
const MIDDLE: Date = date(1997, 10, 8);
pub(crate) const END: Date = date(1998, 7, 1);
const STEP_DAYS: i32 = 7;
const LANES: usize = 8;
const TAKEN: usize = 20;
/// On the wall clock: every account orders so often, and enters `regular` once.
const ACCOUNTS: usize = 60;
const ORDERS: usize = 10;
/// A webhook an order, and one for entering.
pub(crate) const LIVE_CALLS: usize = ACCOUNTS * (ORDERS + 1);
pub(crate) const LIVE_ORDERS: usize = ACCOUNTS * ORDERS;

pub(crate) struct Script<'a> {
    pub(crate) client: &'a Client,
    pub(crate) gate: &'a Gate,
    pub(crate) receiver: &'a Receiver,
}

/// The purchases that are sent, by date.
pub(crate) fn purchases() -> Result<Vec<Purchase>> {
    let mut purchases = cdnow::purchases()?;
    purchases
        .retain(|purchase| purchase.customer.parse::<usize>().is_ok_and(|number| number % CUSTOMERS == 0));
    Ok(purchases)
}

/// Of its customer.
fn number(purchase: &Purchase) -> usize {
    purchase.customer.parse().unwrap_or_default()
}

pub(crate) fn midnight(day: Date) -> Result<i64> {
    Ok(day.to_zoned(TimeZone::UTC)?.timestamp().as_millisecond())
}

impl Script<'_> {
    /// Returns when everything is acknowledged.
    pub(crate) async fn play(&self) -> Result<()> {
        try_join(self.shop(), self.live()).await?;
        Ok(())
    }

    async fn shop(&self) -> Result<()> {
        let mut document = demo_catalogue()?;
        document["endpoints"]["demo_receiver"]["url"] = self.receiver.url(SHOP).into();
        let key = self.open(SHOP, ClockKind::Log, &document).await?;
        let purchases = purchases()?;
        let mut rest = purchases.as_slice();
        let mut now = BEGIN;
        while now < END {
            now = now.checked_add(STEP_DAYS.days())?.min(END);
            let (due, later) = rest.split_at(rest.partition_point(|purchase| purchase.day < now));
            self.send(&key, due).await?;
            self.gate.pass(self.client.advance(SHOP, midnight(now)?)).await?;
            if now == MIDDLE {
                self.client.await_clock(SHOP, midnight(now)?).await?;
                self.take_ctas().await?;
                document["segments"]["good_customers"] =
                    json!({"when": {"measure": "revenue_364d", "at_least": 60}});
                self.gate.pass(self.client.apply(SHOP, &document)).await?;
            }
            rest = later;
        }
        Ok(())
    }

    async fn live(&self) -> Result<()> {
        let key = self.open(LIVE, ClockKind::Wall, &live_catalogue(&self.receiver.url(LIVE))).await?;
        for order in 0..ORDERS {
            let lane = |lane: usize| {
                let key = &key;
                async move {
                    for account in (lane..ACCOUNTS).step_by(LANES) {
                        self.gate.pass(self.client.send(key, &live_order(account, order))).await?;
                    }
                    Ok::<_, anyhow::Error>(())
                }
            };
            try_join_all((0..LANES).map(lane)).await?;
        }
        Ok(())
    }

    /// A workspace, its definitions, its endpoint's secret, and a write key.
    async fn open(&self, workspace: &str, clock: ClockKind, document: &Json) -> Result<String> {
        self.gate.pass(self.client.create(workspace, clock)).await?;
        let key = self.gate.pass(self.client.write_key(workspace)).await?;
        self.gate.pass(self.client.apply(workspace, document)).await?;
        self.receiver.trust(workspace, &self.client.secret(workspace).await?)?;
        Ok(key)
    }

    /// Each customer's in order: the first one that is heard is the one by which the contact joins the account.
    async fn send(&self, key: &str, purchases: &[Purchase]) -> Result<()> {
        let lane = |lane: usize| async move {
            for purchase in purchases.iter().filter(|purchase| number(purchase) / CUSTOMERS % LANES == lane) {
                self.gate.pass(self.client.send(key, &purchase.call())).await?;
            }
            Ok::<_, anyhow::Error>(())
        };
        try_join_all((0..LANES).map(lane)).await?;
        Ok(())
    }

    /// The first of those open, by account, each taken under an id of its own.
    async fn take_ctas(&self) -> Result<()> {
        let mut ctas = ctas(self.client, SHOP).await?;
        ctas.retain(|cta| cta.state() == CtaState::Open);
        ctas.sort_by(|a, b| a.account.cmp(&b.account));
        for (number, cta) in ctas.into_iter().take(TAKEN).enumerate() {
            let command_id = format!("00000000-0000-4000-8000-{number:012}");
            let (workspace, by) = (SHOP.to_owned(), "ana".to_owned());
            let command = Some(Command { workspace, cta: cta.cta, by, command_id });
            let asked = TakeCtaRequest { command };
            let take = async |channel| CtaServiceClient::new(channel).take_cta(asked.clone()).await;
            self.gate.pass(self.client.ask(take)).await.context("taking a CTA")?;
        }
        Ok(())
    }
}

/// Every CTA of a workspace.
pub(crate) async fn ctas(client: &Client, workspace: &str) -> Result<Vec<Cta>> {
    let list = async |channel, page_token| {
        let workspace = workspace.to_owned();
        let asked = ListCtasRequest { workspace, page_size: 1000, page_token, ..Default::default() };
        let page = CtaServiceClient::new(channel).list_ctas(asked).await?.into_inner();
        Ok((page.ctas, page.next_page_token))
    };
    client.all(list).await
}

pub(crate) fn demo_catalogue() -> Result<Json> {
    let demo = include_str!("../../demo/catalogue.yaml");
    match Document::parse("catalogue.yaml", demo.to_owned()) {
        Ok(document) => Ok(document.json()),
        Err(problem) => anyhow::bail!("{problem}"),
    }
}

pub(crate) fn live_catalogue(url: &str) -> Json {
    json!({
        "measures": {"orders": {"count": {"event": "Order Completed", "window": {"days": 3}}}},
        "scorecards": [{
            "name": "use",
            "groups": [{"name": "use", "weight": 1, "measures": [
                {"measure": "orders", "weight": 1, "curve": {"steps": [[0, 0], [2, 50], [5, 100]]}}]}],
            "bands": {"yellow": 40, "green": 70},
        }],
        "segments": {"regular": {"when": {"measure": "orders", "at_least": 3}}},
        "endpoints": {"hook": {"url": url}},
        "playbooks": {
            "thanks": {"trigger": {"event": {"name": "Order Completed"}}, "steps": [{"notify": {"endpoint": "hook"}}]},
            "welcome": {"trigger": {"enters": "regular"}, "steps": [
                {"open_cta": {"type": "opportunity", "title": "Say hello", "priority": 2}},
                {"notify": {"endpoint": "hook"}}]},
        },
    })
}

pub(crate) fn live_order(account: usize, order: usize) -> Json {
    json!({
        "type": "track",
        "event": "Order Completed",
        "messageId": format!("live-{account}-{order}"),
        "userId": format!("user-{account}"),
        "context": {"groupId": format!("account-{account}")},
        "properties": {"revenue": 12.5},
    })
}
