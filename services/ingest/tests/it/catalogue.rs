//! Definitions, version by version, handed to every partition.

use contracts::{
    account::AccountRecord,
    catalogue::{
        ApplyCatalogueRequest, DiffCatalogueRequest, ExportCatalogueRequest, ListCatalogueVersionsRequest,
        change::Kind,
    },
    ingest::{CreateWorkspaceRequest, GetWorkspaceRequest},
    log::{ClockKind, control},
};
use eventlog::Topic;
use prost::Message;
use serde_json::{Value as Json, json};
use tonic::{Code, Status};

use crate::support::Ingest;

fn document(threshold: u32) -> Json {
    json!({
        "measures": {"orders": {"count": {"event": "Order Completed", "window": {"days": 28}}}},
        "segments": {"buyers": {"when": {"measure": "orders", "at_least": threshold}}}
    })
}

fn application(document: &Json, based_on: Option<u64>) -> ApplyCatalogueRequest {
    ApplyCatalogueRequest {
        workspace: "acme".into(),
        document: document.to_string(),
        based_on,
        fire_playbooks: false,
        by: "ada".into(),
    }
}

/// Versions in each partition of a topic, in order.
async fn versions(ingest: &Ingest, topic: Topic) -> anyhow::Result<Vec<Vec<u64>>> {
    let version = |value| match AccountRecord::decode(value).ok()?.control?.kind? {
        control::Kind::CatalogueVersion(version) => Some(version.version),
        _ => None,
    };
    let partitions = ingest.partitions(topic).await?.into_iter();
    Ok(partitions
        .map(|records| records.into_iter().filter_map(|record| version(record.value)).collect())
        .collect())
}

/// Those that are higher than all before them: the others are repeats to their readers.
fn taken(versions: &[u64]) -> Vec<u64> {
    let mut taken: Vec<u64> = Vec::new();
    for version in versions {
        if taken.last().is_none_or(|newest| version > newest) {
            taken.push(*version);
        }
    }
    taken
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_stands_in_every_partition_before_it_is_said_to_be_in_force() -> anyhow::Result<()> {
    let mut ingest = Ingest::start().await?;
    ingest.workspace("acme", ClockKind::Wall).await?;
    let applied = ingest.catalogue.apply_catalogue(application(&document(2), None)).await?.into_inner();
    assert_eq!(applied.version, 2);
    let changed: Vec<(i32, &str)> = applied.changes.iter().map(|it| (it.kind, it.what.as_str())).collect();
    assert_eq!(changed, [(Kind::Added.into(), "measure orders"), (Kind::Added.into(), "segment buyers")]);
    assert_eq!(versions(&ingest, Topic::Inbox).await?, vec![vec![1, 2]; 4]);
    for partition in versions(&ingest, Topic::Account).await? {
        assert_eq!(taken(&partition), [1, 2], "{partition:?}");
    }
    let asked = GetWorkspaceRequest { workspace: "acme".into() };
    let workspace = ingest.admin.get_workspace(asked).await?.into_inner().workspace.unwrap();
    assert_eq!(workspace.catalogue_version, 2);
    ingest.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn two_people_do_not_overwrite_each_other() -> anyhow::Result<()> {
    let mut ingest = Ingest::start().await?;
    ingest.workspace("acme", ClockKind::Wall).await?;
    ingest.catalogue.apply_catalogue(application(&document(2), Some(1))).await?;
    let status = ingest.catalogue.apply_catalogue(application(&document(3), Some(1))).await.unwrap_err();
    assert_eq!(status.code(), Code::Aborted);
    let again = ingest.catalogue.apply_catalogue(application(&document(2), Some(2))).await?.into_inner();
    assert_eq!((again.version, again.changes.len()), (2, 0), "what changes nothing makes no version");
    let asked = DiffCatalogueRequest { workspace: "acme".into(), document: document(3).to_string() };
    let diff = ingest.catalogue.diff_catalogue(asked).await?.into_inner();
    assert_eq!((diff.based_on, diff.changes.len()), (2, 1));
    let asked =
        ListCatalogueVersionsRequest { workspace: "acme".into(), page_size: 1, page_token: String::new() };
    let page = ingest.catalogue.list_catalogue_versions(asked).await?.into_inner();
    assert_eq!(
        (page.versions[0].version, page.versions[0].by.as_str(), page.versions[0].in_force),
        (2, "ada", true)
    );
    assert!(!page.next_page_token.is_empty());
    for (version, expected) in [(0, document(2)), (2, document(2)), (1, json!({}))] {
        let asked = ExportCatalogueRequest { workspace: "acme".into(), version };
        let exported = ingest.catalogue.export_catalogue(asked).await?.into_inner();
        let exported: Json = serde_json::from_str(&exported.document)?;
        assert_eq!(exported["segments"]["buyers"]["when"], expected["segments"]["buyers"]["when"]);
    }
    ingest.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_document_is_refused_with_every_place_that_is_wrong() -> anyhow::Result<()> {
    let mut ingest = Ingest::start().await?;
    ingest.workspace("acme", ClockKind::Wall).await?;
    let mut wrong = document(2);
    wrong["segments"]["buyers"]["when"]["measure"] = json!("ordrs");
    let status = ingest.catalogue.apply_catalogue(application(&wrong, None)).await.unwrap_err();
    let places = places(&status);
    assert_eq!(places.len(), 1);
    assert_eq!(places[0].0, "segments.buyers.when.measure");
    assert!(places[0].1.contains("orders"), "the nearest name is suggested: {places:?}");
    let broken = ApplyCatalogueRequest { document: "{".into(), ..application(&wrong, None) };
    let status = ingest.catalogue.apply_catalogue(broken).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert_eq!(versions(&ingest, Topic::Inbox).await?, vec![vec![1]; 4]);
    ingest.stop().await
}

fn places(status: &Status) -> Vec<(String, String)> {
    use tonic_types::StatusExt;
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    let details = status.get_error_details();
    let violations = details.bad_request().into_iter().flat_map(|wrong| wrong.field_violations.clone());
    violations.map(|it| (it.field, it.description)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_was_left_half_handed_over_is_finished_at_the_next_start() -> anyhow::Result<()> {
    let mut ingest = Ingest::start().await?;
    let key = ingest.workspace("acme", ClockKind::Wall).await?;
    let mut conn = chassis::postgres::scoped(&ingest.database.pool, "acme").await?;
    sqlx::query("UPDATE catalogue_versions SET in_force_at = NULL").execute(&mut *conn).await?;
    conn.commit().await?;
    let ingest = ingest.restart().await?;
    let begun = std::time::Instant::now();
    while ingest.post(&key, "/v1/track", r#"{"userId": "ada", "event": "E"}"#).await?.status != 200 {
        assert!(begun.elapsed().as_secs() < 20, "it is never finished");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(
        versions(&ingest, Topic::Inbox).await?,
        vec![vec![1, 1]; 4],
        "said again, to be dropped by its readers"
    );
    ingest.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_cannot_be_handed_over_holds_up_no_other_workspace() -> anyhow::Result<()> {
    let mut ingest = Ingest::start().await?;
    let stuck = ingest.workspace("acme", ClockKind::Wall).await?;
    let key = ingest.workspace("bolt", ClockKind::Wall).await?;
    let mut conn = chassis::postgres::unscoped(&ingest.database.pool).await?;
    sqlx::query("UPDATE catalogue_versions SET in_force_at = NULL").execute(&mut *conn).await?;
    // More than the log takes at once: it will never land.
    sqlx::query("UPDATE catalogue_versions SET document = repeat('x', 9000000) WHERE workspace = 'acme'")
        .execute(&mut *conn)
        .await?;
    conn.commit().await?;
    let ingest = ingest.restart().await?;
    let track = r#"{"userId": "ada", "event": "E"}"#;
    let begun = std::time::Instant::now();
    while ingest.post(&key, "/v1/track", track).await?.status != 200 {
        assert!(begun.elapsed().as_secs() < 20, "it waits for the other");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(ingest.post(&stuck, "/v1/track", track).await?.status, 429, "its catalogue is in force");
    ingest.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workspaces_settings_are_fixed() -> anyhow::Result<()> {
    let mut ingest = Ingest::start().await?;
    ingest.workspace("acme", ClockKind::Wall).await?;
    ingest.workspace("acme", ClockKind::Wall).await?;
    let asked = |workspace: &str, time_zone: &str, clock: ClockKind| CreateWorkspaceRequest {
        workspace: workspace.into(),
        time_zone: time_zone.into(),
        clock: clock.into(),
    };
    for (asked, code) in [
        (asked("acme", "Europe/Berlin", ClockKind::Wall), Code::AlreadyExists),
        (asked("acme", "UTC", ClockKind::Log), Code::AlreadyExists),
        (asked("Acme", "UTC", ClockKind::Wall), Code::InvalidArgument),
        (asked("bolt", "Mars/Olympus", ClockKind::Wall), Code::InvalidArgument),
    ] {
        assert_eq!(ingest.admin.create_workspace(asked).await.unwrap_err().code(), code);
    }
    ingest.stop().await
}
