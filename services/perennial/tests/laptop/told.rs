//! What services tell people of a workspace, in the oracle's words, and whether that is what was decided.

use std::{collections::BTreeMap, fmt::Debug};

use anyhow::{Context, Result, ensure};
use contracts::{
    account::{self, CtaState, CtaType, NotificationState, RunState},
    cta::{
        Cta, ListNotificationsRequest, ListRunsRequest, Notification, Run,
        cta_service_client::CtaServiceClient,
    },
    health::{
        self, Health, ListHealthHistoryRequest, ListHealthRequest, health_service_client::HealthServiceClient,
    },
    segment::{
        self, ListMembersRequest, ListMembershipHistoryRequest, Membership,
        segment_service_client::SegmentServiceClient,
    },
};
use oracle::{
    Band, CtaChange, Driver, HealthChange, MembershipChange, NotificationChange, Reason, RunChange, Story,
    Turn, When, Work,
};
use serde_json::Value as Json;

use crate::{client::Client, evidence::number, script};

const PAGE: i32 = 1_000;

/// One of each service that tells.
pub(crate) struct Tellers {
    pub(crate) health: Client,
    pub(crate) segmentation: Client,
    pub(crate) workflow: Client,
}

type Stories = BTreeMap<String, Story>;
type Deliveries = BTreeMap<String, Vec<Turn>>;

impl Tellers {
    /// Whether everything that they tell of a workspace is what was decided, to the last reason.
    pub(crate) async fn check(
        &self,
        workspace: &str,
        stories: &Stories,
        deliveries: &Deliveries,
    ) -> Result<()> {
        let all = async {
            same("scores", self.scores(workspace).await?, scores(stories))?;
            same("members", self.members(workspace, stories).await?, members(stories))?;
            for (account, story) in stories {
                same(account, self.score_changes(workspace, account).await?, score_changes(story))?;
                same(account, self.membership_changes(workspace, account).await?, membership_changes(story))?;
            }
            let ctas = script::ctas(&self.workflow, workspace).await?.into_iter().map(cta);
            same("CTAs", each_once(ctas)?, ctas_as_they_stand(stories))?;
            same("runs", self.runs(workspace).await?, runs(stories))?;
            same("notifications", self.notifications(workspace).await?, notifications(stories, deliveries))
        };
        all.await.with_context(|| format!("what is told of {workspace}"))
    }

    async fn scores(&self, workspace: &str) -> Result<BTreeMap<String, HealthChange>> {
        let list = async |channel, page_token| {
            let asked = ListHealthRequest {
                workspace: workspace.into(),
                page_size: PAGE,
                page_token,
                ..Default::default()
            };
            let page = HealthServiceClient::new(channel).list_health(asked).await?.into_inner();
            Ok((page.accounts, page.next_page_token))
        };
        let told = self.health.all(list).await?.into_iter();
        each_once(told.map(|health| Ok((health.account.clone(), score(health)))))
    }

    async fn score_changes(&self, workspace: &str, account: &str) -> Result<BTreeMap<usize, HealthChange>> {
        let list = async |channel, page_token| {
            let (workspace, account) = (workspace.into(), account.into());
            let asked = ListHealthHistoryRequest { workspace, account, page_size: PAGE, page_token };
            let page = HealthServiceClient::new(channel).list_health_history(asked).await?.into_inner();
            Ok((page.changes, page.next_page_token))
        };
        numbered(self.health.all(list).await?.into_iter().rev().map(score_change))
    }

    /// By segment and account.
    async fn members(
        &self,
        workspace: &str,
        stories: &Stories,
    ) -> Result<BTreeMap<(String, String), MembershipChange>> {
        let changes = stories.values().flat_map(|story| &story.memberships);
        let segments: std::collections::BTreeSet<&str> = changes.map(|change| &*change.segment).collect();
        let mut all = Vec::new();
        for segment in segments {
            let list = async |channel, page_token| {
                let (workspace, segment) = (workspace.into(), segment.into());
                let asked = ListMembersRequest {
                    workspace,
                    segment,
                    page_size: PAGE,
                    page_token,
                    ..Default::default()
                };
                let page = SegmentServiceClient::new(channel).list_members(asked).await?.into_inner();
                Ok((page.members, page.next_page_token))
            };
            all.extend(self.segmentation.all(list).await?);
        }
        let told = all.into_iter();
        each_once(told.map(|told| Ok(((told.segment.clone(), told.account.clone()), member(told)?))))
    }

    async fn membership_changes(
        &self,
        workspace: &str,
        account: &str,
    ) -> Result<BTreeMap<usize, MembershipChange>> {
        let list = async |channel, page_token| {
            let (workspace, account, segment) = (workspace.into(), account.into(), String::new());
            let asked =
                ListMembershipHistoryRequest { workspace, account, segment, page_size: PAGE, page_token };
            let page = SegmentServiceClient::new(channel).list_membership_history(asked).await?.into_inner();
            Ok((page.changes, page.next_page_token))
        };
        numbered(self.segmentation.all(list).await?.into_iter().rev().map(membership_change))
    }

    async fn runs(&self, workspace: &str) -> Result<BTreeMap<u128, RunChange>> {
        let list = async |channel, page_token| {
            let asked = ListRunsRequest {
                workspace: workspace.into(),
                page_size: PAGE,
                page_token,
                ..Default::default()
            };
            let page = CtaServiceClient::new(channel).list_runs(asked).await?.into_inner();
            Ok((page.runs, page.next_page_token))
        };
        each_once(self.workflow.all(list).await?.into_iter().map(run))
    }

    async fn notifications(&self, workspace: &str) -> Result<BTreeMap<u128, (NotificationChange, String)>> {
        let list = async |channel, page_token| {
            let workspace = workspace.into();
            let asked =
                ListNotificationsRequest { workspace, page_size: PAGE, page_token, ..Default::default() };
            let page = CtaServiceClient::new(channel).list_notifications(asked).await?.into_inner();
            Ok((page.notifications, page.next_page_token))
        };
        each_once(self.workflow.all(list).await?.into_iter().map(notification))
    }
}

/// The first that differs, if any does.
fn same<K: Ord + Debug, V: PartialEq + Debug>(
    what: &str,
    told: BTreeMap<K, V>,
    decided: BTreeMap<K, V>,
) -> Result<()> {
    let differing = told.keys().chain(decided.keys()).find(|key| told.get(key) != decided.get(key));
    ensure!(
        differing.is_none(),
        "of {what}, {} and {}, {differing:?} differs: told is\n{:#?}\nand decided\n{:#?}",
        told.len(),
        decided.len(),
        differing.map(|key| told.get(key)),
        differing.map(|key| decided.get(key)),
    );
    Ok(())
}

/// By what tells them apart: nothing is told twice.
fn each_once<K: Ord + Debug, T>(all: impl Iterator<Item = Result<(K, T)>>) -> Result<BTreeMap<K, T>> {
    let mut once = BTreeMap::new();
    for told in all {
        let (key, it) = told?;
        ensure!(!once.contains_key(&key), "{key:?} is told twice");
        once.insert(key, it);
    }
    Ok(once)
}

fn numbered<T>(all: impl Iterator<Item = Result<T>>) -> Result<BTreeMap<usize, T>> {
    Ok(all.collect::<Result<Vec<_>>>()?.into_iter().enumerate().collect())
}

// What is decided, without what is not told.

fn scores(stories: &Stories) -> BTreeMap<String, HealthChange> {
    let latest = stories.iter().filter_map(|(account, story)| Some((account, story.health.last()?.clone())));
    let as_it_stands = |it: HealthChange| HealthChange {
        when: When { fact: None, ..it.when },
        initial: false,
        by_catalogue: false,
        score_before: None,
        band_before: None,
        overall: 0,
        drivers: Vec::new(),
        ..it
    };
    latest.map(|(account, change)| (account.clone(), as_it_stands(change))).collect()
}

fn score_changes(story: &Story) -> BTreeMap<usize, HealthChange> {
    let told = |it: HealthChange| HealthChange {
        scorecard: String::new(),
        overall: 0,
        known_weight: 0,
        cap: None,
        contributions: Vec::new(),
        ..it
    };
    story.health.iter().cloned().map(told).enumerate().collect()
}

fn members(stories: &Stories) -> BTreeMap<(String, String), MembershipChange> {
    let mut latest = BTreeMap::new();
    for (account, story) in stories {
        for change in &story.memberships {
            let as_it_stands = MembershipChange { initial: false, by_catalogue: false, ..change.clone() };
            latest.insert((change.segment.clone(), account.clone()), as_it_stands);
        }
    }
    latest.retain(|_, change| change.member);
    latest
}

fn membership_changes(story: &Story) -> BTreeMap<usize, MembershipChange> {
    story.memberships.iter().cloned().enumerate().collect()
}

fn work(stories: &Stories) -> impl Iterator<Item = &Work> {
    stories.values().flat_map(|story| &story.work)
}

fn ctas_as_they_stand(stories: &Stories) -> BTreeMap<u128, CtaChange> {
    let changes =
        work(stories).filter_map(|work| if let Work::Cta(change) = work { Some(change) } else { None });
    let as_it_stands = |it: CtaChange| CtaChange { when: When { fact: None, ..it.when }, run: 0, ..it };
    changes.map(|change| (change.cta, as_it_stands(change.clone()))).collect()
}

fn runs(stories: &Stories) -> BTreeMap<u128, RunChange> {
    let changes =
        work(stories).filter_map(|work| if let Work::Run(change) = work { Some(change) } else { None });
    let as_it_stands = |it: RunChange| RunChange {
        when: When { fact: None, ..it.when },
        until: 0,
        reasons: Vec::new(),
        ..it
    };
    changes.map(|change| (change.run, as_it_stands(change.clone()))).collect()
}

/// Each with its state.
fn notifications(stories: &Stories, deliveries: &Deliveries) -> BTreeMap<u128, (NotificationChange, String)> {
    let mut states: BTreeMap<u128, &str> = BTreeMap::new();
    for turn in deliveries.values().flatten() {
        if let Turn::Settled { notification, state, .. } = turn {
            states.insert(*notification, state);
        }
    }
    let requests = work(stories)
        .filter_map(|work| if let Work::Notification(request) = work { Some(request.clone()) } else { None });
    let told = requests.map(|request| {
        let state = states.get(&request.notification).copied().unwrap_or("open").to_owned();
        let when = When { fact: None, ..request.when };
        let it = NotificationChange { when, run: 0, step: String::new(), dropped: false, ..request };
        (it.notification, (it, state))
    });
    told.collect()
}

// What is told.

fn at(instant: i64) -> When {
    When { at: instant, fact: None }
}

fn when(instant: i64, fact: &str) -> Result<When> {
    Ok(When { at: instant, fact: (!fact.is_empty()).then(|| number(fact)).transpose()? })
}

fn score(told: Health) -> HealthChange {
    HealthChange {
        when: at(told.valid_at),
        initial: false,
        by_catalogue: false,
        score: told.score,
        band: band(told.band()),
        score_before: None,
        band_before: None,
        overall: 0,
        known_weight: told.known_weight,
        cap: (!told.cap.is_empty()).then(|| told.cap.clone()),
        drivers: Vec::new(),
        contributions: told
            .contributions
            .into_iter()
            .map(|it| (source(it.measure, &it.cap), it.points.into(), it.value))
            .collect(),
        scorecard: told.scorecard,
    }
}

fn score_change(told: health::HealthChange) -> Result<HealthChange> {
    let driver = |it: account::Driver| Driver {
        source: source(it.measure, &it.cap),
        points: it.points.into(),
        value: it.value,
        value_before: it.value_before,
    };
    Ok(HealthChange {
        when: when(told.valid_at, &told.fact_id)?,
        initial: told.initial,
        by_catalogue: told.by_catalogue,
        scorecard: String::new(),
        score: told.score,
        band: band(told.band()),
        score_before: told.score_before,
        band_before: band(told.band_before()),
        overall: 0,
        known_weight: 0,
        cap: None,
        drivers: told.drivers.into_iter().map(driver).collect(),
        contributions: Vec::new(),
    })
}

fn source(measure: String, cap: &str) -> String {
    if cap.is_empty() { measure } else { format!("cap {cap}") }
}

fn band(told: account::Band) -> Option<Band> {
    match told {
        account::Band::Unspecified => None,
        account::Band::Red => Some(Band::Red),
        account::Band::Yellow => Some(Band::Yellow),
        account::Band::Green => Some(Band::Green),
    }
}

fn member(told: Membership) -> Result<MembershipChange> {
    Ok(MembershipChange {
        when: when(told.since_at, &told.fact_id)?,
        initial: false,
        by_catalogue: false,
        segment: told.segment,
        member: true,
        episode: episode(&told.episode)?,
        reasons: reasons(told.reasons),
    })
}

fn membership_change(told: segment::MembershipChange) -> Result<MembershipChange> {
    Ok(MembershipChange {
        when: when(told.valid_at, &told.fact_id)?,
        initial: told.initial,
        by_catalogue: told.by_catalogue,
        segment: told.segment,
        member: told.member,
        episode: episode(&told.episode)?,
        reasons: reasons(told.reasons),
    })
}

fn episode(told: &[u8]) -> Result<u128> {
    Ok(u128::from_be_bytes(told.try_into().context("an episode's id has 16 bytes")?))
}

fn reasons(told: Vec<account::Reason>) -> Vec<Reason> {
    told.into_iter()
        .map(|it| Reason { comparison: it.comparison, value: it.value, holds: it.holds })
        .collect()
}

fn cta(told: Cta) -> Result<(u128, CtaChange)> {
    let change = CtaChange {
        when: at(told.changed_at),
        cta: number(&told.cta)?,
        kind: word(told.r#type().as_str_name(), CtaType::Unspecified.as_str_name()),
        state: word(told.state().as_str_name(), CtaState::Unspecified.as_str_name()),
        title: told.title,
        priority: told.priority,
        owner: told.owner,
        due_day: told.due_day.map(i64::from),
        reasons: reasons(told.reasons),
        playbook: told.playbook,
        run: 0,
        until: told.until_at,
        outcome: told.outcome,
        by: told.by,
    };
    Ok((change.cta, change))
}

fn run(told: Run) -> Result<(u128, RunChange)> {
    let change = RunChange {
        when: at(told.changed_at),
        run: number(&told.run)?,
        state: word(told.state().as_str_name(), RunState::Unspecified.as_str_name()),
        playbook: told.playbook,
        step: told.step,
        until: 0,
        reasons: Vec::new(),
    };
    Ok((change.run, change))
}

fn notification(told: Notification) -> Result<(u128, (NotificationChange, String))> {
    let state = word(told.state().as_str_name(), NotificationState::Unspecified.as_str_name());
    let body: Json = serde_json::from_str(&told.body).context("a notification's body is no JSON")?;
    let request = NotificationChange {
        when: at(told.requested_at),
        notification: number(&told.notification)?,
        playbook: told.playbook,
        run: 0,
        step: String::new(),
        recipient: told.recipient,
        body,
        dropped: false,
    };
    Ok((request.notification, (request, state)))
}

/// What a value of an enumeration is called, without what all its values begin with.
fn word(name: &str, unspecified: &str) -> String {
    let beginning = unspecified.trim_end_matches("UNSPECIFIED");
    name.trim_start_matches(beginning).to_lowercase()
}
