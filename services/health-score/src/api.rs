//! Questions about health, answered from Postgres.

use chassis::{Problem, paging, postgres::reading, workers::Clocks};
use contracts::ReadMask;
use contracts::{
    account::Band,
    health::{
        AwaitClockRequest, AwaitClockResponse, CountBandsRequest, CountBandsResponse, ExplainHealthRequest,
        ExplainHealthResponse, GetHealthRequest, GetHealthResponse, Health, HealthChange,
        ListHealthHistoryRequest, ListHealthHistoryResponse, ListHealthRequest, ListHealthResponse,
        health_service_server::HealthService,
    },
};
use sqlx::{PgConnection, PgPool};
use tonic::{Request, Response, Status};

use crate::{
    fold::Owner,
    store::{self, After, Filter, HealthRow, HistoryRow},
};

/// The gRPC service over health-score's database.
pub(crate) struct HealthApi {
    pub(crate) pool: PgPool,
    pub(crate) clocks: Clocks,
}

#[tonic::async_trait]
impl HealthService for HealthApi {
    async fn get_health(
        &self,
        request: Request<GetHealthRequest>,
    ) -> Result<Response<GetHealthResponse>, Status> {
        let GetHealthRequest { workspace, account } = request.into_inner();
        let mut tx = reading(&self.pool, &workspace).await.map_err(Problem::from)?;
        let row = scored(&mut tx, &workspace, &account).await?;
        Ok(Response::new(GetHealthResponse { health: Some(health(row)) }))
    }

    async fn explain_health(
        &self,
        request: Request<ExplainHealthRequest>,
    ) -> Result<Response<ExplainHealthResponse>, Status> {
        let ExplainHealthRequest { workspace, account } = request.into_inner();
        let mut tx = reading(&self.pool, &workspace).await.map_err(Problem::from)?;
        let row = scored(&mut tx, &workspace, &account).await?;
        let newest = store::history(&mut tx, &workspace, &account, None, 2).await.map_err(Problem::from)?;
        let mut newest = newest.into_iter();
        let last_change = newest.next().map(change);
        let scorecard_before = newest.next().map(|before| before.change.scorecard).unwrap_or_default();
        Ok(Response::new(ExplainHealthResponse { health: Some(health(row)), last_change, scorecard_before }))
    }

    async fn list_health(
        &self,
        request: Request<ListHealthRequest>,
    ) -> Result<Response<ListHealthResponse>, Status> {
        let request = request.into_inner();
        let mask = ReadMask::new("perennial.health.v1.Health", request.read_mask.as_ref())
            .map_err(|bad| Problem::invalid("read_mask", bad.to_string()))?;
        let limit = paging::size(request.page_size, 50, 1000)?;
        let after = paging::decode::<(i16, String)>(&request.page_token)?;
        let after = after.map(|(score, account)| After { score, account });
        let band = (request.band() != Band::Unspecified).then_some(request.band);
        let band = band.map(|band| i16::try_from(band).unwrap_or_default());
        let owner = (!request.owner.is_empty()).then(|| Owner::of(&request.owner));
        let filter = Filter { band, owner };
        let mut tx = reading(&self.pool, &request.workspace).await.map_err(Problem::from)?;
        let rows = store::accounts(&mut tx, &request.workspace, &filter, after.as_ref(), limit + 1)
            .await
            .map_err(Problem::from)?;
        let (rows, next_page_token) =
            paging::split(rows, limit, |row| (row.score.unwrap_or(101), row.account.clone()));
        Ok(Response::new(ListHealthResponse {
            accounts: rows.into_iter().map(|row| mask.keep(health(row))).collect(),
            next_page_token,
        }))
    }

    async fn count_bands(
        &self,
        request: Request<CountBandsRequest>,
    ) -> Result<Response<CountBandsResponse>, Status> {
        let workspace = request.into_inner().workspace;
        let mut tx = reading(&self.pool, &workspace).await.map_err(Problem::from)?;
        let mut counts = CountBandsResponse::default();
        for count in store::bands(&mut tx, &workspace).await.map_err(Problem::from)? {
            let accounts = count.accounts.cast_unsigned();
            match count.band {
                Some(1) => counts.red = accounts,
                Some(2) => counts.yellow = accounts,
                Some(_) => counts.green = accounts,
                None => counts.unknown = accounts,
            }
        }
        Ok(Response::new(counts))
    }

    async fn list_health_history(
        &self,
        request: Request<ListHealthHistoryRequest>,
    ) -> Result<Response<ListHealthHistoryResponse>, Status> {
        let request = request.into_inner();
        let limit = paging::size(request.page_size, 50, 1000)?;
        let before = paging::decode::<(i64, i32)>(&request.page_token)?;
        let mut tx = reading(&self.pool, &request.workspace).await.map_err(Problem::from)?;
        let rows = store::history(&mut tx, &request.workspace, &request.account, before, limit + 1)
            .await
            .map_err(Problem::from)?;
        let (rows, next_page_token) = paging::split(rows, limit, |row| (row.cause_offset, row.cause_index));
        let changes = rows.into_iter().map(change).collect();
        Ok(Response::new(ListHealthHistoryResponse { changes, next_page_token }))
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

/// What there is of an account, if anything was ever decided about it.
async fn scored(conn: &mut PgConnection, workspace: &str, account: &str) -> Result<HealthRow, Problem> {
    let row = store::health(conn, workspace, account).await?;
    row.ok_or_else(|| Problem::not_found(format!("health of account {account:?} in workspace {workspace:?}")))
}

fn health(row: HealthRow) -> Health {
    let change = row.change;
    Health {
        account: row.account,
        owner: row.owner,
        score: change.score,
        band: change.band,
        scorecard: change.scorecard,
        known_weight: change.known_weight,
        cap: change.cap,
        valid_at: row.valid_at,
        known_at: row.known_at,
        contributions: change.contributions,
    }
}

fn change(row: HistoryRow) -> HealthChange {
    let change = row.change;
    HealthChange {
        score: change.score,
        band: change.band,
        score_before: change.score_before,
        band_before: change.band_before,
        drivers: change.drivers,
        valid_at: row.valid_at,
        known_at: row.known_at,
        cause: format!("{}/{}", row.log_partition, row.cause_offset),
        fact_id: contracts::hex_id(&row.fact_id),
        initial: change.initial,
        by_catalogue: change.by_catalogue,
        catalogue_version: row.catalogue_version.cast_unsigned(),
    }
}
