//! SDKs that nobody here wrote, unmodified, against the real edge.
//!
//! Every client makes every call it has in round after round, and in each its requests meet something else: answers of
//! the edge and of others, connections that break, a restart. What must hold in all of them: an event that its SDK did
//! not give up is stored once, in the right account, at the time at which it happened; every other one reached the
//! SDK's error handler.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Instant,
};

use anyhow::ensure;
use chassis::Tasks;
use contracts::{ingest::GetWorkspaceRequest, log::ClockKind};
use eventlog::Topic;
use futures_util::{future::try_join_all, try_join};
use testkit::clients::{Client, Edge, Sender, Stored};
use tokio::sync::{Semaphore, watch};

use crate::support::{Ingest, SOON};

#[tokio::test(flavor = "multi_thread")]
async fn what_a_client_does_not_give_up_is_stored_once_in_its_account_at_its_time() -> anyhow::Result<()> {
    let mut ingest = Ingest::start().await?;
    let (edge, tasks) = (watch::Sender::new(Some(ingest.url(""))), Tasks::new());
    let mut senders = Vec::new();
    for client in Client::ALL {
        let key = ingest.workspace(client.name(), ClockKind::Wall).await?;
        senders.push(Sender::start(client, &key, edge.subscribe(), &tasks).await?);
    }
    try_join_all(senders.iter_mut().map(Sender::meets_everything)).await?;
    let mut ingest = restarted(ingest, &edge, &mut senders).await?;
    for sender in senders {
        check(&mut ingest, &sender).await?;
        sender.end().await?;
    }
    tasks.stop();
    tasks.finish(SOON).await?;
    ingest.stop().await
}

/// Ingest stops and starts again while all of them send.
async fn restarted(
    ingest: Ingest,
    edge: &watch::Sender<Option<Edge>>,
    senders: &mut [Sender],
) -> anyhow::Result<Ingest> {
    let (told, back) = (Semaphore::new(0), AtomicBool::new(false));
    let each = u32::try_from(senders.len())?;
    let restart = async {
        drop(told.acquire_many(each).await?);
        let ingest = ingest.restart().await?;
        edge.send_replace(Some(ingest.url("")));
        back.store(true, Ordering::SeqCst);
        Ok(ingest)
    };
    let sending = try_join_all(senders.iter_mut().map(|sender| sender.goes_on(&told, &back)));
    Ok(try_join!(restart, sending)?.0)
}

async fn check(ingest: &mut Ingest, sender: &Sender) -> anyhow::Result<()> {
    let workspace = sender.client.name();
    let begun = Instant::now();
    let stored = loop {
        let (account, inbox) = (ingest.records(Topic::Account).await?, ingest.records(Topic::Inbox).await?);
        let bytes = |records: Vec<eventlog::Stored>| records.into_iter().map(|record| record.value);
        let stored = Stored::of(workspace, bytes(account), bytes(inbox))?;
        if stored.is_whole() {
            break stored;
        }
        ensure!(begun.elapsed() < SOON, "{workspace}: the last events are not stored: {stored:?}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    };
    let asked = GetWorkspaceRequest { workspace: workspace.to_owned() };
    let counted = ingest.admin.get_workspace(asked).await?.into_inner().workspace.unwrap_or_default();
    let (counted, found) = (counted.events, stored.events());
    ensure!(counted == found, "{workspace}: {counted} events are counted, {found} found");
    stored.check(sender)
}
