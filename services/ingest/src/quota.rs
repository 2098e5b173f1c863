//! Quotas: how many events a second a write key, and a workspace with all its keys, may send.
//!
//! Counted over all replicas while Redis answers; else each counts its share. What a quota lets through is the only
//! thing that depends on it.

use std::{sync::Arc, time::Duration};

use chassis::metrics::{Metrics, Outcomes};
use ephemera::{Bucket, Buckets, Rate, Taking};
use serde::{Deserialize, Serialize};

use crate::{edge::Refusal, keys::Access};

/// Nobody is told to wait longer, seconds: by then a flush may have let everybody in again.
const LONGEST_WAIT: u64 = 300;

/// What is set about a key and its workspace.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Quota {
    /// What the key begins with.
    pub(crate) key: String,
    /// Events a second; 0: no limit, absent: as the process is set.
    pub(crate) of_key: Option<u32>,
    /// The same of the workspace; absent: no limit.
    pub(crate) of_workspace: Option<u32>,
}

/// Lets events through, or not.
pub(crate) struct Quotas {
    buckets: Arc<dyn Buckets>,
    /// Of a key that has none of its own.
    usual: Option<Rate>,
    told: Outcomes,
}

impl Quotas {
    pub(crate) fn new(buckets: Arc<dyn Buckets>, usual: Option<Rate>, metrics: &Metrics) -> Self {
        let help = "Events that have a quota: let through, or refused by their key's or their workspace's";
        Self { buckets, usual, told: metrics.outcomes("ingest_quota_events", help) }
    }

    /// Lets so many events through at once, or none. They may be more than the quota lets through in any second: then it
    /// takes longer until the next are.
    pub(crate) async fn take(&self, access: &Access, events: usize) -> Result<(), Refusal> {
        let limits = self.limits(access);
        let tokens = u32::try_from(events).unwrap_or(u32::MAX);
        if limits.is_empty() || tokens == 0 {
            return Ok(());
        }
        let (whose, buckets): (Vec<_>, Vec<_>) = limits.into_iter().unzip();
        match self.buckets.take(&buckets, tokens).await {
            Taking::Taken => {
                self.told.add("taken", tokens.into());
                Ok(())
            }
            Taking::Empty { bucket, wait } => {
                let whose: Whose = whose.get(bucket).copied().unwrap_or(Whose::Key);
                self.told.add(whose.name(), tokens.into());
                Err(exceeded(whose, buckets.get(bucket).map_or(0, |it| it.rate.0.get()), wait))
            }
        }
    }

    /// The workspace's name in braces keeps its buckets together where Redis is spread over several machines.
    fn limits(&self, access: &Access) -> Vec<(Whose, Bucket)> {
        let Quota { key, of_key, of_workspace } = &access.quota;
        let workspace = &access.workspace;
        let of_key = of_key.map_or(self.usual, Rate::new);
        let of_workspace = of_workspace.and_then(Rate::new);
        let of_key = of_key.map(|rate| (Whose::Key, Bucket { name: format!("{{{workspace}}}:{key}"), rate }));
        let of_workspace =
            of_workspace.map(|rate| (Whose::Workspace, Bucket { name: format!("{{{workspace}}}"), rate }));
        of_key.into_iter().chain(of_workspace).collect()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    Key,
    Workspace,
}

impl Whose {
    fn name(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Workspace => "workspace",
        }
    }
}

fn exceeded(whose: Whose, per_second: u32, wait: Duration) -> Refusal {
    let who = match whose {
        Whose::Key => "with this write key",
        Whose::Workspace => "with all write keys of this workspace",
    };
    let seconds = wait.as_millis().div_ceil(1_000);
    Refusal::Busy {
        code: "QUOTA_EXCEEDED",
        message: format!("{per_second} events a second may come {who}, and more did: send this again later"),
        retry_after_s: u32::try_from(seconds.clamp(1, LONGEST_WAIT.into())).unwrap_or(u32::MAX),
    }
}

#[cfg(test)]
mod tests {
    use contracts::log::ClockKind;
    use ephemera::Ephemera;

    use super::*;
    use crate::pseudonym::PseudonymKey;

    fn access(key: &str, of_key: Option<u32>, of_workspace: Option<u32>) -> Access {
        Access {
            workspace: "acme".into(),
            source: "s".into(),
            clock: ClockKind::Wall,
            pseudonyms: PseudonymKey::new(b""),
            ready: true,
            quota: Quota { key: key.into(), of_key, of_workspace },
        }
    }

    fn quotas(usual: u32) -> Quotas {
        Quotas::new(Ephemera::in_process().buckets, Rate::new(usual), &Metrics::new())
    }

    async fn refused(quotas: &Quotas, access: &Access) -> (String, u32) {
        match quotas.take(access, 1).await {
            Err(Refusal::Busy { code: "QUOTA_EXCEEDED", message, retry_after_s }) => (message, retry_after_s),
            other => panic!("not refused: {other:?}"),
        }
    }

    #[tokio::test]
    async fn who_sends_more_than_a_bucketful_at_once_is_let_through_and_waits_afterwards() {
        let quotas = quotas(0);
        let access = access("pk_a", Some(100), None);
        quotas.take(&access, 1_500).await.unwrap();
        let (message, wait) = refused(&quotas, &access).await;
        assert!(message.starts_with("100 events a second may come with this write key"), "{message}");
        assert_eq!(wait, 5);
        quotas.take(&access, 0).await.unwrap();
    }

    #[tokio::test]
    async fn nobody_is_told_to_wait_for_hours() {
        let (quotas, access) = (quotas(1), access("pk_a", None, None));
        quotas.take(&access, 50_000).await.unwrap();
        assert_eq!(refused(&quotas, &access).await.1, 300);
    }

    #[tokio::test]
    async fn what_is_set_of_a_key_goes_before_what_is_usual_and_nothing_is_no_limit() {
        let quotas = quotas(1);
        let (usual, more, free) =
            (access("pk_a", None, None), access("pk_b", Some(1_000), None), access("pk_c", Some(0), None));
        for access in [&usual, &more, &free] {
            quotas.take(access, 9_000).await.unwrap();
        }
        refused(&quotas, &usual).await;
        for access in [&more, &free] {
            quotas.take(access, 9_000).await.unwrap();
        }
        refused(&quotas, &more).await;
        quotas.take(&free, 100_000).await.unwrap();
    }

    #[tokio::test]
    async fn the_keys_of_a_workspace_share_its_quota() {
        let quotas = quotas(0);
        quotas.take(&access("pk_a", None, Some(10)), 200).await.unwrap();
        let (message, _) = refused(&quotas, &access("pk_b", Some(1_000), Some(10))).await;
        assert!(message.contains("all write keys of this workspace"), "{message}");
        quotas.take(&access("pk_b", Some(1_000), None), 1).await.unwrap();
    }
}
