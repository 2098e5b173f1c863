//! Contracts as people ask for them: listed by their day, and summed up by month.

use std::time::{Duration, Instant};

use anyhow::ensure;
use contracts::{
    account::{AccountTraits, Band, ContractTerms, HealthChanged, NamedValue, account_record::Kind, value},
    renewal::{By, Forecast, ForecastRenewalsRequest, ListRenewalsRequest, Renewal, Verdict},
};
use tonic::Code;

use crate::{
    receiver::Receiver,
    support::{WORKSPACE, World, config},
};

fn named(name: &str, kind: value::Kind) -> NamedValue {
    NamedValue { name: name.into(), value: Some(contracts::account::Value { kind: Some(kind) }) }
}

fn text(name: &str, text: &str) -> NamedValue {
    named(name, value::Kind::Text(text.into()))
}

fn whole(name: &str, number: i64) -> NamedValue {
    named(name, value::Kind::Decimal(number * 1_000_000))
}

fn contract(contract: &str, terms: Vec<NamedValue>) -> Kind {
    Kind::ContractTerms(ContractTerms { contract: contract.into(), terms })
}

/// `day account contract arr currency band verdict owner risks`.
fn shown(it: &Renewal) -> String {
    format!(
        "{} {} {} {:?} {} {} {} {} {}",
        it.decides_on,
        it.account,
        it.contract,
        it.arr_minor.unwrap_or_default(),
        it.currency,
        it.band().as_str_name().trim_start_matches("BAND_"),
        it.verdict().as_str_name().trim_start_matches("VERDICT_"),
        it.owner,
        it.open_risk_ctas
    )
}

async fn listed(world: &mut World, request: ListRenewalsRequest) -> anyhow::Result<Vec<String>> {
    let (mut found, mut page_token) = (Vec::new(), String::new());
    loop {
        let workspace = WORKSPACE.to_owned();
        let request = ListRenewalsRequest { workspace, page_size: 2, page_token, ..request.clone() };
        let page = world.renewals.list_renewals(request).await?.into_inner();
        found.extend(page.renewals.iter().map(shown));
        if page.next_page_token.is_empty() {
            return Ok(found);
        }
        page_token = page.next_page_token;
    }
}

async fn soon_listed(world: &mut World, expected: &[&str]) -> anyhow::Result<()> {
    let begun = Instant::now();
    loop {
        let found = listed(world, ListRenewalsRequest::default()).await?;
        if found == expected {
            return Ok(());
        }
        ensure!(begun.elapsed() < Duration::from_secs(30), "not soon: {found:#?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Two accounts with contracts, and one whose traits make one; the first is red and has an open risk CTA.
async fn told() -> anyhow::Result<World> {
    let receiver = Receiver::start([]).await?;
    let world = World::start(config(), &receiver.url()).await?;
    let yearly = vec![
        text("end_date", "2027-03-31"),
        whole("notice_days", 30),
        named("auto_renew", value::Kind::Bool(true)),
        whole("arr_minor", 100_000),
        text("currency", "EUR"),
    ];
    world.hold(true);
    let cause = world.say("bolt", 1, contract("B-1", yearly)).await?;
    let red = HealthChanged { score: Some(20), band: Band::Red.into(), ..HealthChanged::default() };
    world.decide("bolt", cause, Kind::HealthChanged(red)).await?;
    world.hold(false);
    let other = vec![text("end_date", "2027-03-01"), text("verdict", "renewing"), whole("arr_minor", 7)];
    world.say("bolt", 2, contract("B-2", other)).await?;
    let traits = vec![text("owner", "Ann"), text("currency", "EUR")];
    world.say("bolt", 3, Kind::AccountTraits(AccountTraits { traits })).await?;
    world.order_of("bolt", 4).await?;
    let traits = vec![text("renewal_date", "2027-03-05"), whole("arr_minor", 500), text("owner", "Bea")];
    world.say("acme", 5, Kind::AccountTraits(AccountTraits { traits })).await?;
    world.say("crux", 6, contract("C-1", vec![text("status", "ending")])).await?;
    world.say("crux", 7, contract("C-2", vec![text("status", "ended")])).await?;
    Ok(world)
}

const ALL: [&str; 4] = [
    "2027-03-01 bolt B-1 100000 EUR RED UNDECIDED Ann 1",
    "2027-03-01 bolt B-2 7 EUR RED RENEWING Ann 1",
    "2027-03-05 acme  500  UNSPECIFIED UNDECIDED Bea 0",
    " crux C-1 0  UNSPECIFIED NOT_RENEWING  0",
];

#[tokio::test(flavor = "multi_thread")]
async fn contracts_are_listed_by_the_day_on_which_they_are_decided() -> anyhow::Result<()> {
    let mut world = told().await?;
    soon_listed(&mut world, &ALL).await?;
    let of_ann = ListRenewalsRequest { owner: "Ann".into(), ..Default::default() };
    assert_eq!(listed(&mut world, of_ann).await?, ALL[..2]);
    let red = ListRenewalsRequest { band: Band::Red.into(), by: By::Renewal.into(), ..Default::default() };
    assert_eq!(listed(&mut world, red).await?, [ALL[1], ALL[0]], "the one with notice renews later");
    let lost = ListRenewalsRequest { verdict: Verdict::NotRenewing.into(), ..Default::default() };
    assert_eq!(listed(&mut world, lost).await?, ALL[3..]);
    let march =
        ListRenewalsRequest { from: "2027-03-02".into(), to: "2027-03-05".into(), ..Default::default() };
    assert_eq!(listed(&mut world, march).await?, ALL[2..3]);
    let ended = ListRenewalsRequest { account: "crux".into(), with_ended: true, ..Default::default() };
    assert_eq!(listed(&mut world, ended).await?.len(), 2);
    let bad = ListRenewalsRequest { workspace: WORKSPACE.into(), from: "soon".into(), ..Default::default() };
    assert_eq!(world.renewals.list_renewals(bad).await.unwrap_err().code(), Code::InvalidArgument);
    world.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_shown_is_replaced_by_what_is_said_later() -> anyhow::Result<()> {
    let mut world = told().await?;
    soon_listed(&mut world, &ALL).await?;
    let mut world = world.restart().await?;
    world.say("acme", 8, contract("A-1", vec![text("end_date", "2027-02-01")])).await?;
    let now = ["2027-02-01 acme A-1 0  UNSPECIFIED UNDECIDED Bea 0", ALL[0], ALL[1], ALL[3]];
    soon_listed(&mut world, &now).await?;
    world.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forecast_sums_what_renews_in_a_month_by_currency() -> anyhow::Result<()> {
    let mut world = told().await?;
    soon_listed(&mut world, &ALL).await?;
    let workspace = WORKSPACE.to_owned();
    let request = ForecastRenewalsRequest { workspace: workspace.clone(), ..Default::default() };
    let months = world.renewals.forecast_renewals(request.clone()).await?.into_inner().months;
    let march = |currency: &str| Forecast {
        month: "2027-03".into(),
        currency: currency.into(),
        ..Default::default()
    };
    let expected = [
        Forecast { contracts: 1, arr_minor: 500, unknown_minor: 500, undecided_minor: 500, ..march("") },
        Forecast {
            contracts: 2,
            arr_minor: 100_007,
            red_minor: 100_007,
            renewing_minor: 7,
            undecided_minor: 100_000,
            open_risk_ctas: 1,
            ..march("EUR")
        },
    ];
    assert_eq!(months, expected);
    let first = ForecastRenewalsRequest { page_size: 1, ..request.clone() };
    let first = world.renewals.forecast_renewals(first).await?.into_inner();
    let second = ForecastRenewalsRequest { page_token: first.next_page_token, ..request };
    let second = world.renewals.forecast_renewals(second).await?.into_inner();
    assert_eq!([first.months, second.months].concat(), expected);
    let of_bea = ForecastRenewalsRequest { workspace, owner: "Bea".into(), ..Default::default() };
    assert_eq!(world.renewals.forecast_renewals(of_bea).await?.into_inner().months, expected[..1]);
    world.stop().await
}
