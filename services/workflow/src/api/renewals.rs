//! Questions about contracts: what renews when, and what it is worth.

use chassis::{Problem, paging, postgres::reading};
use contracts::{
    ReadMask,
    account::Band,
    renewal::{
        By, Forecast, ForecastRenewalsRequest, ForecastRenewalsResponse, ListRenewalsRequest,
        ListRenewalsResponse, Renewal, Verdict, renewal_service_server::RenewalService,
    },
};
use domain::time::Day;
use sqlx::PgPool;
use tonic::{Request, Response, Status};

use crate::{
    shown,
    store::{self, ForecastRow, Month, Place, RenewalFilter, RenewalRow, Which},
};

/// The gRPC service over workflow's database.
pub(crate) struct RenewalApi {
    pub pool: PgPool,
}

#[tonic::async_trait]
impl RenewalService for RenewalApi {
    async fn list_renewals(
        &self,
        request: Request<ListRenewalsRequest>,
    ) -> Result<Response<ListRenewalsResponse>, Status> {
        let request = request.into_inner();
        let mask = ReadMask::new("perennial.renewal.v1.Renewal", request.read_mask.as_ref())
            .map_err(|bad| Problem::invalid("read_mask", bad.to_string()))?;
        let limit = paging::size(request.page_size, 50, 1_000)?;
        let after = paging::decode::<(i32, String, String)>(&request.page_token)?;
        let after = after.map(|(day, account, contract)| Place { day, account, contract });
        let which = if request.by() == By::Renewal { Which::Renewal } else { Which::Decision };
        let filter = filter(&request)?;
        let mut tx = reading(&self.pool, &request.workspace).await.map_err(Problem::from)?;
        let rows = store::renewals(&mut tx, &request.workspace, &filter, which, after.as_ref(), limit + 1)
            .await
            .map_err(Problem::from)?;
        let place = |row: &RenewalRow| {
            let day = if which == Which::Renewal { row.ends_on } else { row.decides_on };
            (day.unwrap_or(i32::MAX), row.account.clone(), row.contract.clone())
        };
        let (rows, next_page_token) = paging::split(rows, limit, place);
        let renewals = rows.into_iter().map(|row| mask.keep(renewal(row))).collect();
        Ok(Response::new(ListRenewalsResponse { renewals, next_page_token }))
    }

    async fn forecast_renewals(
        &self,
        request: Request<ForecastRenewalsRequest>,
    ) -> Result<Response<ForecastRenewalsResponse>, Status> {
        let request = request.into_inner();
        let limit = paging::size(request.page_size, 50, 1_000)?;
        let after = paging::decode::<(String, String)>(&request.page_token)?;
        let after = after.map(|(month, currency)| Month { month, currency });
        let filter = RenewalFilter {
            owner: shown::text(&request.owner),
            from: day("from", &request.from)?,
            to: day("to", &request.to)?,
            ..RenewalFilter::default()
        };
        let mut tx = reading(&self.pool, &request.workspace).await.map_err(Problem::from)?;
        let rows = store::forecast(&mut tx, &request.workspace, &filter, after.as_ref(), limit + 1)
            .await
            .map_err(Problem::from)?;
        let place = |row: &ForecastRow| (row.month.clone(), row.currency.clone());
        let (rows, next_page_token) = paging::split(rows, limit, place);
        let months = rows.into_iter().map(forecast).collect();
        Ok(Response::new(ForecastRenewalsResponse { months, next_page_token }))
    }
}

fn filter(request: &ListRenewalsRequest) -> Result<RenewalFilter, Problem> {
    let given = |number: i32, unspecified: i32| {
        (number != unspecified).then(|| i16::try_from(number).unwrap_or_default())
    };
    Ok(RenewalFilter {
        account: request.account.clone(),
        owner: shown::text(&request.owner),
        band: given(request.band, Band::Unspecified.into()),
        verdict: given(request.verdict, Verdict::Unspecified.into()),
        from: day("from", &request.from)?,
        to: day("to", &request.to)?,
        with_ended: request.with_ended,
    })
}

fn day(field: &str, text: &str) -> Result<Option<i32>, Problem> {
    if text.is_empty() {
        return Ok(None);
    }
    let day = Day::parse(text).ok_or_else(|| Problem::invalid(field, format!("{text:?} is no day")))?;
    Ok(Some(day.0))
}

fn renewal(row: RenewalRow) -> Renewal {
    let day = |day: Option<i32>| day.map(|day| Day(day).to_string()).unwrap_or_default();
    Renewal {
        account: row.account,
        contract: row.contract,
        owner: row.owner,
        band: row.band.unwrap_or_default().into(),
        status: row.status.into(),
        verdict: row.verdict.into(),
        starts_on: day(row.starts_on),
        ends_on: day(row.ends_on),
        decides_on: day(row.decides_on),
        auto_renew: row.auto_renew,
        arr_minor: row.arr_minor,
        currency: row.currency,
        seats: row.seats,
        product: row.product,
        open_risk_ctas: count(row.open_risk_ctas),
        more_contracts: row.more_contracts,
    }
}

fn forecast(row: ForecastRow) -> Forecast {
    Forecast {
        month: row.month,
        currency: row.currency,
        contracts: count(row.contracts),
        arr_minor: row.arr,
        red_minor: row.red,
        yellow_minor: row.yellow,
        green_minor: row.green,
        unknown_minor: row.unknown,
        renewing_minor: row.renewing,
        not_renewing_minor: row.not_renewing,
        undecided_minor: row.undecided,
        without_arr: count(row.without_arr),
        open_risk_ctas: count(row.open_risk_ctas),
    }
}

fn count(rows: i64) -> u32 {
    u32::try_from(rows).unwrap_or(u32::MAX)
}
