//! Who is in which segment, since when and why.

use contracts::{
    account::value,
    segment::{
        ExplainMembershipRequest, ListAccountSegmentsRequest, ListMembersRequest,
        ListMembershipHistoryRequest, ListSegmentsRequest, Membership, MembershipChange,
    },
};
use tonic::Code;

use crate::support::{DAY, WORKSPACE, World, catalogue};

/// Those that the account is in, one a page.
async fn segments(world: &mut World, account: &str) -> anyhow::Result<Vec<Membership>> {
    let (mut found, mut page_token) = (Vec::new(), String::new());
    loop {
        let (workspace, account) = (WORKSPACE.to_owned(), account.to_owned());
        let request = ListAccountSegmentsRequest { workspace, account, page_size: 1, page_token };
        let page = world.client.list_account_segments(request).await?.into_inner();
        found.extend(page.memberships);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(found);
        }
    }
}

async fn names(world: &mut World, account: &str) -> anyhow::Result<Vec<String>> {
    Ok(segments(world, account).await?.into_iter().map(|membership| membership.segment).collect())
}

/// Members of a segment, two a page.
async fn members(world: &mut World, segment: &str) -> anyhow::Result<Vec<String>> {
    let (mut found, mut page_token) = (Vec::new(), String::new());
    loop {
        let (workspace, segment) = (WORKSPACE.to_owned(), segment.to_owned());
        let request =
            ListMembersRequest { workspace, segment, page_size: 2, page_token, ..Default::default() };
        let page = world.client.list_members(request).await?.into_inner();
        found.extend(page.members.into_iter().map(|member| member.account));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(found);
        }
    }
}

/// Newest first, one a page.
async fn history(world: &mut World, account: &str, segment: &str) -> anyhow::Result<Vec<MembershipChange>> {
    let (mut found, mut page_token) = (Vec::new(), String::new());
    loop {
        let (workspace, account, segment) = (WORKSPACE.to_owned(), account.to_owned(), segment.to_owned());
        let request = ListMembershipHistoryRequest { workspace, account, segment, page_size: 1, page_token };
        let page = world.client.list_membership_history(request).await?.into_inner();
        found.extend(page.changes);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(found);
        }
    }
}

/// Why globex is in a segment, or is not any more; `None`: it never was.
async fn explained(world: &mut World, segment: &str) -> anyhow::Result<Option<MembershipChange>> {
    let (workspace, account) = (WORKSPACE.to_owned(), "globex".to_owned());
    let request = ExplainMembershipRequest { workspace, account, segment: segment.into() };
    match world.client.explain_membership(request).await {
        Ok(answer) => Ok(answer.into_inner().last_change),
        Err(status) if status.code() == Code::NotFound => Ok(None),
        Err(status) => Err(status.into()),
    }
}

/// Segment, members, enters, leaves.
async fn totals(world: &mut World) -> anyhow::Result<Vec<(String, u64, u64, u64)>> {
    let request = ListSegmentsRequest { workspace: WORKSPACE.into(), ..ListSegmentsRequest::default() };
    let found = world.client.list_segments(request).await?.into_inner().segments;
    Ok(found.into_iter().map(|it| (it.segment, it.members, it.enters, it.leaves)).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_enters_when_it_falls_silent_and_leaves_when_it_is_back() -> anyhow::Result<()> {
    let mut world = World::start().await?;
    world.usage("globex", 1, DAY, "Signed In").await?;
    world.advance(7 * DAY).await?;
    assert_eq!(names(&mut world, "globex").await?, [""; 0]);
    world.advance(9 * DAY).await?;
    let stay = &segments(&mut world, "globex").await?[0];
    assert_eq!((stay.segment.as_str(), stay.since_at, stay.fact_id.as_str()), ("silent", 8 * DAY, ""));
    let reason = &stay.reasons[0];
    assert_eq!(
        (reason.comparison.as_str(), reason.value.as_str(), reason.holds),
        ("last at least 7", "7", true)
    );
    world.usage("globex", 2, 10 * DAY, "Signed In").await?;
    world.advance(11 * DAY).await?;
    assert_eq!(names(&mut world, "globex").await?, [""; 0]);
    let changes = history(&mut world, "globex", "silent").await?;
    let shown: Vec<_> = changes.iter().map(|it| (it.member, it.valid_at / DAY)).collect();
    assert_eq!(shown, [(false, 10), (true, 8)]);
    assert_eq!(changes[0].episode, changes[1].episode, "one stay from enter to leave");
    assert_eq!((changes[0].reasons[0].value.as_str(), changes[0].reasons[0].holds), ("0", false));
    assert!(!changes[0].fact_id.is_empty(), "the usage that ended it");
    let totals = totals(&mut world).await?;
    let totals: Vec<_> = totals.iter().map(|(segment, m, e, l)| (segment.as_str(), *m, *e, *l)).collect();
    assert_eq!(totals, [("failing", 0, 0, 0), ("paying", 0, 0, 0), ("silent", 0, 1, 1)]);
    assert_eq!(explained(&mut world, "silent").await?.as_ref(), Some(&changes[0]));
    assert_eq!(explained(&mut world, "failing").await?, None);
    world.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_score_of_a_fact_is_folded_with_the_fact() -> anyhow::Result<()> {
    let mut world = World::start().await?;
    for (id, (day, event)) in
        [(1, "Scored 10"), (2, "Scored 90"), (3, "Scored 20"), (4, "Scored 21")].into_iter().enumerate()
    {
        world.usage("globex", id as u128 + 1, day * DAY, event).await?;
    }
    world.advance(5 * DAY).await?;
    let changes = history(&mut world, "globex", "failing").await?;
    let shown: Vec<_> = changes.iter().map(|it| (it.member, it.valid_at / DAY)).collect();
    assert_eq!(shown, [(false, 4), (true, 3), (false, 2), (true, 1)]);
    assert_eq!(changes[0].reasons[0].comparison, "health score at most 20");
    world.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_said_before_a_restart_is_not_said_again() -> anyhow::Result<()> {
    let mut world = World::start().await?;
    for (id, account) in ["a", "b", "c"].into_iter().enumerate() {
        world.set(account, id as u128 + 1, DAY, "plan", value::Kind::Text("pro".into())).await?;
    }
    world.advance(2 * DAY).await?;
    assert_eq!(members(&mut world, "paying").await?, ["a", "b", "c"]);
    let before = history(&mut world, "a", "").await?;
    let mut world = world.restart().await?;
    world.set("a", 9, 3 * DAY, "plan", value::Kind::Text("free".into())).await?;
    world.advance(4 * DAY).await?;
    assert_eq!(members(&mut world, "paying").await?, ["b", "c"]);
    assert_eq!(history(&mut world, "a", "").await?[1..], before);
    assert_eq!(totals(&mut world).await?[1], ("paying".to_owned(), 2, 3, 1));
    world.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn members_of_a_segment_that_is_taken_out_leave_it() -> anyhow::Result<()> {
    let mut world = World::start().await?;
    world.set("globex", 1, DAY, "plan", value::Kind::Text("pro".into())).await?;
    world.advance(2 * DAY).await?;
    let mut document = catalogue();
    let when = document["segments"]["paying"].take();
    document["segments"] = serde_json::json!({"customers": when});
    world.apply(2, &document).await?;
    world.advance(3 * DAY).await?;
    assert_eq!(names(&mut world, "globex").await?, ["customers"]);
    let left = &history(&mut world, "globex", "paying").await?[0];
    assert_eq!(
        (left.member, left.valid_at, left.by_catalogue, left.catalogue_version),
        (false, 2 * DAY, true, 2)
    );
    world.until_listed(&["customers"]).await?;
    assert_eq!(members(&mut world, "customers").await?, ["globex"]);
    let refused = members(&mut world, "paying").await.unwrap_err();
    assert!(refused.to_string().contains("there is no segment"), "{refused}");
    world.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn another_workspace_sees_nothing_even_by_a_query_without_a_filter() -> anyhow::Result<()> {
    let mut world = World::start().await?;
    world.set("globex", 1, DAY, "plan", value::Kind::Text("pro".into())).await?;
    world.advance(2 * DAY).await?;
    world.until_listed(&["failing", "paying", "silent"]).await?;
    for (workspace, seen) in [("initech", false), ("*", false), ("", false), (WORKSPACE, true)] {
        let mut tx = chassis::postgres::scoped(&world.database.pool, workspace).await?;
        let tables = [("memberships", 1), ("membership_history", 1), ("segment_totals", 1), ("segments", 3)];
        for (table, rows) in tables {
            let expected = if seen { rows } else { 0 };
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
    let request = ListMembersRequest {
        workspace: WORKSPACE.into(),
        segment: "paying".into(),
        page_token: "not a token".into(),
        ..ListMembersRequest::default()
    };
    let refused = world.client.list_members(request).await.err().map(|status| status.code());
    assert_eq!(refused, Some(Code::InvalidArgument));
    world.stop().await
}
