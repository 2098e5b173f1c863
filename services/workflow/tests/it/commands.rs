//! Commands about CTAs: done once, however often they are repeated.

use std::time::Duration;

use contracts::{
    account::CtaState,
    cta::{
        CloseCtaRequest, Command, GetCtaRequest, ListCtasRequest, ListRunsRequest, ReassignCtaRequest,
        SnoozeCtaRequest, TakeCtaRequest,
    },
};
use tonic::{Code, Status};
use tonic_types::StatusExt;
use workflow::Config;

use crate::{
    receiver::Receiver,
    support::{ACCOUNT, WORKSPACE, World, config},
};

fn command(cta: &str, id: u128) -> Option<Command> {
    let command_id = uuid::Uuid::from_u128(id).to_string();
    Some(Command { workspace: WORKSPACE.into(), cta: cta.into(), by: "ann".into(), command_id })
}

/// All CTAs, page by page.
async fn listed(world: &mut World) -> anyhow::Result<Vec<String>> {
    let (mut found, mut page_token) = (Vec::new(), String::new());
    loop {
        let workspace = WORKSPACE.to_owned();
        let request = ListCtasRequest { workspace, page_size: 1, page_token, ..Default::default() };
        let page = world.client.list_ctas(request).await?.into_inner();
        found.extend(page.ctas.into_iter().map(|cta| cta.cta));
        if page.next_page_token.is_empty() {
            return Ok(found);
        }
        page_token = page.next_page_token;
    }
}

fn reason(status: &Status) -> String {
    status.get_error_details().error_info().map(|info| info.reason.clone()).unwrap_or_default()
}

async fn with_cta() -> anyhow::Result<(World, String)> {
    let receiver = Receiver::start([]).await?;
    let mut world = World::start(config(), &receiver.url()).await?;
    world.order(1).await?;
    let cta = world.cta().await?.cta;
    Ok((world, cta))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cta_is_taken_snoozed_reassigned_and_closed() -> anyhow::Result<()> {
    let (mut world, cta) = with_cta().await?;
    let taken = world.client.take_cta(TakeCtaRequest { command: command(&cta, 1) }).await?.into_inner().cta;
    assert_eq!(taken.map(|it| (it.owner, it.by)), Some(("ann".into(), "ann".into())));
    let until_at = chassis::clock::now() + 86_400_000;
    let snooze = SnoozeCtaRequest { command: command(&cta, 2), until_at };
    let snoozed = world.client.snooze_cta(snooze).await?.into_inner().cta;
    assert_eq!(snoozed.map(|it| (it.state(), it.until_at)), Some((CtaState::Snoozed, until_at)));
    let reassign = ReassignCtaRequest { command: command(&cta, 3), owner: "bob".into() };
    let reassigned = world.client.reassign_cta(reassign).await?.into_inner().cta;
    assert_eq!(reassigned.map(|it| it.owner), Some("bob".into()));
    let close = CloseCtaRequest { command: command(&cta, 4), outcome: "renewed".into() };
    let closed = world.client.close_cta(close).await?.into_inner().cta;
    assert_eq!(closed.map(|it| (it.state(), it.outcome)), Some((CtaState::Closed, "renewed".into())));
    let open = ListCtasRequest {
        workspace: WORKSPACE.into(),
        account: ACCOUNT.into(),
        state: CtaState::Open.into(),
        ..Default::default()
    };
    assert_eq!(world.client.list_ctas(open).await?.into_inner().total_size, 0);
    world.order(2).await?;
    let open = world.another_cta(&cta).await?;
    assert_eq!(listed(&mut world).await?, [open, cta], "what is to be done before what is done");
    world.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_command_gets_the_first_answer() -> anyhow::Result<()> {
    let (mut world, cta) = with_cta().await?;
    let close = |id| CloseCtaRequest { command: command(&cta, id), outcome: "renewed".into() };
    let first = world.client.close_cta(close(1)).await?.into_inner();
    let again = world.client.close_cta(close(1)).await?.into_inner();
    assert_eq!(first, again);
    let refused = world.client.close_cta(close(2)).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused)), (Code::FailedPrecondition, "CTA_CLOSED".into()));
    let again = world.client.close_cta(close(2)).await.unwrap_err();
    assert_eq!((again.code(), again.message()), (refused.code(), refused.message()));
    let mut world = world.restart().await?;
    assert_eq!(world.client.close_cta(close(1)).await?.into_inner(), first);
    world.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_says_what_is_wrong() -> anyhow::Result<()> {
    let (mut world, cta) = with_cta().await?;
    let nobody = uuid::Uuid::from_u128(404).to_string();
    let missing = world.client.take_cta(TakeCtaRequest { command: command(&nobody, 1) }).await.unwrap_err();
    assert_eq!((missing.code(), reason(&missing)), (Code::NotFound, "CTA_NOT_FOUND".into()));
    let malformed = world.client.take_cta(TakeCtaRequest { command: command("x", 1) }).await.unwrap_err();
    assert_eq!(malformed.code(), Code::InvalidArgument);
    let past = SnoozeCtaRequest { command: command(&cta, 2), until_at: 1 };
    let past = world.client.snooze_cta(past).await.unwrap_err();
    assert_eq!((past.code(), reason(&past)), (Code::FailedPrecondition, "SNOOZE_IN_PAST".into()));
    let silent = CloseCtaRequest { command: command(&cta, 3), outcome: String::new() };
    let silent = world.client.close_cta(silent).await.unwrap_err();
    assert_eq!((silent.code(), reason(&silent)), (Code::InvalidArgument, "OUTCOME_MISSING".into()));
    world.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_without_an_answer_is_repeated_under_its_id() -> anyhow::Result<()> {
    let (mut world, cta) = with_cta().await?;
    world.hold(true);
    let take = || TakeCtaRequest { command: command(&cta, 1) };
    let late = world.client.take_cta(take()).await.unwrap_err();
    assert_eq!(late.code(), Code::Unavailable);
    assert!(late.message().contains("repeat with the same id"), "{late}");
    world.hold(false);
    let taken = world.client.take_cta(take()).await?.into_inner().cta;
    assert_eq!(taken.map(|it| it.owner), Some("ann".into()));
    world.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_waits_does_not_hold_up_the_end() -> anyhow::Result<()> {
    let receiver = Receiver::start([]).await?;
    let patient = Config { command_deadline: Duration::from_secs(600), ..config() };
    let mut world = World::start(patient, &receiver.url()).await?;
    world.order(1).await?;
    let cta = world.cta().await?.cta;
    world.hold(true);
    let (mut client, before) = (world.client.clone(), world.records().await?);
    let ending = async {
        world.grows(before).await?;
        world.stop().await
    };
    let take = TakeCtaRequest { command: command(&cta, 1) };
    let (stopped, ended) = tokio::join!(client.take_cta(take), ending);
    ended?;
    let stopped = stopped.unwrap_err();
    assert_eq!(stopped.code(), Code::Unavailable);
    assert!(stopped.message().contains("is stopping: repeat with the same id"), "{stopped}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn another_workspace_sees_nothing_even_by_a_query_without_a_filter() -> anyhow::Result<()> {
    let (mut world, cta) = with_cta().await?;
    let other = GetCtaRequest { workspace: "initech".into(), cta };
    assert_eq!(world.client.get_cta(other).await.unwrap_err().code(), Code::NotFound);
    for (workspace, expected) in [("initech", 0), (WORKSPACE, 1)] {
        let mut tx = chassis::postgres::scoped(&world.database.pool, workspace).await?;
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM ctas").fetch_one(&mut *tx).await?;
        assert_eq!(count, expected, "{workspace}");
    }
    world.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_are_listed_newest_first_page_by_page() -> anyhow::Result<()> {
    let (mut world, _) = with_cta().await?;
    for id in 2..=3 {
        world.order(id).await?;
    }
    world.notification(|it| it.state() != contracts::account::NotificationState::Unspecified).await?;
    let request = |page_token: String| ListRunsRequest {
        workspace: WORKSPACE.into(),
        page_size: 2,
        page_token,
        ..Default::default()
    };
    let mut seen = Vec::new();
    while seen.len() < 3 {
        let first = world.client.list_runs(request(String::new())).await?.into_inner();
        seen = first.runs.clone();
        if !first.next_page_token.is_empty() {
            seen.extend(world.client.list_runs(request(first.next_page_token)).await?.into_inner().runs);
        }
    }
    assert!(seen.is_sorted_by(|a, b| (a.started_at, &a.run) > (b.started_at, &b.run)), "{seen:?}");
    world.stop().await
}
