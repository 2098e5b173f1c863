//! Questions about CTAs, runs and notifications, answered from Postgres; commands, appended to their account's log.

mod ask;
mod people;
mod renewals;
mod wire;

use std::{sync::Arc, time::Duration};

use chassis::{
    Problem, Shutdown, paging,
    postgres::{reading, scoped},
    workers::Clocks,
};
use contracts::ReadMask;
use contracts::{
    account::CtaState,
    cta::{
        AwaitClockRequest, AwaitClockResponse, CloseCtaRequest, CloseCtaResponse, CompleteCtaTaskRequest,
        CompleteCtaTaskResponse, DecideRunRequest, DecideRunResponse, EnableEndpointRequest,
        EnableEndpointResponse, GetCtaRequest, GetCtaResponse, ListCtasRequest, ListCtasResponse,
        ListEndpointsRequest, ListEndpointsResponse, ListNotificationsRequest, ListNotificationsResponse,
        ListRunsRequest, ListRunsResponse, ListTeamRequest, ListTeamResponse, PutTeamMemberRequest,
        PutTeamMemberResponse, ReassignCtaRequest, ReassignCtaResponse, RemoveTeamMemberRequest,
        RemoveTeamMemberResponse, SetEndpointRequest, SetEndpointResponse, SnoozeCtaRequest,
        SnoozeCtaResponse, TakeCtaRequest, TakeCtaResponse, cta_service_server::CtaService,
    },
};
use domain::{command::CtaCommand, time::Instant};
use ephemera::Hearing;
use eventlog::Log;
use sqlx::PgPool;
use tonic::{Request, Response, Status};
use uuid::Uuid;

pub(crate) use renewals::RenewalApi;

use crate::store::{self, Before, CtaAfter, CtaFilter, RunFilter};

/// The gRPC service over workflow's database and the account log.
pub(crate) struct CtaApi {
    pub log: Arc<dyn Log>,
    pub pool: PgPool,
    pub clocks: Clocks,
    /// Where it is told which commands have their answer.
    pub answers: Hearing,
    /// How long a command waits for its answer.
    pub command_deadline: Duration,
    /// Then no answer will come here any more.
    pub shutdown: Shutdown,
}

#[tonic::async_trait]
impl CtaService for CtaApi {
    async fn list_ctas(
        &self,
        request: Request<ListCtasRequest>,
    ) -> Result<Response<ListCtasResponse>, Status> {
        let request = request.into_inner();
        let mask = ReadMask::new("perennial.cta.v1.Cta", request.read_mask.as_ref())
            .map_err(|bad| Problem::invalid("read_mask", bad.to_string()))?;
        let limit = paging::size(request.page_size, 50, 1_000)?;
        let after = paging::decode::<(bool, i32, i64, u128)>(&request.page_token)?;
        let after = after.map(|(closed, priority, opened_at, cta)| CtaAfter {
            closed,
            priority,
            opened_at,
            cta: Uuid::from_u128(cta),
        });
        let state = (request.state() != CtaState::Unspecified).then_some(request.state);
        let state = state.map(|state| i16::try_from(state).unwrap_or_default());
        let filter = CtaFilter { account: request.account, owner: request.owner, state };
        let workspace = &request.workspace;
        let mut tx = reading(&self.pool, workspace).await.map_err(Problem::from)?;
        let rows = store::ctas(&mut tx, workspace, &filter, after.as_ref(), limit + 1).await;
        let total = store::count_ctas(&mut tx, workspace, &filter).await.map_err(Problem::from)?;
        let closed = i32::from(CtaState::Closed);
        let place = |row: &store::CtaRow| {
            (row.change.state == closed, row.priority, row.opened_at, row.cta.as_u128())
        };
        let (rows, next_page_token) = paging::split(rows.map_err(Problem::from)?, limit, place);
        let ctas = rows.into_iter().map(|row| mask.keep(wire::cta(row))).collect();
        Ok(Response::new(ListCtasResponse { ctas, next_page_token, total_size: total.cast_unsigned() }))
    }

    async fn get_cta(&self, request: Request<GetCtaRequest>) -> Result<Response<GetCtaResponse>, Status> {
        let GetCtaRequest { workspace, cta } = request.into_inner();
        let cta = wire::cta(self.find(&workspace, wire::id("cta", &cta)?).await?);
        Ok(Response::new(GetCtaResponse { cta: Some(cta) }))
    }

    async fn take_cta(&self, request: Request<TakeCtaRequest>) -> Result<Response<TakeCtaResponse>, Status> {
        let cta = self.ask(request.into_inner().command, CtaCommand::Take).await?;
        Ok(Response::new(TakeCtaResponse { cta: Some(cta) }))
    }

    async fn snooze_cta(
        &self,
        request: Request<SnoozeCtaRequest>,
    ) -> Result<Response<SnoozeCtaResponse>, Status> {
        let SnoozeCtaRequest { command, until_at } = request.into_inner();
        let cta = self.ask(command, CtaCommand::Snooze { until: Instant(until_at) }).await?;
        Ok(Response::new(SnoozeCtaResponse { cta: Some(cta) }))
    }

    async fn close_cta(
        &self,
        request: Request<CloseCtaRequest>,
    ) -> Result<Response<CloseCtaResponse>, Status> {
        let CloseCtaRequest { command, outcome } = request.into_inner();
        let cta = self.ask(command, CtaCommand::Close { outcome }).await?;
        Ok(Response::new(CloseCtaResponse { cta: Some(cta) }))
    }

    async fn reassign_cta(
        &self,
        request: Request<ReassignCtaRequest>,
    ) -> Result<Response<ReassignCtaResponse>, Status> {
        let ReassignCtaRequest { command, owner } = request.into_inner();
        let cta = self.ask(command, CtaCommand::Reassign { owner }).await?;
        Ok(Response::new(ReassignCtaResponse { cta: Some(cta) }))
    }

    async fn complete_cta_task(
        &self,
        request: Request<CompleteCtaTaskRequest>,
    ) -> Result<Response<CompleteCtaTaskResponse>, Status> {
        let CompleteCtaTaskRequest { command, task } = request.into_inner();
        let cta = self.ask(command, CtaCommand::CompleteTask { task }).await?;
        Ok(Response::new(CompleteCtaTaskResponse { cta: Some(cta) }))
    }

    async fn decide_run(
        &self,
        request: Request<DecideRunRequest>,
    ) -> Result<Response<DecideRunResponse>, Status> {
        let run = self.decide(request.into_inner()).await?;
        Ok(Response::new(DecideRunResponse { run: Some(run) }))
    }

    async fn list_runs(
        &self,
        request: Request<ListRunsRequest>,
    ) -> Result<Response<ListRunsResponse>, Status> {
        let ListRunsRequest { workspace, account, playbook, page_size, page_token, awaiting_approval } =
            request.into_inner();
        let filter = RunFilter { account, playbook, awaiting_approval };
        let limit = paging::size(page_size, 50, 1_000)?;
        let before = before(&page_token)?;
        let mut tx = reading(&self.pool, &workspace).await.map_err(Problem::from)?;
        let rows = store::runs(&mut tx, &workspace, &filter, before.as_ref(), limit + 1).await;
        let place = |row: &store::RunRow| (row.started_at, row.run.as_u128());
        let (rows, next_page_token) = paging::split(rows.map_err(Problem::from)?, limit, place);
        let runs = rows.into_iter().map(wire::run).collect();
        Ok(Response::new(ListRunsResponse { runs, next_page_token }))
    }

    async fn list_notifications(
        &self,
        request: Request<ListNotificationsRequest>,
    ) -> Result<Response<ListNotificationsResponse>, Status> {
        let ListNotificationsRequest { workspace, account, page_size, page_token, read_mask } =
            request.into_inner();
        let mask = ReadMask::new("perennial.cta.v1.Notification", read_mask.as_ref())
            .map_err(|bad| Problem::invalid("read_mask", bad.to_string()))?;
        let limit = paging::size(page_size, 50, 500)?;
        let before = before(&page_token)?;
        let mut tx = reading(&self.pool, &workspace).await.map_err(Problem::from)?;
        let rows = store::notifications(&mut tx, &workspace, &account, before.as_ref(), limit + 1).await;
        let place = |row: &store::NotificationRow| (row.requested_at, row.notification.as_u128());
        let (rows, next_page_token) = paging::split(rows.map_err(Problem::from)?, limit, place);
        let ids: Vec<Uuid> = rows.iter().map(|row| row.notification).collect();
        let attempts = store::attempts(&mut tx, &workspace, &ids).await.map_err(Problem::from)?;
        let notifications = wire::notifications(rows, attempts).into_iter().map(|it| mask.keep(it)).collect();
        Ok(Response::new(ListNotificationsResponse { notifications, next_page_token }))
    }

    async fn list_endpoints(
        &self,
        request: Request<ListEndpointsRequest>,
    ) -> Result<Response<ListEndpointsResponse>, Status> {
        let ListEndpointsRequest { workspace, page_size, page_token } = request.into_inner();
        let limit = paging::size(page_size, 50, 1_000)?;
        let after = paging::decode::<String>(&page_token)?.unwrap_or_default();
        let mut tx = reading(&self.pool, &workspace).await.map_err(Problem::from)?;
        let rows = store::endpoints(&mut tx, &workspace, &after, limit + 1).await.map_err(Problem::from)?;
        let (rows, next_page_token) = paging::split(rows, limit, |row| row.endpoint.clone());
        let mut endpoints = Vec::with_capacity(rows.len());
        for row in rows {
            let address = store::slack_address(&mut tx, &workspace, &row.endpoint).await;
            endpoints.push(wire::endpoint(row, address.map_err(Problem::from)?));
        }
        Ok(Response::new(ListEndpointsResponse { endpoints, next_page_token }))
    }

    async fn enable_endpoint(
        &self,
        request: Request<EnableEndpointRequest>,
    ) -> Result<Response<EnableEndpointResponse>, Status> {
        let EnableEndpointRequest { workspace, endpoint } = request.into_inner();
        let mut tx = scoped(&self.pool, &workspace).await.map_err(Problem::from)?;
        let row = store::enable(&mut tx, &workspace, &endpoint).await.map_err(Problem::from)?;
        let missing = || Problem::not_found(format!("endpoint {endpoint:?} in workspace {workspace:?}"));
        let row = row.ok_or_else(missing)?;
        let address = store::slack_address(&mut tx, &workspace, &endpoint).await.map_err(Problem::from)?;
        let endpoint = wire::endpoint(row, address);
        tx.commit().await.map_err(Problem::from)?;
        Ok(Response::new(EnableEndpointResponse { endpoint: Some(endpoint) }))
    }

    async fn set_endpoint(
        &self,
        request: Request<SetEndpointRequest>,
    ) -> Result<Response<SetEndpointResponse>, Status> {
        let endpoint = people::set_endpoint(&self.pool, request.into_inner()).await?;
        Ok(Response::new(SetEndpointResponse { endpoint: Some(endpoint) }))
    }

    async fn put_team_member(
        &self,
        request: Request<PutTeamMemberRequest>,
    ) -> Result<Response<PutTeamMemberResponse>, Status> {
        let member = people::put_member(&self.pool, request.into_inner()).await?;
        Ok(Response::new(PutTeamMemberResponse { member: Some(member) }))
    }

    async fn list_team(
        &self,
        request: Request<ListTeamRequest>,
    ) -> Result<Response<ListTeamResponse>, Status> {
        Ok(Response::new(people::list(&self.pool, request.into_inner()).await?))
    }

    async fn remove_team_member(
        &self,
        request: Request<RemoveTeamMemberRequest>,
    ) -> Result<Response<RemoveTeamMemberResponse>, Status> {
        people::remove(&self.pool, request.into_inner()).await?;
        Ok(Response::new(RemoveTeamMemberResponse {}))
    }

    /// Waits as long as its caller does.
    async fn await_clock(
        &self,
        request: Request<AwaitClockRequest>,
    ) -> Result<Response<AwaitClockResponse>, Status> {
        let AwaitClockRequest { workspace, to_at } = request.into_inner();
        self.clocks.wait(&workspace, to_at, || self.is_quiet(&workspace)).await?;
        Ok(Response::new(AwaitClockResponse {}))
    }
}

impl CtaApi {
    async fn find(&self, workspace: &str, cta: Uuid) -> Result<store::CtaRow, Problem> {
        let mut tx = reading(&self.pool, workspace).await?;
        let row = store::cta(&mut tx, workspace, cta).await?;
        let message = || format!("there is no CTA {cta} in workspace {workspace:?}");
        row.ok_or_else(|| Problem::new(chassis::Code::NotFound, "CTA_NOT_FOUND", message()))
    }

    async fn find_run(&self, workspace: &str, run: Uuid) -> Result<store::RunRow, Problem> {
        let mut tx = reading(&self.pool, workspace).await?;
        let row = store::run(&mut tx, workspace, run).await?;
        let message = || format!("there is no run {run} in workspace {workspace:?}");
        row.ok_or_else(|| Problem::new(chassis::Code::NotFound, "RUN_NOT_FOUND", message()))
    }

    /// Whether no delivery is open.
    async fn is_quiet(&self, workspace: &str) -> Result<bool, Problem> {
        let mut tx = reading(&self.pool, workspace).await?;
        Ok(!store::any_open(&mut tx, workspace).await?)
    }
}

fn before(token: &str) -> Result<Option<Before>, Problem> {
    Ok(paging::decode::<(i64, u128)>(token)?.map(|(at, id)| Before { at, id: Uuid::from_u128(id) }))
}
