//! Contracts as they stand, who owns their accounts, how these are, and what renews in which month.

use std::collections::BTreeMap;

use domain::decision::{Band, Decision};
use engine::Projected;
use sqlx::PgConnection;

use super::column;
use crate::shown::{Row, Shown};

/// A contract with how its account stands.
pub(crate) struct RenewalRow {
    pub account: String,
    pub contract: String,
    pub owner: String,
    pub band: Option<i16>,
    pub status: i16,
    pub verdict: i16,
    pub starts_on: Option<i32>,
    pub ends_on: Option<i32>,
    pub decides_on: Option<i32>,
    pub auto_renew: bool,
    pub arr_minor: Option<i64>,
    pub currency: String,
    pub seats: Option<i64>,
    pub product: String,
    pub open_risk_ctas: i64,
    pub more_contracts: bool,
}

/// Which contracts: empty and `None` mean any. Days are included.
#[derive(Debug, Clone, Default)]
pub(crate) struct RenewalFilter {
    pub account: String,
    pub owner: String,
    pub band: Option<i16>,
    pub verdict: Option<i16>,
    pub from: Option<i32>,
    pub to: Option<i32>,
    pub with_ended: bool,
}

/// Which day contracts are listed by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    Decision,
    Renewal,
}

/// Where a page goes on: behind this day (none: the last there is), account and contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub day: i32,
    pub account: String,
    pub contract: String,
}

/// What renews in a month, of one currency.
pub(crate) struct ForecastRow {
    pub month: String,
    pub currency: String,
    pub contracts: i64,
    pub arr: i64,
    pub red: i64,
    pub yellow: i64,
    pub green: i64,
    pub unknown: i64,
    pub renewing: i64,
    pub not_renewing: i64,
    pub undecided: i64,
    pub without_arr: i64,
    pub open_risk_ctas: i64,
}

/// Where a page of months goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Month {
    pub month: String,
    pub currency: String,
}

/// Writes what is shown; the newest of an account holds, and repeats change nothing.
pub(super) async fn project(
    conn: &mut PgConnection,
    items: &[Projected<Decision, Shown>],
) -> sqlx::Result<()> {
    let (mut accounts, mut bands) = (BTreeMap::new(), BTreeMap::new());
    for shown in items.iter().filter_map(Projected::shown) {
        let (workspace, account) = (shown.key.workspace.as_str(), shown.key.account.as_str());
        let (place, offset) = ((workspace, account), shown.offset.cast_signed());
        match &shown.shown {
            Shown::Contracts { owner, contracts, more } => {
                accounts.insert(place, Account { place, owner, contracts, more: *more, offset });
            }
            Shown::Band(band) => {
                bands.insert(place, (place, *band, offset));
            }
        }
    }
    if !bands.is_empty() {
        upsert_bands(conn, &bands.into_values().collect::<Vec<_>>()).await?;
    }
    if accounts.is_empty() {
        return Ok(());
    }
    let newer = upsert_accounts(conn, &accounts.values().collect::<Vec<_>>()).await?;
    let newer = newer.iter().filter_map(|(workspace, account)| accounts.get(&(&**workspace, &**account)));
    replace_contracts(conn, &newer.collect::<Vec<_>>()).await
}

struct Account<'a> {
    /// Workspace and account.
    place: (&'a str, &'a str),
    owner: &'a str,
    contracts: &'a [Row],
    more: bool,
    offset: i64,
}

async fn upsert_bands(
    conn: &mut PgConnection,
    rows: &[((&str, &str), Option<Band>, i64)],
) -> sqlx::Result<()> {
    let band = |band: Option<Band>| {
        band.map(|band| match band {
            Band::Red => 1_i16,
            Band::Yellow => 2,
            Band::Green => 3,
        })
    };
    sqlx::query!(
        "INSERT INTO bands (workspace, account, band, fact_offset)
         SELECT * FROM UNNEST($1::text[], $2::text[], $3::smallint[], $4::bigint[])
         ON CONFLICT (workspace, account) DO UPDATE
         SET band = excluded.band, fact_offset = excluded.fact_offset
         WHERE bands.fact_offset <= excluded.fact_offset",
        &column(rows, |(place, ..)| place.0.to_owned()),
        &column(rows, |(place, ..)| place.1.to_owned()),
        &column(rows, |(_, of, _)| band(*of)) as &[Option<i16>],
        &column(rows, |(.., offset)| *offset),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Those that were not shown by a later fact already.
async fn upsert_accounts(
    conn: &mut PgConnection,
    rows: &[&Account<'_>],
) -> sqlx::Result<Vec<(String, String)>> {
    let newer = sqlx::query!(
        "INSERT INTO accounts (workspace, account, owner, more_contracts, fact_offset)
         SELECT * FROM UNNEST($1::text[], $2::text[], $3::text[], $4::boolean[], $5::bigint[])
         ON CONFLICT (workspace, account) DO UPDATE
         SET owner = excluded.owner, more_contracts = excluded.more_contracts, fact_offset = excluded.fact_offset
         WHERE accounts.fact_offset <= excluded.fact_offset
         RETURNING workspace, account",
        &column(rows, |row| row.place.0.to_owned()),
        &column(rows, |row| row.place.1.to_owned()),
        &column(rows, |row| row.owner.to_owned()),
        &column(rows, |row| row.more),
        &column(rows, |row| row.offset),
    )
    .fetch_all(conn)
    .await?;
    Ok(newer.into_iter().map(|row| (row.workspace, row.account)).collect())
}

/// Of each account all contracts, in place of those that it had.
async fn replace_contracts(conn: &mut PgConnection, accounts: &[&Account<'_>]) -> sqlx::Result<()> {
    sqlx::query!(
        "DELETE FROM contracts USING UNNEST($1::text[], $2::text[]) AS shown (workspace, account)
         WHERE contracts.workspace = shown.workspace AND contracts.account = shown.account",
        &column(accounts, |row| row.place.0.to_owned()),
        &column(accounts, |row| row.place.1.to_owned()),
    )
    .execute(&mut *conn)
    .await?;
    let rows: Vec<((&str, &str), &Row)> = accounts
        .iter()
        .flat_map(|account| account.contracts.iter().map(|row| (account.place, row)))
        .collect();
    sqlx::query!(
        "INSERT INTO contracts (workspace, account, contract, status, verdict, starts_on, ends_on, decides_on,
                                auto_renew, arr_minor, currency, seats, product)
         SELECT * FROM UNNEST($1::text[], $2::text[], $3::text[], $4::smallint[], $5::smallint[], $6::int[],
                              $7::int[], $8::int[], $9::boolean[], $10::bigint[], $11::text[], $12::bigint[],
                              $13::text[])",
        &column(&rows, |(place, _)| place.0.to_owned()),
        &column(&rows, |(place, _)| place.1.to_owned()),
        &column(&rows, |(_, row)| row.contract.clone()),
        &column(&rows, |(_, row)| row.status),
        &column(&rows, |(_, row)| row.verdict),
        &column(&rows, |(_, row)| row.starts_on) as &[Option<i32>],
        &column(&rows, |(_, row)| row.ends_on) as &[Option<i32>],
        &column(&rows, |(_, row)| row.decides_on) as &[Option<i32>],
        &column(&rows, |(_, row)| row.auto_renew),
        &column(&rows, |(_, row)| row.arr_minor) as &[Option<i64>],
        &column(&rows, |(_, row)| row.currency.clone()),
        &column(&rows, |(_, row)| row.seats) as &[Option<i64>],
        &column(&rows, |(_, row)| row.product.clone()),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Contracts by their day, those without one last.
pub(crate) async fn renewals(
    conn: &mut PgConnection,
    workspace: &str,
    filter: &RenewalFilter,
    which: Which,
    after: Option<&Place>,
    limit: i64,
) -> sqlx::Result<Vec<RenewalRow>> {
    sqlx::query_as!(
        RenewalRow,
        r#"SELECT account AS "account!", contract AS "contract!", COALESCE(owner, '') AS "owner!", band AS "band?",
                  status AS "status!", verdict AS "verdict!", starts_on, ends_on, decides_on,
                  auto_renew AS "auto_renew!", arr_minor, currency AS "currency!", seats, product AS "product!",
                  (SELECT count(*) FROM ctas
                   WHERE ctas.workspace = $1 AND ctas.account = dated.account AND is_risk AND state <> 3)
                      AS "open_risk_ctas!",
                  COALESCE(more_contracts, false) AS "more_contracts!"
           FROM (SELECT *, COALESCE(CASE WHEN $2 THEN ends_on ELSE decides_on END, 2147483647) AS day
                 FROM contracts WHERE workspace = $1) AS dated
                LEFT JOIN accounts USING (workspace, account) LEFT JOIN bands USING (workspace, account)
           WHERE ($3 = '' OR account = $3) AND ($4 = '' OR owner = $4) AND ($5::smallint IS NULL OR band = $5)
             AND ($6::smallint IS NULL OR verdict = $6) AND ($7 OR status <> 4)
             AND ($8::int IS NULL OR day >= $8) AND ($9::int IS NULL OR day <= $9)
             AND (day < 2147483647 OR ($8 IS NULL AND $9 IS NULL))
             AND ($10::int IS NULL OR (day, account, contract) > ($10, $11, $12))
           ORDER BY day, account, contract
           LIMIT $13"#,
        workspace,
        which == Which::Renewal,
        &filter.account,
        &filter.owner,
        filter.band,
        filter.verdict,
        filter.with_ended,
        filter.from,
        filter.to,
        after.map(|after| after.day),
        after.map_or("", |after| &after.account),
        after.map_or("", |after| &after.contract),
        limit
    )
    .fetch_all(conn)
    .await
}

/// What renews in each month, by currency. Of a sum that is too large the largest number there is.
pub(crate) async fn forecast(
    conn: &mut PgConnection,
    workspace: &str,
    filter: &RenewalFilter,
    after: Option<&Month>,
    limit: i64,
) -> sqlx::Result<Vec<ForecastRow>> {
    sqlx::query_as!(
        ForecastRow,
        r#"WITH due AS (
               SELECT to_char(DATE '1970-01-01' + ends_on, 'YYYY-MM') AS month, currency, account, verdict, band,
                      arr_minor
               FROM contracts LEFT JOIN accounts USING (workspace, account)
                    LEFT JOIN bands USING (workspace, account)
               WHERE workspace = $1 AND status <> 4 AND ($2 = '' OR owner = $2)
                 AND ($3::int IS NULL OR ends_on >= $3) AND ($4::int IS NULL OR ends_on <= $4)
           ), risks AS (
               SELECT account, count(*) AS open FROM ctas
               WHERE workspace = $1 AND is_risk AND state <> 3 GROUP BY account
           ), sums AS (
               SELECT month, currency, count(*) AS contracts, sum(arr_minor) AS arr,
                      sum(arr_minor) FILTER (WHERE band = 1) AS red,
                      sum(arr_minor) FILTER (WHERE band = 2) AS yellow,
                      sum(arr_minor) FILTER (WHERE band = 3) AS green,
                      sum(arr_minor) FILTER (WHERE band IS NULL) AS unknown,
                      sum(arr_minor) FILTER (WHERE verdict = 2) AS renewing,
                      sum(arr_minor) FILTER (WHERE verdict = 3) AS not_renewing,
                      sum(arr_minor) FILTER (WHERE verdict = 1) AS undecided,
                      count(*) FILTER (WHERE arr_minor IS NULL) AS without_arr,
                      array_agg(account) AS accounts
               FROM due WHERE month IS NOT NULL GROUP BY month, currency
           )
           SELECT month AS "month!", currency AS "currency!", contracts AS "contracts!",
                  LEAST(COALESCE(arr, 0), 9223372036854775807)::bigint AS "arr!",
                  LEAST(COALESCE(red, 0), 9223372036854775807)::bigint AS "red!",
                  LEAST(COALESCE(yellow, 0), 9223372036854775807)::bigint AS "yellow!",
                  LEAST(COALESCE(green, 0), 9223372036854775807)::bigint AS "green!",
                  LEAST(COALESCE(unknown, 0), 9223372036854775807)::bigint AS "unknown!",
                  LEAST(COALESCE(renewing, 0), 9223372036854775807)::bigint AS "renewing!",
                  LEAST(COALESCE(not_renewing, 0), 9223372036854775807)::bigint AS "not_renewing!",
                  LEAST(COALESCE(undecided, 0), 9223372036854775807)::bigint AS "undecided!",
                  without_arr AS "without_arr!",
                  (SELECT COALESCE(sum(open), 0) FROM risks WHERE risks.account = ANY (accounts))::bigint
                      AS "open_risk_ctas!"
           FROM sums
           WHERE $5::text IS NULL OR (month, currency) > ($5, $6)
           ORDER BY month, currency
           LIMIT $7"#,
        workspace,
        &filter.owner,
        filter.from,
        filter.to,
        after.map(|after| after.month.as_str()),
        after.map_or("", |after| &after.currency),
        limit
    )
    .fetch_all(conn)
    .await
}
