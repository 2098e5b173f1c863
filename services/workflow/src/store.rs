//! What workflow remembers for those who ask: CTAs with their history, runs, notifications with every attempt, the
//! answers to commands, endpoints, and what is known beside the log of messages and of who gets them.
//!
//! Invariant: but for endpoints, messages, people and threads, a row is a function of the records at their positions in the log, so writing it
//! twice changes nothing.

mod ctas;
mod endpoints;
mod messages;
mod notifications;
mod people;
mod renewals;
mod runs;

use domain::decision::Decision;
use engine::{Decided, Projected};
use sqlx::PgConnection;

use crate::shown::Shown;

pub(crate) use ctas::{CtaAfter, CtaFilter, CtaRow, answer, count_ctas, cta, ctas};
pub(crate) use endpoints::{EndpointRow, Kind, disable, enable, endpoint, endpoints, endpoints_of, meet};
pub(crate) use messages::{begin_thread, meet_messages, message, thread};
pub(crate) use notifications::{
    AttemptRow, NotificationRow, Request, any_open, attempts, notifications, outcomes, requests,
};
pub(crate) use people::{
    MemberRow, SlackAddress, member, put_member, put_slack_address, remove_member, slack_address, team,
};
pub(crate) use renewals::{ForecastRow, Month, Place, RenewalFilter, RenewalRow, Which, forecast, renewals};
pub(crate) use runs::{RunFilter, RunRow, run, runs};

/// Where a page of runs or notifications goes on: behind this instant and id, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Before {
    pub at: i64,
    pub id: uuid::Uuid,
}

/// Writes decisions that were read back.
pub(crate) async fn project(
    conn: &mut PgConnection,
    items: &[Projected<Decision, Shown>],
) -> sqlx::Result<()> {
    let positions: Vec<Position<'_>> =
        items.iter().filter_map(Projected::decided).filter_map(Position::of).collect();
    ctas::project(conn, &positions).await?;
    runs::project(conn, &positions).await?;
    notifications::project(conn, &positions).await?;
    renewals::project(conn, items).await
}

/// A decision with what every row says of where it comes from.
struct Position<'a> {
    workspace: &'a str,
    account: &'a str,
    partition: i32,
    cause_offset: i64,
    cause_index: i32,
    fact_id: &'a [u8],
    catalogue_version: i64,
    valid_at: i64,
    known_at: i64,
    decision: &'a Decision,
}

impl<'a> Position<'a> {
    fn of(decided: &'a Decided<Decision>) -> Option<Self> {
        let header = &decided.header;
        let cause = header.cause.as_ref()?;
        Some(Self {
            workspace: &header.workspace,
            account: &header.account,
            partition: cause.partition.cast_signed(),
            cause_offset: cause.offset.cast_signed(),
            cause_index: cause.index.cast_signed(),
            fact_id: &header.fact_id,
            catalogue_version: header.catalogue_version.cast_signed(),
            valid_at: header.instant_at,
            known_at: decided.appended_at,
            decision: &decided.decision,
        })
    }
}

/// One column of so many rows.
fn column<R, T>(rows: &[R], of: impl Fn(&R) -> T) -> Vec<T> {
    rows.iter().map(of).collect()
}

fn uuid(id: u128) -> uuid::Uuid {
    uuid::Uuid::from_u128(id)
}
