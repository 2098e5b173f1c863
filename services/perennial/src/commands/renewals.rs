//! `perennial renewals list | forecast`.

use anyhow::Result;
use clap::{Args, Subcommand, ValueEnum};
use contracts::renewal::{
    By, ContractStatus, Forecast, ForecastRenewalsRequest, ListRenewalsRequest, Renewal, Verdict,
};

use super::health::BandArg;
use crate::cli::{Limit, Target};
use crate::import::digits_of;
use crate::{clients, words};

#[derive(Args)]
pub(crate) struct Renewals {
    #[command(flatten)]
    target: Target,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// List contracts by the day on which they are decided, or renew.
    #[command(alias = "ls")]
    List(List),
    /// What renews in each month, by currency, and how much of it is at risk.
    Forecast(Ahead),
}

#[derive(Args)]
struct List {
    /// Only of this account.
    #[arg(long)]
    account: Option<String>,
    /// Only of accounts in this band.
    #[arg(long, value_enum)]
    band: Option<BandArg>,
    /// Only those about which the customer has decided so.
    #[arg(long, value_enum)]
    verdict: Option<VerdictArg>,
    /// By which day.
    #[arg(long, value_enum, default_value_t = ByArg::Decision)]
    by: ByArg,
    /// Those that have ended too.
    #[arg(long)]
    ended: bool,
    #[command(flatten)]
    ahead: Ahead,
}

#[derive(Args)]
struct Ahead {
    /// Only of this owner, by the account's trait `owner`.
    #[arg(long)]
    owner: Option<String>,
    /// From this day on, 2027-03-31.
    #[arg(long, value_name = "DAY")]
    from: Option<String>,
    /// Up to this day.
    #[arg(long, value_name = "DAY")]
    to: Option<String>,
    #[command(flatten)]
    limit: Limit,
}

#[derive(Clone, Copy, ValueEnum)]
enum VerdictArg {
    Undecided,
    Renewing,
    #[value(name = "not_renewing", alias = "not-renewing")]
    NotRenewing,
}

#[derive(Clone, Copy, ValueEnum)]
enum ByArg {
    Decision,
    Renewal,
}

impl Renewals {
    pub(crate) async fn run(self) -> Result<()> {
        match self.command {
            Command::List(asked) => list(&self.target, asked).await,
            Command::Forecast(ahead) => forecast(&self.target, ahead).await,
        }
    }
}

async fn list(target: &Target, asked: List) -> Result<()> {
    let verdict = asked.verdict.map_or(Verdict::Unspecified, |verdict| match verdict {
        VerdictArg::Undecided => Verdict::Undecided,
        VerdictArg::Renewing => Verdict::Renewing,
        VerdictArg::NotRenewing => Verdict::NotRenewing,
    });
    let by = match asked.by {
        ByArg::Decision => By::Decision,
        ByArg::Renewal => By::Renewal,
    };
    let request = ListRenewalsRequest {
        workspace: target.workspace.clone(),
        account: asked.account.unwrap_or_default(),
        owner: asked.ahead.owner.unwrap_or_default(),
        band: BandArg::of(asked.band).into(),
        verdict: verdict.into(),
        by: by.into(),
        from: asked.ahead.from.unwrap_or_default(),
        to: asked.ahead.to.unwrap_or_default(),
        with_ended: asked.ended,
        ..ListRenewalsRequest::default()
    };
    let mut client = clients::renewals(&target.grpc).await?;
    let renewals = clients::pages(asked.ahead.limit.limit, async |page_size, page_token| {
        let request = ListRenewalsRequest { page_size, page_token, ..request.clone() };
        let page = client.list_renewals(request).await?.into_inner();
        Ok((page.renewals, page.next_page_token))
    })
    .await?;
    let headers = [
        "decides",
        "renews",
        "account",
        "contract",
        "arr",
        "band",
        "verdict",
        "status",
        "owner",
        "risk calls",
    ];
    target.list("perennial.renewal.v1.Renewal", &renewals, &headers, row).await?;
    if renewals.iter().any(|renewal| renewal.more_contracts) {
        eprintln!("Of an account with more contracts than are kept, not all are here.");
    }
    Ok(())
}

async fn forecast(target: &Target, ahead: Ahead) -> Result<()> {
    let request = ForecastRenewalsRequest {
        workspace: target.workspace.clone(),
        owner: ahead.owner.unwrap_or_default(),
        from: ahead.from.unwrap_or_default(),
        to: ahead.to.unwrap_or_default(),
        ..ForecastRenewalsRequest::default()
    };
    let mut client = clients::renewals(&target.grpc).await?;
    let months = clients::pages(ahead.limit.limit, async |page_size, page_token| {
        let request = ForecastRenewalsRequest { page_size, page_token, ..request.clone() };
        let page = client.forecast_renewals(request).await?.into_inner();
        Ok((page.months, page.next_page_token))
    });
    let headers = [
        "month",
        "contracts",
        "arr",
        "red",
        "yellow",
        "green",
        "unknown",
        "renewing",
        "not renewing",
        "without arr",
        "risk calls",
    ];
    target.list("perennial.renewal.v1.Forecast", &months.await?, &headers, month).await
}

fn row(renewal: &Renewal) -> Vec<String> {
    let day = |day: &str| if day.is_empty() { "-".to_owned() } else { day.to_owned() };
    let contract =
        if renewal.contract.is_empty() { "(its traits)".to_owned() } else { renewal.contract.clone() };
    vec![
        day(&renewal.decides_on),
        day(&renewal.ends_on),
        renewal.account.clone(),
        contract,
        renewal.arr_minor.map_or("-".to_owned(), |arr| money(arr, &renewal.currency)),
        words::band(renewal.band()).to_owned(),
        verdict(renewal.verdict()).to_owned(),
        status(renewal.status()).to_owned(),
        renewal.owner.clone(),
        renewal.open_risk_ctas.to_string(),
    ]
}

fn month(month: &Forecast) -> Vec<String> {
    let money = |minor| money(minor, &month.currency);
    vec![
        month.month.clone(),
        month.contracts.to_string(),
        money(month.arr_minor),
        money(month.red_minor),
        money(month.yellow_minor),
        money(month.green_minor),
        money(month.unknown_minor),
        money(month.renewing_minor),
        money(month.not_renewing_minor),
        month.without_arr.to_string(),
        month.open_risk_ctas.to_string(),
    ]
}

fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Unspecified => "-",
        Verdict::Undecided => "undecided",
        Verdict::Renewing => "renewing",
        Verdict::NotRenewing => "not_renewing",
    }
}

fn status(status: ContractStatus) -> &'static str {
    match status {
        ContractStatus::Unspecified => "-",
        ContractStatus::Active => "active",
        ContractStatus::Renewed => "renewed",
        ContractStatus::Ending => "ending",
        ContractStatus::Ended => "ended",
    }
}

/// `84000.00 USD`.
fn money(minor: i64, currency: &str) -> String {
    let digits = usize::from(digits_of(currency));
    let sign = if minor < 0 { "-" } else { "" };
    let figures = format!("{:0>width$}", minor.unsigned_abs(), width = digits + 1);
    let (whole, rest) = figures.split_at(figures.len() - digits);
    let point = if digits == 0 { "" } else { "." };
    format!("{sign}{whole}{point}{rest} {currency}").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::money;

    #[test]
    fn money_has_the_digits_of_its_currency() {
        for (minor, currency, shown) in [
            (8_400_000, "USD", "84000.00 USD"),
            (5, "EUR", "0.05 EUR"),
            (-1_200, "JPY", "-1200 JPY"),
            (1, "KWD", "0.001 KWD"),
            (0, "", "0.00"),
        ] {
            assert_eq!(money(minor, currency), shown);
        }
    }
}
