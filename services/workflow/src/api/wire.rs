//! Rows as the API says them.

use chassis::Problem;
use contracts::{
    account::{NotificationState, RunState},
    cta::{Attempt, Cta, Endpoint, Notification, Run, TeamMember},
};
use domain::decision::Channel;
use uuid::Uuid;

use crate::store::{AttemptRow, CtaRow, EndpointRow, Kind, MemberRow, NotificationRow, RunRow, SlackAddress};

/// An id as people and programs hand it in: a UUID.
pub(super) fn id(field: &str, text: &str) -> Result<Uuid, Problem> {
    text.parse().map_err(|_| Problem::invalid(field, format!("{text:?} is no UUID")))
}

pub(super) fn cta(row: CtaRow) -> Cta {
    let change = row.change;
    Cta {
        cta: row.cta.to_string(),
        account: row.account,
        r#type: change.r#type,
        state: change.state,
        title: change.title,
        priority: change.priority,
        owner: change.owner,
        due_day: change.due_day,
        reasons: change.reasons,
        playbook: change.playbook,
        outcome: change.outcome,
        by: change.by,
        opened_at: row.opened_at,
        changed_at: row.valid_at,
        until_at: change.until_at,
        tasks: change.tasks,
        touched: change.touched,
        joined_playbooks: change.joined_playbooks,
    }
}

pub(super) fn run(row: RunRow) -> Run {
    let state = RunState::try_from(i32::from(row.state)).unwrap_or_default();
    Run {
        run: row.run.to_string(),
        account: row.account,
        playbook: row.playbook,
        state: state.into(),
        step: row.step,
        until_at: row.until_at.unwrap_or_default(),
        awaits_approval: row.awaits_approval,
        end: row.run_end.into(),
        started_at: row.started_at,
        changed_at: row.valid_at,
    }
}

/// Notifications, each with its attempts.
pub(super) fn notifications(rows: Vec<NotificationRow>, attempts: Vec<AttemptRow>) -> Vec<Notification> {
    let of = |notification: Uuid| {
        attempts.iter().filter(move |row| row.notification == notification).map(attempt).collect()
    };
    rows.into_iter()
        .map(|row| {
            let state = match NotificationState::try_from(i32::from(row.state)).unwrap_or_default() {
                NotificationState::Unspecified => NotificationState::Open,
                settled => settled,
            };
            Notification {
                notification: row.notification.to_string(),
                account: row.account,
                playbook: row.playbook,
                channel: row.channel,
                recipient: row.recipient,
                state: state.into(),
                body: row.body,
                requested_at: row.requested_at,
                attempts: of(row.notification),
            }
        })
        .collect()
}

fn attempt(row: &AttemptRow) -> Attempt {
    Attempt {
        attempt: row.attempt.cast_unsigned(),
        status: row.status.unwrap_or_default().cast_unsigned(),
        error: row.error.clone().unwrap_or_default(),
        began_at: row.began_at.unwrap_or_default(),
        took_ms: row.took_ms.unwrap_or_default().cast_unsigned(),
    }
}

/// Only webhooks have a URL of the catalogue, and are signed.
pub(super) fn endpoint(row: EndpointRow, address: Option<SlackAddress>) -> Endpoint {
    let kind = row.kind();
    let (channel, url, secret, address) = match kind {
        Kind::Webhook => (Channel::Webhook, row.url, row.secret, None),
        Kind::Slack => (Channel::Slack, String::new(), String::new(), address),
        Kind::Email => (Channel::Email, String::new(), String::new(), None),
    };
    Endpoint {
        endpoint: row.endpoint,
        url,
        secret,
        disabled_at: row.disabled_at.unwrap_or_default(),
        channel: channel.name().to_owned(),
        address: address.map(|address| address.shortened()).unwrap_or_default(),
    }
}

pub(super) fn member(row: MemberRow) -> TeamMember {
    let MemberRow { owner, name, email, slack_member } = row;
    TeamMember { owner, name, email, slack_member }
}
