//! The contact directory's way in: names are in Postgres before anything about the contact is in the log.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

use sqlx::PgPool;

use crate::{
    edge::Prepared,
    keys::Access,
    store::{self, NewContact},
};

/// Contacts remembered at once; beyond it all are written again.
const REMEMBERED: usize = 1_000_000;

/// Remembers which contacts the directory has, so that an event of a known one costs Postgres nothing.
#[derive(Default)]
pub(crate) struct Directory {
    known: Mutex<HashSet<u128>>,
}

impl Directory {
    /// Writes what a request says of people, and what of it was refused, in one transaction.
    pub(crate) async fn keep(&self, pool: &PgPool, access: &Access, prepared: &Prepared) -> sqlx::Result<()> {
        let new = self.unknown(&prepared.contacts);
        if new.is_empty() && prepared.names.is_empty() && prepared.refused.is_empty() {
            return Ok(());
        }
        let mut conn = chassis::postgres::scoped(pool, &access.workspace).await?;
        if !new.is_empty() {
            store::put_contacts(&mut conn, &access.workspace, &new).await?;
        }
        if !prepared.names.is_empty() {
            store::put_names(&mut conn, &access.workspace, &prepared.names).await?;
        }
        if !prepared.refused.is_empty() {
            store::put_quarantine(&mut conn, &access.workspace, &prepared.refused).await?;
        }
        conn.commit().await?;
        self.remember(&new);
        Ok(())
    }

    fn unknown(&self, contacts: &[NewContact]) -> Vec<NewContact> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        contacts.iter().filter(|it| !known.contains(&it.contact)).cloned().collect()
    }

    fn remember(&self, contacts: &[NewContact]) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() + contacts.len() > REMEMBERED {
            known.clear();
        }
        known.extend(contacts.iter().map(|it| it.contact));
    }
}
