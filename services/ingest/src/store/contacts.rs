//! The directory: who stands behind a pseudonym.

use sqlx::PgConnection;

/// A contact that may not be known yet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct NewContact {
    pub(crate) contact: u128,
    pub(crate) external_id: String,
}

/// Something that names a contact, and when it was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) contact: u128,
    pub(crate) name: String,
    /// JSON text.
    pub(crate) value: String,
    pub(crate) event_at: i64,
    pub(crate) fact_id: u128,
}

impl Name {
    /// Bytes of the name and of what it is.
    pub(crate) fn len(&self) -> usize {
        self.name.len() + self.value.len()
    }
}

/// Who a contact is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredContact {
    pub(crate) external_id: String,
    /// Names and their JSON text, by name.
    pub(crate) names: Vec<(String, String)>,
    pub(crate) accounts: Vec<String>,
}

/// Makes the contacts known that are not.
pub(crate) async fn put_contacts(
    conn: &mut PgConnection,
    workspace: &str,
    new: &[NewContact],
) -> sqlx::Result<()> {
    let contacts: Vec<Vec<u8>> = new.iter().map(|it| it.contact.to_be_bytes().to_vec()).collect();
    let external_ids: Vec<String> = new.iter().map(|it| it.external_id.clone()).collect();
    sqlx::query!(
        "INSERT INTO contacts (workspace, contact, external_id)
         SELECT $1, contact, external_id FROM UNNEST($2::BYTEA[], $3::TEXT[]) AS new (contact, external_id)
         ON CONFLICT (workspace, contact) DO NOTHING",
        workspace,
        &contacts,
        &external_ids,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Keeps each name unless a later one is there. At most one of each (contact, name), in one order everywhere.
pub(crate) async fn put_names(conn: &mut PgConnection, workspace: &str, names: &[Name]) -> sqlx::Result<()> {
    let contacts: Vec<Vec<u8>> = names.iter().map(|it| it.contact.to_be_bytes().to_vec()).collect();
    let keys: Vec<String> = names.iter().map(|it| it.name.clone()).collect();
    let values: Vec<String> = names.iter().map(|it| it.value.clone()).collect();
    let event_ats: Vec<i64> = names.iter().map(|it| it.event_at).collect();
    let fact_ids: Vec<Vec<u8>> = names.iter().map(|it| it.fact_id.to_be_bytes().to_vec()).collect();
    sqlx::query!(
        "INSERT INTO contact_names AS old (workspace, contact, name, value, event_at, fact_id)
         SELECT $1, contact, name, value, event_at, fact_id
         FROM UNNEST($2::BYTEA[], $3::TEXT[], $4::TEXT[], $5::BIGINT[], $6::BYTEA[])
              AS new (contact, name, value, event_at, fact_id)
         ON CONFLICT (workspace, contact, name) DO UPDATE
         SET value = excluded.value, event_at = excluded.event_at, fact_id = excluded.fact_id
         WHERE (old.event_at, old.fact_id) < (excluded.event_at, excluded.fact_id)",
        workspace,
        &contacts,
        &keys,
        &values,
        &event_ats,
        &fact_ids,
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub(crate) async fn contact(
    conn: &mut PgConnection,
    workspace: &str,
    contact: u128,
) -> sqlx::Result<Option<StoredContact>> {
    let contact = contact.to_be_bytes().to_vec();
    let external_id = sqlx::query_scalar!(
        "SELECT external_id FROM contacts WHERE workspace = $1 AND contact = $2",
        workspace,
        contact,
    )
    .fetch_optional(&mut *conn)
    .await?;
    let Some(external_id) = external_id else { return Ok(None) };
    let names = sqlx::query!(
        "SELECT name, value FROM contact_names WHERE workspace = $1 AND contact = $2 ORDER BY name",
        workspace,
        contact,
    )
    .fetch_all(&mut *conn)
    .await?;
    let accounts = sqlx::query_scalar!(
        "SELECT account FROM contact_accounts WHERE workspace = $1 AND contact = $2 AND member ORDER BY account",
        workspace,
        contact,
    )
    .fetch_all(conn)
    .await?;
    let names = names.into_iter().map(|row| (row.name, row.value)).collect();
    Ok(Some(StoredContact { external_id, names, accounts }))
}
