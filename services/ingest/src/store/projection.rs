//! What attribution tells, written down. Idempotent: what follows from a place in the inbox changes a row only if the
//! row does not know that place yet.

use std::collections::BTreeMap;

use engine::Forwarded;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{NewRefused, Refused, put_quarantine};
use crate::{
    attribution::{Belongs, Item, Quarantined},
    pseudonym,
};

/// Writes a batch of one partition, in the inbox's order. The connection sees every workspace.
pub(crate) async fn project(conn: &mut PgConnection, items: &[Forwarded<Item>]) -> sqlx::Result<()> {
    let mut by_workspace: BTreeMap<&str, Vec<&Forwarded<Item>>> = BTreeMap::new();
    for item in items {
        by_workspace.entry(&item.key.workspace).or_default().push(item);
    }
    for (workspace, items) in by_workspace {
        count(conn, workspace, &items).await?;
        put_memberships(conn, workspace, &items).await?;
        let refused: Vec<NewRefused> = items.iter().filter_map(|item| refused(item)).collect();
        if !refused.is_empty() {
            put_quarantine(conn, workspace, &refused).await?;
        }
    }
    Ok(())
}

async fn count(conn: &mut PgConnection, workspace: &str, items: &[&Forwarded<Item>]) -> sqlx::Result<()> {
    let (Some(first), Some(last)) = (items.first(), items.last()) else { return Ok(()) };
    let partition = first.partition.cast_signed();
    let known = counted_to(conn, workspace, partition).await?;
    let place = |item: &Forwarded<Item>| (signed(item.offset), item.index.cast_signed());
    let to = (place(last).0, place(last).1 + 1);
    if to <= known {
        return Ok(());
    }
    let new = || items.iter().filter(|item| place(item) >= known);
    let events = i64::try_from(new().filter(|item| item.item == Item::Counted).count()).unwrap_or(i64::MAX);
    let waiting = new().map(|item| if let Item::Waiting(more) = item.item { more } else { 0 });
    sqlx::query!(
        "UPDATE inbox_counts SET events = events + $3, waiting = waiting + $4, to_offset = $5, to_index = $6
         WHERE workspace = $1 AND partition = $2",
        workspace,
        partition,
        events,
        waiting.sum::<i64>(),
        to.0,
        to.1,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Up to where a partition is counted. Whoever counts meanwhile, a worker that is no longer the partition's or this one's
/// own attempt before, has ended: else both would count the same.
async fn counted_to(conn: &mut PgConnection, workspace: &str, partition: i32) -> sqlx::Result<(i64, i32)> {
    sqlx::query!(
        "INSERT INTO inbox_counts (workspace, partition, events, to_offset, to_index) VALUES ($1, $2, 0, 0, 0)
         ON CONFLICT (workspace, partition) DO NOTHING",
        workspace,
        partition,
    )
    .execute(&mut *conn)
    .await?;
    let row = sqlx::query!(
        "SELECT to_offset, to_index FROM inbox_counts WHERE workspace = $1 AND partition = $2 FOR UPDATE",
        workspace,
        partition,
    )
    .fetch_one(conn)
    .await?;
    Ok((row.to_offset, row.to_index))
}

async fn put_memberships(
    conn: &mut PgConnection,
    workspace: &str,
    items: &[&Forwarded<Item>],
) -> sqlx::Result<()> {
    // The last word on each (contact, account): one statement may not meet a row twice.
    let mut newest: BTreeMap<(u128, &str), (&Forwarded<Item>, &Belongs)> = BTreeMap::new();
    for item in items {
        let (Item::Belongs(belongs), Some(contact)) = (&item.item, pseudonym::from_hex(&item.key.account))
        else {
            continue;
        };
        newest.insert((contact.0, &belongs.account), (item, belongs));
    }
    if newest.is_empty() {
        return Ok(());
    }
    let contacts: Vec<Vec<u8>> = newest.keys().map(|(contact, _)| contact.to_be_bytes().to_vec()).collect();
    let accounts: Vec<String> = newest.keys().map(|(_, account)| (*account).to_owned()).collect();
    let partitions: Vec<i32> = newest.values().map(|(item, _)| item.partition.cast_signed()).collect();
    let members: Vec<bool> = newest.values().map(|(_, belongs)| belongs.member).collect();
    let since_ats: Vec<i64> = newest.values().map(|(_, belongs)| belongs.since_at).collect();
    let offsets: Vec<i64> = newest.values().map(|(item, _)| signed(item.offset)).collect();
    let indexes: Vec<i32> = newest.values().map(|(item, _)| item.index.cast_signed()).collect();
    sqlx::query!(
        "INSERT INTO contact_accounts AS old
             (workspace, contact, account, partition, member, since_at, by_offset, by_index)
         SELECT $1, contact, account, partition, member, since_at, by_offset, by_index
         FROM UNNEST($2::BYTEA[], $3::TEXT[], $4::INT[], $5::BOOLEAN[], $6::BIGINT[], $7::BIGINT[], $8::INT[])
              AS new (contact, account, partition, member, since_at, by_offset, by_index)
         ON CONFLICT (workspace, contact, account) DO UPDATE
         SET member = excluded.member, since_at = excluded.since_at, by_offset = excluded.by_offset,
             by_index = excluded.by_index
         WHERE (old.by_offset, old.by_index) < (excluded.by_offset, excluded.by_index)",
        workspace,
        &contacts,
        &accounts,
        &partitions,
        &members,
        &since_ats,
        &offsets,
        &indexes,
    )
    .execute(conn)
    .await?;
    Ok(())
}

fn refused(item: &Forwarded<Item>) -> Option<NewRefused> {
    let Item::Quarantined(quarantined) = &item.item else { return None };
    let Quarantined { code, reason, message_id, received_at, contact, body } = quarantined;
    let id = place_id(item);
    let refused = Refused {
        id,
        code: (*code).to_owned(),
        reason: (*reason).to_owned(),
        message_id: message_id.clone(),
        received_at: *received_at,
        contact: Some(contact.clone()).filter(|contact| !contact.is_empty()),
        body: body.clone().into_bytes(),
    };
    Some(NewRefused { fingerprint: id, refused })
}

/// The same for the same place in the inbox, and rising with time like those the edge makes.
fn place_id(item: &Forwarded<Item>) -> Uuid {
    let place = domain::ids::derived(&[
        b"quarantine",
        &item.partition.to_be_bytes(),
        &item.offset.to_be_bytes(),
        &item.index.to_be_bytes(),
    ]);
    let mut tail = [0_u8; 10];
    tail.copy_from_slice(&place.to_be_bytes()[..10]);
    uuid::Builder::from_unix_timestamp_millis(u64::try_from(item.appended_at).unwrap_or(0), &tail).into_uuid()
}

fn signed(offset: u64) -> i64 {
    i64::try_from(offset).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use chassis::postgres::unscoped;
    use eventlog::Key;
    use testkit::servers::postgres;

    use super::*;

    const SOON: Duration = Duration::from_secs(20);

    /// Waits until somebody waits for a lock.
    async fn held_up(conn: &mut PgConnection) -> anyhow::Result<()> {
        let begun = Instant::now();
        let waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted";
        while sqlx::query_scalar::<_, i64>(waiting).fetch_one(&mut *conn).await? == 0 {
            anyhow::ensure!(begun.elapsed() < SOON, "nobody is held up");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    #[tokio::test]
    async fn what_two_project_at_a_time_counts_once() -> anyhow::Result<()> {
        let migrations: [&sqlx::migrate::Migrator; 2] = [&engine::postgres::migrator(), &sqlx::migrate!()];
        let database = postgres().database(&migrations).await?;
        let key = Key::new("acme", "contact");
        let item = |offset, item| Forwarded {
            partition: 0,
            offset,
            index: 0,
            appended_at: 1,
            key: key.clone(),
            item,
        };
        let before = [item(3, Item::Counted)];
        let mut conn = unscoped(&database.pool).await?;
        count(&mut conn, "acme", &before.each_ref()).await?;
        conn.commit().await?;
        let items = [item(7, Item::Counted), item(8, Item::Waiting(1))];
        let mut first = unscoped(&database.pool).await?;
        count(&mut first, "acme", &items.each_ref()).await?;
        let (pool, again) = (database.pool.clone(), items.clone());
        let second = async move {
            let mut second = unscoped(&pool).await?;
            count(&mut second, "acme", &again.each_ref()).await?;
            second.commit().await
        };
        let end = async {
            held_up(&mut first).await?;
            Ok(first.commit().await?)
        };
        let (second, end): (sqlx::Result<()>, anyhow::Result<()>) = tokio::join!(second, end);
        second?;
        end?;
        let mut conn = unscoped(&database.pool).await?;
        let counted = sqlx::query_as::<_, (i64, i64)>("SELECT events, waiting FROM inbox_counts");
        let counted = counted.fetch_one(&mut *conn).await?;
        assert_eq!(counted, (2, 1));
        Ok(())
    }
}
