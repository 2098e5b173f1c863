//! Postgres: pools, one database and one role per service, migrations, and transactions under row-level security.
//!
//! Invariant: services act as roles that cannot bypass row-level security.

use std::time::Duration;

use anyhow::Context;
use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, PgConnection, PgPool, Postgres, SqlSafeStr, Transaction,
    migrate::Migrator,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio::time::timeout;

pub mod private;

pub use eventlog::postgres::{answered, answered_within, is_away};

/// A connection that says nothing for so long has no far end any more.
const PING: Duration = Duration::from_secs(1);
/// How long a caller waits for a connection.
const ACQUIRE: Duration = Duration::from_secs(5);
/// How long a statement may run, milliseconds.
const STATEMENT: &str = "30000";

/// A statement that takes so long is told. A checkpoint of many accounts may take a second or two.
const SLOW: Duration = Duration::from_secs(5);

/// A pool of at most so many connections. Connects when first used.
pub fn connect(options: PgConnectOptions, most: u32) -> PgPool {
    let options = options.application_name("perennial").options([
        ("statement_timeout", STATEMENT),
        ("idle_in_transaction_session_timeout", STATEMENT),
        ("synchronous_commit", "on"),
    ]);
    let options = options.log_slow_statements(log::LevelFilter::Warn, SLOW);
    PgPoolOptions::new()
        .max_connections(most)
        .acquire_timeout(ACQUIRE)
        // Both are asked here and not by the pool itself, which would wait for ever.
        .test_before_acquire(false)
        .before_acquire(|connection, _| Box::pin(async move { Ok(is_there(connection).await) }))
        .after_release(|connection, _| Box::pin(async move { Ok(is_there(connection).await) }))
        .connect_lazy_with(options)
}

/// Whether somebody is at the far end of a connection.
async fn is_there(connection: &mut PgConnection) -> bool {
    timeout(PING, connection.ping()).await.is_ok_and(|answer| answer.is_ok())
}

/// Why a service's database cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The user may not make what is missing: somebody who may must run this.
    #[error("the database user may not create what is missing; let somebody who may run:\n{sql}")]
    Missing { sql: String },
    #[error("{0:?} is not a name: lower-case letters, digits and underscores")]
    Name(String),
    #[error(transparent)]
    Postgres(#[from] sqlx::Error),
}

/// Makes `database`, owned by `role`, if it is not there, and `role`, which can neither log in nor bypass row-level
/// security. The options returned connect as the same user and act as `role`.
pub async fn service_database(
    admin: &PgConnectOptions,
    database: &str,
    role: &str,
) -> Result<PgConnectOptions, DatabaseError> {
    for name in [database, role] {
        check_name(name)?;
    }
    let mut connection = PgConnection::connect_with(admin).await?;
    let missing = missing(&mut connection, database, role).await?;
    for (index, statement) in missing.iter().enumerate() {
        make(&mut connection, statement).await.map_err(|error| match error {
            Refused::Forbidden => DatabaseError::Missing { sql: missing[index..].join("\n") },
            Refused::Other(error) => DatabaseError::Postgres(error),
        })?;
    }
    connection.close().await?;
    Ok(admin.clone().database(database).options([("role", role)]))
}

fn check_name(name: &str) -> Result<(), DatabaseError> {
    let fits = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_');
    if !name.is_empty() && name.len() < 64 && name.bytes().all(fits) {
        return Ok(());
    }
    Err(DatabaseError::Name(name.to_owned()))
}

/// The statements that make what is missing, in order.
async fn missing(connection: &mut PgConnection, database: &str, role: &str) -> sqlx::Result<Vec<String>> {
    let found = sqlx::query!(
        r#"SELECT current_user AS "user!",
            EXISTS (SELECT FROM pg_database WHERE datname = $1) AS "database!",
            EXISTS (SELECT FROM pg_roles WHERE rolname = $2) AS "role!",
            EXISTS (SELECT FROM pg_roles WHERE rolname = current_user AND rolsuper) AS "superuser!",
            EXISTS (SELECT FROM pg_auth_members
                JOIN pg_roles has ON has.oid = roleid AND has.rolname = $2
                JOIN pg_roles is_in ON is_in.oid = member AND is_in.rolname = current_user) AS "member!""#,
        database,
        role
    )
    .fetch_one(connection)
    .await?;
    let mut statements = Vec::new();
    if !found.role {
        statements.push(format!("CREATE ROLE {role} NOLOGIN NOSUPERUSER NOBYPASSRLS;"));
    }
    if !found.superuser && !found.member {
        statements.push(format!("GRANT {role} TO \"{}\";", found.user.replace('"', "\"\"")));
    }
    if !found.database {
        statements
            .push(format!("CREATE DATABASE {database} OWNER {role} TEMPLATE template0 ENCODING 'UTF8';"));
    }
    Ok(statements)
}

enum Refused {
    Forbidden,
    Other(sqlx::Error),
}

/// Runs a statement; that somebody else has just made the same is well.
async fn make(connection: &mut PgConnection, statement: &str) -> Result<(), Refused> {
    let outcome = sqlx::raw_sql(AssertSqlSafe(statement)).execute(connection).await;
    let Err(error) = outcome else { return Ok(()) };
    let code = error.as_database_error().and_then(|error| error.code().map(|code| code.into_owned()));
    match code.as_deref() {
        Some("42501") => Err(Refused::Forbidden),
        // Duplicate database, duplicate object, and both as seen by two at once.
        Some("42P04" | "42710" | "23505") => Ok(()),
        _ => Err(Refused::Other(error)),
    }
}

/// Brings a database to the newest schema. Several processes may do so at once.
pub async fn migrate(pool: &PgPool, migrator: &Migrator) -> anyhow::Result<()> {
    migrator.run(pool).await.context("migrating the database")
}

/// What the policies take for every workspace. No workspace is called so.
const EVERY_WORKSPACE: &str = "*";

/// A transaction that sees one workspace's rows only, whatever is asked for in its place.
pub async fn scoped(pool: &PgPool, workspace: &str) -> sqlx::Result<Transaction<'static, Postgres>> {
    see(begun(pool, "BEGIN").await?, only(workspace)).await
}

/// As [`scoped`], and all that is read in it is of one instant: a list and its count agree.
pub async fn reading(pool: &PgPool, workspace: &str) -> sqlx::Result<Transaction<'static, Postgres>> {
    see(begun(pool, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?, only(workspace)).await
}

/// A transaction that sees every workspace's rows: for workers.
pub async fn unscoped(pool: &PgPool) -> sqlx::Result<Transaction<'static, Postgres>> {
    see(begun(pool, "BEGIN").await?, EVERY_WORKSPACE).await
}

/// Begins where a caller who goes away does not break it off half-way: the transaction would stay open on its
/// connection, perhaps a read-only one, for whoever is given that next. He waits for the connection himself, so that
/// nobody waits in his place when he has gone.
async fn begun(pool: &PgPool, statement: &'static str) -> sqlx::Result<Transaction<'static, Postgres>> {
    let connection = pool.acquire().await?;
    let begin = Transaction::begin(connection, Some(statement.into_sql_str()));
    #[expect(clippy::disallowed_methods, reason = "it ends by itself, and rolls back what nobody waits for")]
    let begun = tokio::spawn(begin);
    begun.await.unwrap_or(Err(sqlx::Error::WorkerCrashed))
}

fn only(workspace: &str) -> &str {
    if workspace == EVERY_WORKSPACE { "" } else { workspace }
}

async fn see(
    mut transaction: Transaction<'static, Postgres>,
    workspace: &str,
) -> sqlx::Result<Transaction<'static, Postgres>> {
    sqlx::query!("SELECT set_config('perennial.workspace', $1, true)", workspace)
        .fetch_one(&mut *transaction)
        .await?;
    Ok(transaction)
}
