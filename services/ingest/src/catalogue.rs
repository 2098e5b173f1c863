//! Versions of a workspace's catalogue: applied as a whole, kept, and handed to every partition.
//!
//! Invariant: version n + 1 is handed to nobody before n stands in every partition of both topics. Handing over may
//! stop anywhere and begins again where it was; readers drop what they have already.

use std::sync::Arc;

use bytes::Bytes;
use chassis::{
    Code, Problem,
    postgres::{scoped, unscoped},
};
use contracts::log::{CatalogueVersion, ClockKind, Header, control};
use domain::{
    catalogue::{self, Clock},
    ids::derived,
};
use eventlog::{FORMAT, GENERATION, Log, LogError, NewRecord, Topic, control_record};
use serde_json::Value as Json;
use sqlx::{PgConnection, PgPool};

use crate::{
    edge::measure,
    everywhere::{everywhere, in_time},
    store::{self, NewVersion, StoredVersion, StoredWorkspace},
};

/// Bytes of a document that go into one record.
const PART: usize = 512 * 1024;

/// Said of a measure that needs more than the counts that are always kept.
const FROM_NOW: &str = "counts from this version on: what it needs is not known of the time before";

/// The document of a workspace that has defined nothing yet.
pub(crate) const EMPTY: &str = "{}";

/// A document to become the next version.
#[derive(Debug, Clone)]
pub(crate) struct Application<'a> {
    pub(crate) workspace: &'a str,
    /// JSON, as people sent it.
    pub(crate) document: &'a str,
    pub(crate) based_on: Option<u64>,
    pub(crate) fire_playbooks: bool,
    pub(crate) by: &'a str,
    pub(crate) at: i64,
}

/// What applying changed, and from which version on it holds.
#[derive(Debug)]
pub(crate) struct Applied {
    pub(crate) version: i64,
    pub(crate) changes: Vec<catalogue::Change>,
}

/// Validates and stores a document as the next version. One that changes nothing makes no version.
pub(crate) async fn apply(pool: &PgPool, asked: &Application<'_>) -> Result<Applied, Problem> {
    let mut conn = scoped(pool, asked.workspace).await?;
    if !store::lock_workspace(&mut conn, asked.workspace).await? {
        return Err(no_workspace(asked.workspace));
    }
    let (workspace, newest) = state(&mut conn, asked.workspace).await?;
    let old = newest.as_ref().map_or(0, |version| version.version);
    if let Some(based_on) = asked.based_on
        && i64::try_from(based_on) != Ok(old)
    {
        let message = format!(
            "the catalogue is at version {old}, not {based_on}: look at what changed, then apply again"
        );
        return Err(
            Problem::new(Code::Aborted, "CATALOGUE_CHANGED", message).with("version", old.to_string())
        );
    }
    let new = checked(asked.document, &workspace)?;
    let changes = changes(newest.as_ref(), &new, &workspace)?;
    if newest.is_some() && changes.is_empty() {
        return Ok(Applied { version: old, changes });
    }
    let document = catalogue::canonical(&new.document).to_string();
    let by = asked.by.replace('\0', "");
    let new = NewVersion {
        version: old + 1,
        document: &document,
        fire_playbooks: asked.fire_playbooks,
        applied_by: &by,
        applied_at: asked.at,
    };
    store::insert_version(&mut conn, asked.workspace, &new).await?;
    conn.commit().await?;
    Ok(Applied { version: old + 1, changes })
}

/// What applying a document would change, and the version that it would change.
pub(crate) async fn preview(
    pool: &PgPool,
    workspace: &str,
    document: &str,
) -> Result<(i64, Vec<catalogue::Change>), Problem> {
    let mut conn = scoped(pool, workspace).await?;
    let (settings, newest) = state(&mut conn, workspace).await?;
    let new = checked(document, &settings)?;
    Ok((newest.as_ref().map_or(0, |version| version.version), changes(newest.as_ref(), &new, &settings)?))
}

/// Hands the workspace's versions to every partition, those that not every partition has, in order.
pub(crate) async fn hand_over(pool: &PgPool, log: &dyn Log, workspace: &str) -> Result<(), Problem> {
    loop {
        let mut conn = unscoped(pool).await?;
        only_here(&mut conn, workspace).await?;
        let settings =
            store::workspace(&mut conn, workspace).await?.ok_or_else(|| no_workspace(workspace))?;
        let Some(version) = store::to_hand_over(&mut conn, workspace).await?.into_iter().next() else {
            return Ok(());
        };
        let records = records(&settings, &version);
        in_time(append_everywhere(log, &records)).await?;
        store::mark_in_force(&mut conn, workspace, version.version, chassis::clock::now()).await?;
        conn.commit().await?;
        tracing::info!(workspace, version = version.version, "catalogue version is in force");
    }
}

/// The account log first: no fact attributed under a version arrives before it.
async fn append_everywhere(log: &dyn Log, records: &[NewRecord]) -> Result<(), LogError> {
    for topic in [Topic::Account, Topic::Inbox] {
        everywhere(log, topic, |_| records.to_vec()).await?;
    }
    Ok(())
}

/// Hands over whatever a process before left behind. What fails for one workspace holds up no other: which failed, and
/// why.
pub(crate) async fn hand_over_all(
    pool: &PgPool,
    log: &Arc<dyn Log>,
) -> Result<Vec<(String, Problem)>, Problem> {
    let mut conn = unscoped(pool).await?;
    let workspaces = store::workspaces_to_hand_over(&mut conn).await?;
    conn.commit().await?;
    let mut failed = Vec::new();
    for workspace in workspaces {
        if let Err(problem) = hand_over(pool, log.as_ref(), &workspace).await {
            failed.push((workspace, problem));
        }
    }
    Ok(failed)
}

pub(crate) fn no_workspace(workspace: &str) -> Problem {
    let message = format!("there is no workspace {workspace:?}");
    Problem::new(Code::NotFound, "WORKSPACE_NOT_FOUND", message)
}

/// Waits until no other process hands over versions of this workspace, and keeps it so until the transaction ends.
async fn only_here(conn: &mut PgConnection, workspace: &str) -> sqlx::Result<()> {
    store::hold(conn, &format!("perennial.catalogue/{workspace}")).await
}

async fn state(
    conn: &mut PgConnection,
    workspace: &str,
) -> Result<(StoredWorkspace, Option<StoredVersion>), Problem> {
    let settings = store::workspace(conn, workspace).await?.ok_or_else(|| no_workspace(workspace))?;
    Ok((settings, store::newest_version(conn, workspace).await?))
}

/// The document, if the whole of it makes sense in the workspace.
fn checked(text: &str, workspace: &StoredWorkspace) -> Result<Checked, Problem> {
    measure(text.as_bytes()).map_err(Problem::from)?;
    let json: Json =
        serde_json::from_str(text).map_err(|e| Problem::invalid("document", format!("not JSON: {e}")))?;
    let checked = Checked::of(&json, workspace).map_err(wrong)?;
    let unfit = messages::problems(&checked.document);
    if unfit.is_empty() { Ok(checked) } else { Err(wrong(unfit)) }
}

/// A document in which nothing is wrong, and what it comes to.
struct Checked {
    document: catalogue::CatalogueDoc,
    compiled: catalogue::Catalogue,
}

impl Checked {
    fn of(json: &Json, workspace: &StoredWorkspace) -> Result<Self, Vec<catalogue::Problem>> {
        let clock = if workspace.clock() == ClockKind::Log { Clock::Log } else { Clock::Wall };
        let compiled = catalogue::compile(json, &workspace.time_zone, clock)?;
        Ok(Self { document: catalogue::parse(json)?, compiled })
    }
}

/// What a document changes; of a measure that begins to count with it, that it does.
fn changes(
    newest: Option<&StoredVersion>,
    new: &Checked,
    workspace: &StoredWorkspace,
) -> Result<Vec<catalogue::Change>, Problem> {
    let old = newest.map_or(EMPTY, |version| &version.document);
    let old: Json = serde_json::from_str(old).map_err(|e| Problem::internal(&e))?;
    let mut changes = catalogue::diff(&catalogue::parse(&old).map_err(wrong)?, &new.document);
    // One that an earlier build took and this one would not is no reason to refuse what mends it.
    let old = Checked::of(&old, workspace).ok();
    for measure in old.iter().flat_map(|old| new.compiled.known_from_now(&old.compiled)) {
        let what = format!("measure {measure}");
        if let Some(change) = changes.iter_mut().find(|change| change.what == what) {
            change.details.push(FROM_NOW.to_owned());
        }
    }
    Ok(changes)
}

/// Every place that is wrong, as a field of the request.
fn wrong(problems: Vec<catalogue::Problem>) -> Problem {
    let count = problems.len();
    let first = problems.first().map(ToString::to_string).unwrap_or_default();
    let message = if count > 1 { format!("{first} (and {} more)", count - 1) } else { first };
    let whole = Problem::new(Code::InvalidArgument, "INVALID_CATALOGUE", message);
    problems.into_iter().fold(whole, |whole, problem| whole.violation(problem.path, problem.message))
}

/// One version as it goes into each partition: in parts, in force with the last.
fn records(workspace: &StoredWorkspace, version: &StoredVersion) -> Vec<NewRecord> {
    let document = Bytes::from(version.document.clone());
    let parts = document.len().div_ceil(PART).max(1);
    (0..parts).map(|part| record(workspace, version, &document, part, parts)).collect()
}

fn record(
    workspace: &StoredWorkspace,
    version: &StoredVersion,
    document: &Bytes,
    part: usize,
    parts: usize,
) -> NewRecord {
    let number = version.version.cast_unsigned();
    let id = derived(&[
        b"catalogue",
        workspace.workspace.as_bytes(),
        &number.to_be_bytes(),
        &(part as u64).to_be_bytes(),
    ]);
    let header = Header {
        format: FORMAT,
        generation: GENERATION,
        workspace: workspace.workspace.clone(),
        id: contracts::id_bytes(id).into(),
        event_at: version.applied_at,
        original_at: version.applied_at,
        ..Header::default()
    };
    let share = document.slice(part * PART..document.len().min((part + 1) * PART));
    let kind = control::Kind::CatalogueVersion(CatalogueVersion {
        version: number,
        part: u32::try_from(part + 1).unwrap_or(u32::MAX),
        parts: u32::try_from(parts).unwrap_or(u32::MAX),
        clock: workspace.clock().into(),
        time_zone: workspace.time_zone.clone(),
        fire_playbooks: version.fire_playbooks,
        document: share,
    });
    NewRecord { value: control_record(header, kind), traceparent: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_document_comes_in_parts_that_join_to_it() {
        for (len, parts) in [(0, 1), (1, 1), (PART, 1), (PART + 1, 2), (3 * PART, 3)] {
            let document: String = "x".repeat(len);
            let records = records(&workspace(), &version(document.clone()));
            assert_eq!(records.len(), parts, "{len}");
            let joined: Vec<u8> = records.iter().flat_map(|record| part_of(record).document).collect();
            assert_eq!(joined, document.as_bytes());
            assert_eq!(part_of(&records[parts - 1]).part, u32::try_from(parts).unwrap());
        }
    }

    fn part_of(record: &NewRecord) -> CatalogueVersion {
        use prost::Message;
        let envelope = contracts::log::Envelope::decode(record.value.clone()).unwrap();
        let Some(control::Kind::CatalogueVersion(part)) = envelope.control.unwrap().kind else {
            panic!("no version")
        };
        part
    }

    fn version(document: String) -> StoredVersion {
        StoredVersion {
            version: 3,
            document,
            fire_playbooks: false,
            applied_by: String::new(),
            applied_at: 5,
            in_force_at: None,
        }
    }

    fn workspace() -> StoredWorkspace {
        StoredWorkspace {
            workspace: "w".into(),
            time_zone: "UTC".into(),
            clock: 2,
            clock_at: None,
            pseudonym_key: vec![],
            created_at: 0,
            events_per_second: None,
            events: 0,
            waiting: 0,
            catalogue_version: 2,
        }
    }
}
