//! `perennial notifications ls`.

use anyhow::Result;
use clap::{Args, Subcommand};
use contracts::account::NotificationState;
use contracts::cta::{Attempt, ListNotificationsRequest, Notification};

use crate::cli::{Limit, Target};
use crate::{clients, words};

#[derive(Args)]
pub(crate) struct Notifications {
    #[command(flatten)]
    target: Target,
    #[command(subcommand)]
    command: NotificationsCommand,
}

#[derive(Subcommand)]
enum NotificationsCommand {
    /// List notifications, each with its attempts.
    Ls {
        #[arg(long, default_value = "")]
        account: String,
        #[command(flatten)]
        limit: Limit,
    },
}

impl Notifications {
    pub(crate) async fn run(self) -> Result<()> {
        let NotificationsCommand::Ls { account, limit } = self.command;
        let found = list(&self.target, &account, limit.limit).await?;
        let headers = ["notification", "account", "playbook", "to", "state", "requested", "attempts"];
        self.target.list("perennial.cta.v1.Notification", &found, &headers, row).await
    }
}

/// Notifications of an account, or of all, newest first.
pub(crate) async fn list(target: &Target, account: &str, limit: usize) -> Result<Vec<Notification>> {
    let mut client = clients::ctas(&target.grpc).await?;
    clients::pages(limit, async |page_size, page_token| {
        let (workspace, account) = (target.workspace.clone(), account.to_owned());
        let request =
            ListNotificationsRequest { workspace, account, page_size, page_token, ..Default::default() };
        let page = client.list_notifications(request).await?.into_inner();
        Ok((page.notifications, page.next_page_token))
    })
    .await
}

fn row(notification: &Notification) -> Vec<String> {
    vec![
        notification.notification.clone(),
        notification.account.clone(),
        notification.playbook.clone(),
        format!("{} {}", notification.channel, notification.recipient),
        words::notification_state(notification.state()).to_owned(),
        words::instant(notification.requested_at),
        attempts(notification),
    ]
}

fn attempts(notification: &Notification) -> String {
    let newest = notification.attempts.iter().map(|attempt| attempt.attempt).max();
    let open = |attempt: &Attempt| {
        notification.state() == NotificationState::Open && Some(attempt.attempt) == newest
    };
    let said = notification.attempts.iter().map(|it| attempt(it, open(it)));
    said.collect::<Vec<_>>().join(", ")
}

/// An attempt that is open may still be heard of.
fn attempt(attempt: &Attempt, open: bool) -> String {
    let Attempt { attempt: number, status, error, began_at, took_ms } = attempt;
    match (began_at, error.as_str()) {
        (0, "") if open => format!("{number}: nothing heard yet"),
        (0, "") => format!("{number}: never heard of again"),
        (0, why) => format!("{number}: {why}"),
        (_, "") => format!("{number}: {status} in {took_ms} ms"),
        // There was no call.
        (_, why) if *took_ms == 0 => format!("{number}: {why}"),
        (_, error) => format!("{number}: {error} in {took_ms} ms"),
    }
}
