//! Making workspaces and their write keys, and setting their quotas.

use chassis::{Code, Problem, postgres::scoped};
use contracts::log::ClockKind;

use crate::{
    catalogue::{self, EMPTY, no_workspace},
    edge::Edge,
    keys::WriteKey,
    store::{self, NewVersion, StoredKey, StoredWorkspace},
};

/// Bytes of a source's name: it stands in every message.
const MAX_SOURCE: usize = 63;
/// Events a second.
const MAX_QUOTA: u32 = 1_000_000_000;

/// Makes a workspace, with an empty catalogue as its first version. Made already with the same settings: it is left
/// as it is. Its settings are fixed from here on: the log is full of what follows from them.
pub(crate) async fn create(
    edge: &Edge,
    workspace: &str,
    time_zone: &str,
    clock: ClockKind,
) -> Result<StoredWorkspace, Problem> {
    valid(workspace, time_zone, clock)?;
    let mut conn = scoped(&edge.pool, workspace).await?;
    let now = chassis::clock::now();
    if store::create_workspace(&mut conn, workspace, time_zone, clock, now).await? {
        let first = NewVersion {
            version: 1,
            document: EMPTY,
            fire_playbooks: false,
            applied_by: "",
            applied_at: now,
        };
        store::insert_version(&mut conn, workspace, &first).await?;
    }
    let made = store::workspace(&mut conn, workspace).await?.ok_or_else(|| no_workspace(workspace))?;
    conn.commit().await?;
    if made.time_zone != time_zone || made.clock() != clock {
        let name = |clock| if clock == ClockKind::Log { "log" } else { "wall" };
        let message = format!(
            "workspace {workspace:?} is there already, in {} on the {} clock, not in {time_zone} on the {} clock",
            made.time_zone,
            name(made.clock()),
            name(clock),
        );
        return Err(Problem::new(Code::AlreadyExists, "WORKSPACE_EXISTS", message));
    }
    catalogue::hand_over(&edge.pool, edge.log.as_ref(), workspace).await?;
    let mut conn = scoped(&edge.pool, workspace).await?;
    store::workspace(&mut conn, workspace).await?.ok_or_else(|| no_workspace(workspace))
}

/// A new write key: what is kept of it, and itself, for the only time.
pub(crate) async fn create_key(
    edge: &Edge,
    workspace: &str,
    source: &str,
) -> Result<(StoredKey, WriteKey), Problem> {
    let source = if source.is_empty() { "default" } else { source };
    if source.len() > MAX_SOURCE || source.chars().any(char::is_control) {
        return Err(Problem::invalid(
            "source",
            format!("has at most {MAX_SOURCE} bytes and no control characters"),
        ));
    }
    let mut conn = scoped(&edge.pool, workspace).await?;
    store::workspace(&mut conn, workspace).await?.ok_or_else(|| no_workspace(workspace))?;
    let chance: [u8; 32] = store::chance(&mut conn)
        .await?
        .try_into()
        .map_err(|_| Problem::internal(&"Postgres gave too little randomness"))?;
    let key = WriteKey::make(&chance);
    let stored = StoredKey {
        prefix: key.shown().to_owned(),
        source: source.to_owned(),
        created_at: chassis::clock::now(),
        revoked_at: None,
        events_per_second: None,
    };
    if !store::create_key(&mut conn, workspace, &stored, &key.hash()).await? {
        return Err(Problem::away("two keys that begin alike"));
    }
    conn.commit().await?;
    edge.keys.made(key.hash());
    Ok((stored, key))
}

/// Sets how many events a second may come in with a key, or else with all of a workspace.
pub(crate) async fn set_quota(
    edge: &Edge,
    workspace: &str,
    prefix: &str,
    events_per_second: Option<u32>,
) -> Result<Option<StoredKey>, Problem> {
    if events_per_second.is_some_and(|it| it > MAX_QUOTA) {
        return Err(Problem::invalid("events_per_second", format!("is at most {MAX_QUOTA}")));
    }
    let events_per_second = events_per_second.map(u32::cast_signed);
    let mut conn = scoped(&edge.pool, workspace).await?;
    store::workspace(&mut conn, workspace).await?.ok_or_else(|| no_workspace(workspace))?;
    let key = if prefix.is_empty() {
        store::set_workspace_quota(&mut conn, workspace, events_per_second).await?;
        None
    } else {
        let key = store::set_key_quota(&mut conn, workspace, prefix, events_per_second).await?;
        let missing = || Problem::not_found(format!("write key {prefix:?} in workspace {workspace:?}"));
        Some(key.ok_or_else(missing)?)
    };
    conn.commit().await?;
    edge.keys.changed(workspace);
    Ok(key)
}

fn valid(workspace: &str, time_zone: &str, clock: ClockKind) -> Result<(), Problem> {
    let fits = (1..=63).contains(&workspace.len())
        && workspace.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if !fits {
        return Err(Problem::invalid("workspace", "is 1 to 63 of the characters a-z, 0-9 and -"));
    }
    if domain::calendar::Calendar::new(time_zone).is_err() {
        return Err(Problem::invalid(
            "time_zone",
            format!("{time_zone:?} is not an IANA time zone, such as Europe/Berlin"),
        ));
    }
    if clock == ClockKind::Unspecified {
        return Err(Problem::invalid("clock", "is the wall's or the log's"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(workspace: &str, time_zone: &str, clock: ClockKind, wrong: Option<&str>) {
        let found = valid(workspace, time_zone, clock).err();
        assert_eq!(
            found.map(|problem| problem.violations[0].0.clone()).as_deref(),
            wrong,
            "{workspace} {time_zone}"
        );
    }

    #[test]
    fn a_workspace_has_a_plain_id_a_known_zone_and_a_clock() {
        check("acme-2", "Europe/Berlin", ClockKind::Wall, None);
        check("a", "UTC", ClockKind::Log, None);
        for wrong in ["", "Acme", "a/b", "a_b", "\u{e4}", &"a".repeat(64)] {
            check(wrong, "UTC", ClockKind::Wall, Some("workspace"));
        }
        for wrong in ["", "Mars/Olympus", "+01:00"] {
            check("acme", wrong, ClockKind::Wall, Some("time_zone"));
        }
        check("acme", "UTC", ClockKind::Unspecified, Some("clock"));
    }
}
