//! What services answer, in the oracle's words.

use anyhow::{Context, Result};
use contracts::{
    account::{self, CtaState, CtaType, NotificationState, RunEnd, RunState},
    cta::{Cta, Notification, Run},
    health::{self, Health},
    segment::{self, Membership},
};
use oracle::{
    Band, CtaChange, Driver, HealthChange, MembershipChange, NotificationChange, Reason, RunChange, When,
};
use serde_json::Value as Json;

use crate::evidence::number;

fn at(instant: i64) -> When {
    When { at: instant, fact: None }
}

fn when(instant: i64, fact: &str) -> Result<When> {
    Ok(When { at: instant, fact: (!fact.is_empty()).then(|| number(fact)).transpose()? })
}

pub(super) fn score(told: Health) -> HealthChange {
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

pub(super) fn score_change(told: health::HealthChange) -> Result<HealthChange> {
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

pub(super) fn member(told: Membership) -> Result<MembershipChange> {
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

pub(super) fn membership_change(told: segment::MembershipChange) -> Result<MembershipChange> {
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

pub(super) fn cta(told: Cta) -> Result<(u128, CtaChange)> {
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
        tasks: told.tasks.into_iter().map(|task| (task.title, task.done_by)).collect(),
        touched: told.touched,
        joined: told.joined_playbooks,
    };
    Ok((change.cta, change))
}

pub(super) fn run(told: Run) -> Result<(u128, RunChange)> {
    let change = RunChange {
        when: at(told.changed_at),
        run: number(&told.run)?,
        state: word(told.state().as_str_name(), RunState::Unspecified.as_str_name()),
        until: told.until_at,
        approval: told.awaits_approval,
        end: match (told.state(), told.end()) {
            (RunState::Ended, RunEnd::Unspecified) => "done".to_owned(),
            (RunState::Ended, end) => word(end.as_str_name(), "RUN_END_UNSPECIFIED").replace('_', " "),
            _ => String::new(),
        },
        playbook: told.playbook,
        step: told.step,
        reasons: Vec::new(),
    };
    Ok((change.run, change))
}

pub(super) fn notification(told: Notification) -> Result<(u128, (NotificationChange, String))> {
    let state = word(told.state().as_str_name(), NotificationState::Unspecified.as_str_name());
    let body: Json = serde_json::from_str(&told.body).context("a notification's body is no JSON")?;
    let request = NotificationChange {
        when: at(told.requested_at),
        notification: number(&told.notification)?,
        playbook: told.playbook,
        run: 0,
        step: String::new(),
        channel: told.channel,
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
