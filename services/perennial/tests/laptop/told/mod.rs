//! What services tell people of a workspace, in the oracle's words, and whether that is what was decided.

mod decided;
mod words;

use std::{collections::BTreeMap, fmt::Debug};

use anyhow::{Context, Result, ensure};
use contracts::{
    cta::{ListNotificationsRequest, ListRunsRequest, cta_service_client::CtaServiceClient},
    health::{ListHealthHistoryRequest, ListHealthRequest, health_service_client::HealthServiceClient},
    segment::{
        ListMembersRequest, ListMembershipHistoryRequest, segment_service_client::SegmentServiceClient,
    },
};
use oracle::{HealthChange, MembershipChange, NotificationChange, RunChange, Story, Turn};

use crate::{client::Client, evidence, script};

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
            same("scores", self.scores(workspace).await?, decided::scores(stories))?;
            same("members", self.members(workspace).await?, decided::members(stories))?;
            for (account, story) in stories {
                same(account, self.score_changes(workspace, account).await?, decided::score_changes(story))?;
                same(
                    account,
                    self.membership_changes(workspace, account).await?,
                    decided::membership_changes(story),
                )?;
            }
            let ctas = script::ctas(&self.workflow, workspace).await?.into_iter().map(words::cta);
            same("CTAs", each_once(ctas)?, decided::ctas(stories))?;
            same("runs", self.runs(workspace).await?, decided::runs(stories))?;
            same(
                "notifications",
                self.notifications(workspace).await?,
                decided::notifications(stories, deliveries),
            )
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
        each_once(told.map(|health| Ok((health.account.clone(), words::score(health)))))
    }

    async fn score_changes(&self, workspace: &str, account: &str) -> Result<BTreeMap<usize, HealthChange>> {
        let list = async |channel, page_token| {
            let (workspace, account) = (workspace.into(), account.into());
            let asked = ListHealthHistoryRequest { workspace, account, page_size: PAGE, page_token };
            let page = HealthServiceClient::new(channel).list_health_history(asked).await?.into_inner();
            Ok((page.changes, page.next_page_token))
        };
        numbered(self.health.all(list).await?.into_iter().rev().map(words::score_change))
    }

    /// By segment and account. Of a segment that the catalogue has no more nothing is told.
    async fn members(&self, workspace: &str) -> Result<BTreeMap<(String, String), MembershipChange>> {
        let mut all = Vec::new();
        for told in evidence::segments(&self.segmentation, workspace).await? {
            let list = async |channel, page_token| {
                let (workspace, segment) = (workspace.into(), told.segment.clone());
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
        each_once(told.map(|told| Ok(((told.segment.clone(), told.account.clone()), words::member(told)?))))
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
        numbered(self.segmentation.all(list).await?.into_iter().rev().map(words::membership_change))
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
        each_once(self.workflow.all(list).await?.into_iter().map(words::run))
    }

    async fn notifications(&self, workspace: &str) -> Result<BTreeMap<u128, (NotificationChange, String)>> {
        let list = async |channel, page_token| {
            let workspace = workspace.into();
            let asked =
                ListNotificationsRequest { workspace, page_size: PAGE, page_token, ..Default::default() };
            let page = CtaServiceClient::new(channel).list_notifications(asked).await?.into_inner();
            Ok((page.notifications, page.next_page_token))
        };
        each_once(self.workflow.all(list).await?.into_iter().map(words::notification))
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
