//! Questions about segments and their members, answered from Postgres.

use chassis::{Code, Problem, paging, postgres::reading, workers::Clocks};
use contracts::ReadMask;
use contracts::segment::{
    AwaitClockRequest, AwaitClockResponse, ExplainMembershipRequest, ExplainMembershipResponse,
    ListAccountSegmentsRequest, ListAccountSegmentsResponse, ListMembersRequest, ListMembersResponse,
    ListMembershipHistoryRequest, ListMembershipHistoryResponse, ListSegmentsRequest, ListSegmentsResponse,
    Membership, MembershipChange, SegmentSummary, segment_service_server::SegmentService,
};
use sqlx::PgPool;
use tonic::{Request, Response, Status};

use crate::store::{self, HistoryRow, MembershipRow, SegmentRow, Stays};

/// The gRPC service over segmentation's database.
pub(crate) struct SegmentApi {
    pub(crate) pool: PgPool,
    pub(crate) clocks: Clocks,
}

#[tonic::async_trait]
impl SegmentService for SegmentApi {
    async fn list_segments(
        &self,
        request: Request<ListSegmentsRequest>,
    ) -> Result<Response<ListSegmentsResponse>, Status> {
        let request = request.into_inner();
        let limit = paging::size(request.page_size, 50, 1000)?;
        let after = paging::decode::<String>(&request.page_token)?.unwrap_or_default();
        let mut tx = reading(&self.pool, &request.workspace).await.map_err(Problem::from)?;
        let rows =
            store::segments(&mut tx, &request.workspace, &after, limit + 1).await.map_err(Problem::from)?;
        let (rows, next_page_token) = paging::split(rows, limit, |row| row.segment.clone());
        Ok(Response::new(ListSegmentsResponse {
            segments: rows.into_iter().map(summary).collect(),
            next_page_token,
        }))
    }

    async fn list_account_segments(
        &self,
        request: Request<ListAccountSegmentsRequest>,
    ) -> Result<Response<ListAccountSegmentsResponse>, Status> {
        let request = request.into_inner();
        let limit = paging::size(request.page_size, 50, 1000)?;
        let after = paging::decode::<String>(&request.page_token)?.unwrap_or_default();
        let stays = Stays::OfAccount { account: &request.account, after_segment: &after };
        let rows = self.stays(&request.workspace, stays, limit + 1).await?;
        let (rows, next_page_token) = paging::split(rows, limit, |row| row.segment.clone());
        let memberships = rows.into_iter().map(membership).collect();
        Ok(Response::new(ListAccountSegmentsResponse { memberships, next_page_token }))
    }

    async fn list_members(
        &self,
        request: Request<ListMembersRequest>,
    ) -> Result<Response<ListMembersResponse>, Status> {
        let request = request.into_inner();
        let mask = ReadMask::new("perennial.segment.v1.Membership", request.read_mask.as_ref())
            .map_err(|bad| Problem::invalid("read_mask", bad.to_string()))?;
        let limit = paging::size(request.page_size, 50, 1000)?;
        let after = paging::decode::<String>(&request.page_token)?.unwrap_or_default();
        let stays = Stays::InSegment { segment: &request.segment, after_account: &after };
        let rows = self.stays(&request.workspace, stays, limit + 1).await?;
        if rows.is_empty() && after.is_empty() {
            self.is_segment(&request.workspace, &request.segment).await?;
        }
        let (rows, next_page_token) = paging::split(rows, limit, |row| row.account.clone());
        let members = rows.into_iter().map(|row| mask.keep(membership(row))).collect();
        Ok(Response::new(ListMembersResponse { members, next_page_token }))
    }

    async fn list_membership_history(
        &self,
        request: Request<ListMembershipHistoryRequest>,
    ) -> Result<Response<ListMembershipHistoryResponse>, Status> {
        let request = request.into_inner();
        let limit = paging::size(request.page_size, 50, 1000)?;
        let before = paging::decode::<(i64, i32)>(&request.page_token)?;
        let segment = (!request.segment.is_empty()).then_some(request.segment.as_str());
        let mut tx = reading(&self.pool, &request.workspace).await.map_err(Problem::from)?;
        let rows = store::history(&mut tx, &request.workspace, &request.account, segment, before, limit + 1)
            .await
            .map_err(Problem::from)?;
        let (rows, next_page_token) = paging::split(rows, limit, |row| (row.cause_offset, row.cause_index));
        let changes = rows.into_iter().map(change).collect();
        Ok(Response::new(ListMembershipHistoryResponse { changes, next_page_token }))
    }

    async fn explain_membership(
        &self,
        request: Request<ExplainMembershipRequest>,
    ) -> Result<Response<ExplainMembershipResponse>, Status> {
        let ExplainMembershipRequest { workspace, account, segment } = request.into_inner();
        let mut tx = reading(&self.pool, &workspace).await.map_err(Problem::from)?;
        let last = store::history(&mut tx, &workspace, &account, Some(&segment), None, 1).await;
        let Some(last) = last.map_err(Problem::from)?.into_iter().next() else {
            drop(tx);
            self.is_segment(&workspace, &segment).await?;
            let message = format!("account {account:?} has never been in segment {segment:?}");
            return Err(Problem::new(Code::NotFound, "NEVER_A_MEMBER", message).into());
        };
        Ok(Response::new(ExplainMembershipResponse { last_change: Some(change(last)) }))
    }

    async fn await_clock(
        &self,
        request: Request<AwaitClockRequest>,
    ) -> Result<Response<AwaitClockResponse>, Status> {
        let AwaitClockRequest { workspace, to_at } = request.into_inner();
        self.clocks.wait(&workspace, to_at, || async { Ok(true) }).await?;
        Ok(Response::new(AwaitClockResponse {}))
    }
}

impl SegmentApi {
    async fn stays(
        &self,
        workspace: &str,
        stays: Stays<'_>,
        limit: i64,
    ) -> Result<Vec<MembershipRow>, Problem> {
        let mut tx = reading(&self.pool, workspace).await?;
        Ok(store::memberships(&mut tx, workspace, stays, limit).await?)
    }

    /// A misspelt name is not to look like an empty segment.
    async fn is_segment(&self, workspace: &str, segment: &str) -> Result<(), Problem> {
        let mut tx = reading(&self.pool, workspace).await?;
        if store::is_segment(&mut tx, workspace, segment).await? {
            return Ok(());
        }
        Err(Problem::not_found(format!("segment {segment:?} in workspace {workspace:?}")))
    }
}

fn summary(row: SegmentRow) -> SegmentSummary {
    SegmentSummary {
        segment: row.segment,
        title: row.title,
        members: (row.enters - row.leaves).cast_unsigned(),
        enters: row.enters.cast_unsigned(),
        leaves: row.leaves.cast_unsigned(),
    }
}

fn membership(row: MembershipRow) -> Membership {
    Membership {
        account: row.account,
        segment: row.segment,
        episode: row.change.episode,
        since_at: row.since_at,
        known_at: row.known_at,
        reasons: row.change.reasons,
        cause: format!("{}/{}", row.log_partition, row.cause_offset),
        fact_id: contracts::hex_id(&row.fact_id),
    }
}

fn change(row: HistoryRow) -> MembershipChange {
    let change = row.change;
    MembershipChange {
        segment: change.segment,
        member: change.member,
        episode: change.episode,
        reasons: change.reasons,
        valid_at: row.valid_at,
        known_at: row.known_at,
        cause: format!("{}/{}", row.log_partition, row.cause_offset),
        fact_id: contracts::hex_id(&row.fact_id),
        initial: change.initial,
        by_catalogue: change.by_catalogue,
        catalogue_version: row.catalogue_version.cast_unsigned(),
    }
}
