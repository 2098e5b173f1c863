//! From the edge to the account's log.

use contracts::{
    account::account_record::Kind,
    ingest::{CreateWriteKeyRequest, GetWorkspaceRequest},
    log::ClockKind,
};
use serde_json::{Value as Json, json};

use crate::support::Ingest;

fn track(user: &str, message_id: &str, account: Option<&str>) -> Json {
    json!({"type": "track", "userId": user, "event": "E", "messageId": message_id, "context": {"groupId": account}})
}

fn events(facts: &[(contracts::log::Header, Kind)]) -> Vec<String> {
    let event = |(header, kind): &(contracts::log::Header, Kind)| match kind {
        Kind::Usage(usage) => Some(format!("{}: {}", header.account, usage.event)),
        _ => None,
    };
    facts.iter().filter_map(event).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_sent_again_is_forwarded_once_also_after_a_restart() -> anyhow::Result<()> {
    let mut ingest = Ingest::start().await?;
    let key = ingest.workspace("acme", ClockKind::Wall).await?;
    let again = json!({"batch": [track("ada", "m1", Some("bolt")), track("bob", "m2", Some("bolt"))]});
    ingest.send(&key, "/v1/batch", &again).await?;
    ingest.send(&key, "/v1/batch", &again).await?;
    ingest.facts_soon("acme", 4).await?;
    let mut ingest = ingest.restart().await?;
    ingest.send(&key, "/v1/batch", &again).await?;
    ingest.send(&key, "/v1/track", &track("ada", "m3", None)).await?;
    ingest.send(&key, "/v1/track", &track("bob", "m4", None)).await?;
    let facts = ingest.facts_soon("acme", 6).await?;
    assert_eq!(events(&facts).len(), 4);
    counted_soon(&mut ingest, 4, 0).await?;
    ingest.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_id_is_its_senders_own() -> anyhow::Result<()> {
    let mut ingest = Ingest::start().await?;
    let first = ingest.workspace("acme", ClockKind::Wall).await?;
    let asked = CreateWriteKeyRequest { workspace: "acme".into(), source: "app".into() };
    let second = ingest.admin.create_write_key(asked).await?.into_inner().secret;
    for key in [&first, &second, &first, &second] {
        ingest.send(key, "/v1/track", &track("ada", "m1", Some("bolt"))).await?;
    }
    // Behind all of them.
    ingest.send(&first, "/v1/track", &track("ada", "m2", Some("bolt"))).await?;
    let facts = ingest.facts_soon("acme", 4).await?;
    assert_eq!(events(&facts).len(), 3, "one of each sender, and the last");
    counted_soon(&mut ingest, 3, 0).await?;
    ingest.stop().await
}

/// Waits until the workspace has so many events, so many of which wait for an account, and never more.
async fn counted_soon(ingest: &mut Ingest, events: u64, waiting: u64) -> anyhow::Result<()> {
    let begun = std::time::Instant::now();
    loop {
        let asked = GetWorkspaceRequest { workspace: "acme".into() };
        let now = ingest.admin.get_workspace(asked).await?.into_inner().workspace;
        let now = now.unwrap_or_default();
        let counted = (now.events, now.events_waiting);
        assert!(counted.0 <= events && begun.elapsed().as_secs() < 20, "{counted:?}");
        if counted == (events, waiting) {
            return Ok(());
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waited_for_its_account_is_released_in_order_also_after_a_restart() -> anyhow::Result<()> {
    let mut ingest = Ingest::start().await?;
    let key = ingest.workspace("acme", ClockKind::Wall).await?;
    for event in ["A", "B", "C"] {
        ingest.send(&key, "/v1/track", &json!({"anonymousId": "x", "event": event})).await?;
    }
    counted_soon(&mut ingest, 3, 3).await?;
    let mut ingest = ingest.restart().await?;
    ingest
        .send(&key, "/v1/group", &json!({"anonymousId": "x", "groupId": "bolt", "traits": {"plan": "pro"}}))
        .await?;
    let facts = ingest.facts_soon("acme", 5).await?;
    assert_eq!(events(&facts), ["bolt: A", "bolt: B", "bolt: C"]);
    ingest.contact_in("acme", "anon:x", &["bolt"]).await?;
    counted_soon(&mut ingest, 4, 0).await?;
    ingest.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_anonymous_contacts_did_is_the_known_ones_once_they_say_who_they_are() -> anyhow::Result<()> {
    let mut ingest = Ingest::start().await?;
    let key = ingest.workspace("acme", ClockKind::Wall).await?;
    let call = |kind: &str, n: usize, name: &str| {
        let message_id = format!("{name} {n}");
        json!({"type": kind, "anonymousId": n, "messageId": message_id})
    };
    let anonymous = |n: usize, event: &str| {
        let mut track = call("track", n, event);
        track["event"] = event.into();
        track
    };
    let identified = |n: usize| {
        let mut identify = call("identify", n, "who");
        identify["userId"] = format!("u{n}").into();
        identify
    };
    let all = |call: &dyn Fn(usize) -> Json| json!({"batch": (0..20).map(call).collect::<Vec<_>>()});
    ingest.send(&key, "/v1/batch", &all(&|n| anonymous(n, "Looked"))).await?;
    counted_soon(&mut ingest, 20, 20).await?;
    let mut ingest = ingest.restart().await?;
    for _ in 0..2 {
        ingest.send(&key, "/v1/batch", &all(&identified)).await?;
    }
    counted_soon(&mut ingest, 40, 20).await?;
    // What waits now waits with the known ones.
    let mut ingest = ingest.restart().await?;
    ingest
        .send(&key, "/v1/batch", &all(&|n| track(&format!("u{n}"), &format!("t{n}"), Some("bolt"))))
        .await?;
    ingest.send(&key, "/v1/batch", &all(&|n| anonymous(n, "Came back"))).await?;
    // Joined, and three events.
    let facts = ingest.facts_soon("acme", 80).await?;
    for event in ["Looked", "E", "Came back"] {
        let done = events(&facts).iter().filter(|it| **it == format!("bolt: {event}")).count();
        assert_eq!(done, 20, "{event}");
    }
    counted_soon(&mut ingest, 80, 0).await?;
    ingest.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_partitions_events_arrive_whole() -> anyhow::Result<()> {
    let mut ingest = Ingest::start().await?;
    let key = ingest.workspace("acme", ClockKind::Wall).await?;
    let calls: Vec<Json> =
        (0..500).map(|n| track(&format!("u{n}"), &format!("m{n}"), Some(&format!("a{}", n % 50)))).collect();
    ingest.send(&key, "/v1/batch", &json!({"batch": calls})).await?;
    let facts = ingest.facts_soon("acme", 1_000).await?;
    assert_eq!(events(&facts).len(), 500);
    let guessed =
        facts.iter().filter(|(_, kind)| matches!(kind, Kind::Usage(usage) if usage.guessed)).count();
    assert_eq!(guessed, 0);
    ingest.stop().await
}
