//! Scores, bands, drivers and their history.

use contracts::{
    FieldMask,
    account::{Band, value},
    health::{
        CountBandsRequest, ExplainHealthRequest, GetHealthRequest, Health, HealthChange,
        ListHealthHistoryRequest, ListHealthRequest,
    },
};
use tonic::Code;

use crate::support::{DAY, WORKSPACE, World};

async fn health(world: &mut World, account: &str) -> anyhow::Result<Health> {
    let request = GetHealthRequest { workspace: WORKSPACE.into(), account: account.into() };
    Ok(world.client.get_health(request).await?.into_inner().health.unwrap())
}

/// Newest first, two a page.
async fn history(world: &mut World, account: &str) -> anyhow::Result<Vec<HealthChange>> {
    let (mut changes, mut page_token) = (Vec::new(), String::new());
    loop {
        let (workspace, account) = (WORKSPACE.to_owned(), account.to_owned());
        let request = ListHealthHistoryRequest { workspace, account, page_size: 2, page_token };
        let page = world.client.list_health_history(request).await?.into_inner();
        changes.extend(page.changes);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(changes);
        }
    }
}

/// Accounts, worst first, two a page.
async fn listed(world: &mut World, band: Band) -> anyhow::Result<Vec<String>> {
    listed_of(world, band, "").await
}

async fn listed_of(world: &mut World, band: Band, owner: &str) -> anyhow::Result<Vec<String>> {
    let (mut accounts, mut page_token) = (Vec::new(), String::new());
    loop {
        let (workspace, owner) = (WORKSPACE.to_owned(), owner.to_owned());
        let request = ListHealthRequest {
            workspace,
            band: band.into(),
            owner,
            page_size: 2,
            page_token,
            ..Default::default()
        };
        let page = world.client.list_health(request).await?.into_inner();
        accounts.extend(page.accounts.into_iter().map(|health| health.account));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(accounts);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_score_falls_with_time_and_says_why() -> anyhow::Result<()> {
    let mut world = World::start().await?;
    world.usage("globex", 1, DAY).await?;
    world.advance(DAY).await?;
    let now = health(&mut world, "globex").await?;
    assert_eq!((now.score, now.band(), now.known_weight), (Some(100), Band::Green, 750));
    world.advance(20 * DAY).await?;
    let now = health(&mut world, "globex").await?;
    assert_eq!((now.score, now.band(), now.valid_at), (Some(20), Band::Red, 15 * DAY));
    let changes = history(&mut world, "globex").await?;
    let shown: Vec<_> = changes.iter().map(|c| (c.score, c.score_before, c.valid_at / DAY)).collect();
    assert_eq!(shown, [(Some(20), Some(60), 15), (Some(60), Some(100), 8), (Some(100), None, 1)]);
    let driver = &changes[0].drivers[0];
    let driver =
        (driver.measure.as_str(), driver.points, driver.value.as_str(), driver.value_before.as_str());
    assert_eq!(driver, ("last", -40_000, "14", "7"));
    assert_eq!((changes[0].fact_id.as_str(), changes[2].fact_id.is_empty()), ("", false));
    assert_eq!(changes[0].catalogue_version, 1);
    world.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_said_before_a_restart_is_not_said_again() -> anyhow::Result<()> {
    let mut world = World::start().await?;
    world.usage("globex", 1, DAY).await?;
    world.advance(10 * DAY).await?;
    let before = history(&mut world, "globex").await?;
    let mut world = world.restart().await?;
    world.set("globex", 2, 11 * DAY, "blocked", value::Kind::Bool(true)).await?;
    world.advance(11 * DAY).await?;
    let after = history(&mut world, "globex").await?;
    assert_eq!(after[1..], before, "one change came on top");
    assert_eq!((after[0].score, after[0].band()), (Some(30), Band::Red));
    assert_eq!(health(&mut world, "globex").await?.cap, "blocked");
    world.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_are_listed_worst_first_and_counted_by_band() -> anyhow::Result<()> {
    let mut world = World::start().await?;
    for (id, account) in ["a", "b", "c", "d", "e"].into_iter().enumerate() {
        world.usage(account, id as u128, (1 + 5 * id as i64) * DAY).await?;
    }
    world.set("f", 9, DAY, "seats", value::Kind::Decimal(5_000_000)).await?;
    world.advance(21 * DAY).await?;
    assert_eq!(listed(&mut world, Band::Unspecified).await?, ["f", "a", "b", "c", "d", "e"]);
    assert_eq!(listed(&mut world, Band::Red).await?, ["f", "a", "b"]);
    assert_eq!(listed(&mut world, Band::Green).await?, ["d", "e"]);
    let request = CountBandsRequest { workspace: WORKSPACE.into() };
    let counts = world.client.count_bands(request).await?.into_inner();
    assert_eq!((counts.red, counts.yellow, counts.green, counts.unknown), (3, 1, 2, 0));
    world.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_are_listed_by_the_owner_that_their_trait_names() -> anyhow::Result<()> {
    let mut world = World::start().await?;
    let owns = |name: &str| value::Kind::Text(name.into());
    for (id, (account, owner)) in
        [("a", "ana"), ("b", "ana"), ("c", "bob"), ("d", "")].into_iter().enumerate()
    {
        world.usage(account, id as u128, DAY).await?;
        world.set(account, 10 + id as u128, DAY, "owner", owns(owner)).await?;
    }
    world.set("b", 21, 3 * DAY, "owner", owns("bob")).await?;
    world.set("b", 20, 2 * DAY, "owner", owns("eve")).await?;
    world.set("d", 22, 2 * DAY, "seats", value::Kind::Decimal(5_000_000)).await?;
    world.advance(4 * DAY).await?;
    assert_eq!(listed_of(&mut world, Band::Unspecified, "ana").await?, ["a"]);
    assert_eq!(listed_of(&mut world, Band::Unspecified, "bob").await?, ["b", "c"]);
    assert_eq!(listed_of(&mut world, Band::Green, "bob").await?, ["b", "c"]);
    assert!(listed_of(&mut world, Band::Red, "bob").await?.is_empty());
    assert!(listed_of(&mut world, Band::Unspecified, "eve").await?.is_empty(), "a later fact says bob");
    assert_eq!(health(&mut world, "b").await?.owner, "bob");
    assert_eq!(health(&mut world, "d").await?.owner, "");
    let mut world = world.restart().await?;
    world.set("a", 30, 5 * DAY, "owner", owns("")).await?;
    world.set("c", 31, 5 * DAY, "owner", owns(&"\0x".repeat(1_000))).await?;
    world.advance(6 * DAY).await?;
    assert!(listed_of(&mut world, Band::Unspecified, "ana").await?.is_empty());
    assert_eq!(health(&mut world, "c").await?.owner, "x".repeat(256));
    world.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_score_is_explained_by_what_it_is_made_of_and_what_changed_it_last() -> anyhow::Result<()> {
    let mut world = World::start().await?;
    let request = ExplainHealthRequest { workspace: WORKSPACE.into(), account: "globex".into() };
    assert_eq!(world.client.explain_health(request.clone()).await.unwrap_err().code(), Code::NotFound);
    world.usage("globex", 1, DAY).await?;
    world.advance(10 * DAY).await?;
    let explained = world.client.explain_health(request).await?.into_inner();
    assert_eq!(explained.health, Some(health(&mut world, "globex").await?));
    assert_eq!(explained.last_change, history(&mut world, "globex").await?.into_iter().next());
    world.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_catalogue_scores_anew_and_is_the_cause() -> anyhow::Result<()> {
    let mut world = World::start().await?;
    world.usage("globex", 1, DAY).await?;
    world.advance(2 * DAY).await?;
    let mut document = crate::support::catalogue();
    document["scorecards"][0]["groups"][0]["measures"][0]["curve"]["steps"][0][1] = 80.into();
    world.apply(2, &document).await?;
    world.advance(3 * DAY).await?;
    let changes = history(&mut world, "globex").await?;
    assert_eq!((changes[0].score, changes[0].catalogue_version), (Some(80), 2));
    assert_eq!((changes[0].valid_at, changes.len()), (2 * DAY, 2));
    world.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn another_workspace_sees_nothing_even_by_a_query_without_a_filter() -> anyhow::Result<()> {
    let mut world = World::start().await?;
    world.usage("globex", 1, DAY).await?;
    world.set("globex", 2, DAY, "owner", value::Kind::Text("ana".into())).await?;
    world.advance(DAY).await?;
    let other = GetHealthRequest { workspace: "initech".into(), account: "globex".into() };
    assert_eq!(world.client.get_health(other).await.unwrap_err().code(), Code::NotFound);
    let no_name = GetHealthRequest { workspace: WORKSPACE.into(), account: "glo\0bex".into() };
    assert_eq!(world.client.get_health(no_name).await.unwrap_err().code(), Code::InvalidArgument);
    for (workspace, expected) in [("initech", 0), ("*", 0), ("", 0), (WORKSPACE, 1)] {
        let mut tx = chassis::postgres::scoped(&world.database.pool, workspace).await?;
        for table in ["health", "health_history", "owners"] {
            let query = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
            let count: i64 = sqlx::query_scalar(query).fetch_one(&mut *tx).await?;
            assert_eq!(count, expected, "{table} as {workspace}");
        }
    }
    world.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_none_is_refused() -> anyhow::Result<()> {
    let mut world = World::start().await?;
    let request = ListHealthRequest {
        workspace: WORKSPACE.into(),
        page_token: "not a token".into(),
        ..ListHealthRequest::default()
    };
    assert_eq!(world.client.list_health(request).await.unwrap_err().code(), Code::InvalidArgument);
    world.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_fields_asked_for_are_answered() -> anyhow::Result<()> {
    let mut world = World::start().await?;
    world.usage("globex", 1, DAY).await?;
    world.advance(2 * DAY).await?;
    let asked = |path: &str| ListHealthRequest {
        workspace: WORKSPACE.into(),
        read_mask: Some(FieldMask { paths: vec!["account".into(), path.into()] }),
        ..ListHealthRequest::default()
    };
    let answer = world.client.list_health(asked("score")).await?.into_inner();
    let expected = Health { account: "globex".into(), score: Some(100), ..Health::default() };
    assert_eq!(answer.accounts, [expected]);
    let refused = world.client.list_health(asked("points")).await.err().map(|status| status.code());
    assert_eq!(refused, Some(Code::InvalidArgument));
    world.stop().await
}
