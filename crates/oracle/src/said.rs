//! What the services decided, as the log says it: the first of each link, and nothing after `Passed`.

use crate::{
    account::id,
    log::{Record, What, entries, partitions},
    story::{
        Band, CtaChange, Deliveries, Driver, HealthChange, MembershipChange, NotificationChange, Reason,
        RunChange, Stories, Story, Turn, When, Work,
    },
    wire::perennial::{
        account::v1::{self as account, account_record::Kind},
        log::v1::Header,
    },
};

/// What stands in an account log (all its partitions, every record) as decided.
pub fn said(log: &[Record]) -> Stories {
    let mut stories = Stories::new();
    for records in partitions(log).values() {
        for entry in entries(records) {
            let What::Decided(kind) = entry.what else { continue };
            let header = entry.header;
            let story = stories.entry((header.workspace.clone(), header.account.clone())).or_default();
            story.add(&header, kind);
        }
    }
    stories.retain(|_, story| *story != Story::default());
    stories
}

/// What stands in an account log as decided about notifications on their way.
pub fn said_of_deliveries(log: &[Record]) -> Deliveries {
    let mut deliveries = Deliveries::new();
    for records in partitions(log).values() {
        for entry in entries(records) {
            let What::Decided(kind) = entry.what else { continue };
            let header = entry.header;
            if let Some(turn) = turn(&header, kind) {
                deliveries.entry((header.workspace, header.account)).or_default().push(turn);
            }
        }
    }
    deliveries
}

fn turn(header: &Header, kind: Kind) -> Option<Turn> {
    let when = When { at: header.instant_at, fact: id(&header.fact_id) };
    Some(match kind {
        Kind::AttemptDue(said) => {
            let notification = id(&said.notification).unwrap_or_default();
            Turn::Asked { when, notification, attempt: said.attempt }
        }
        Kind::NotificationSettled(said) => {
            let state = match said.state() {
                account::NotificationState::Unspecified | account::NotificationState::Open => "",
                account::NotificationState::Delivered => "delivered",
                account::NotificationState::Dropped => "dropped",
                account::NotificationState::Failed => "failed",
                account::NotificationState::Gone => "gone",
            };
            let notification = id(&said.notification).unwrap_or_default();
            Turn::Settled { when, notification, state: state.into(), attempts: said.attempts }
        }
        _ => return None,
    })
}

impl Story {
    fn add(&mut self, header: &Header, kind: Kind) {
        let when = When { at: header.instant_at, fact: id(&header.fact_id) };
        match kind {
            Kind::HealthChanged(said) => self.health.push(health(when, said)),
            Kind::MembershipChanged(said) => self.memberships.push(membership(when, said)),
            Kind::RunAdvanced(said) => self.work.push(Work::Run(run(when, said))),
            Kind::CtaChanged(said) => self.work.push(Work::Cta(cta(when, said))),
            Kind::NotificationRequested(said) => self.work.push(Work::Notification(notification(when, said))),
            Kind::NotificationSettled(said) => self.settle(when, &said),
            Kind::CommandAnswered(said) => {
                let command = id(&header.request_id).unwrap_or_default();
                self.work.push(Work::Answer { when, command, code: said.code });
            }
            _ => {}
        }
    }

    /// A notification that is dropped at the step at which it is requested.
    fn settle(&mut self, when: When, said: &account::NotificationSettled) {
        let dropped = said.state() == account::NotificationState::Dropped && said.attempts == 0;
        if let Some(Work::Notification(last)) = self.work.last_mut()
            && Some(last.notification) == id(&said.notification)
            && last.when == when
        {
            last.dropped = dropped;
        }
    }
}

fn health(when: When, said: account::HealthChanged) -> HealthChange {
    let driver = |d: &account::Driver| Driver {
        source: source(&d.measure, &d.cap),
        points: d.points.into(),
        value: d.value.clone(),
        value_before: d.value_before.clone(),
    };
    HealthChange {
        when,
        initial: said.initial,
        by_catalogue: said.by_catalogue,
        score: said.score,
        band: band(said.band()),
        score_before: said.score_before,
        band_before: band(said.band_before()),
        overall: said.overall,
        known_weight: said.known_weight,
        cap: (!said.cap.is_empty()).then(|| said.cap.clone()),
        drivers: said.drivers.iter().map(driver).collect(),
        contributions: said
            .contributions
            .into_iter()
            .map(|c| (source(&c.measure, &c.cap), c.points.into(), c.value))
            .collect(),
        scorecard: said.scorecard,
    }
}

fn source(measure: &str, cap: &str) -> String {
    if cap.is_empty() { measure.to_owned() } else { format!("cap {cap}") }
}

fn band(band: account::Band) -> Option<Band> {
    match band {
        account::Band::Unspecified => None,
        account::Band::Red => Some(Band::Red),
        account::Band::Yellow => Some(Band::Yellow),
        account::Band::Green => Some(Band::Green),
    }
}

fn membership(when: When, said: account::MembershipChanged) -> MembershipChange {
    MembershipChange {
        when,
        initial: said.initial,
        by_catalogue: said.by_catalogue,
        segment: said.segment,
        member: said.member,
        episode: id(&said.episode).unwrap_or_default(),
        reasons: reasons(said.reasons),
    }
}

fn reasons(said: Vec<account::Reason>) -> Vec<Reason> {
    said.into_iter().map(|r| Reason { comparison: r.comparison, value: r.value, holds: r.holds }).collect()
}

fn run(when: When, said: account::RunAdvanced) -> RunChange {
    let state = match said.state() {
        account::RunState::Unspecified => "",
        account::RunState::Started => "started",
        account::RunState::Waiting => "waiting",
        account::RunState::Ended => "ended",
    };
    let why = if said.state() == account::RunState::Ended { end(said.end()) } else { "" };
    RunChange {
        when,
        run: id(&said.run).unwrap_or_default(),
        state: state.into(),
        playbook: said.playbook,
        step: said.step,
        until: said.until_at,
        approval: said.awaits_approval,
        end: why.into(),
        reasons: reasons(said.reasons),
    }
}

fn end(why: account::RunEnd) -> &'static str {
    match why {
        account::RunEnd::Unspecified => "done",
        account::RunEnd::Goal => "goal",
        account::RunEnd::TimedOut => "timed out",
        account::RunEnd::Rejected => "rejected",
        account::RunEnd::Undefined => "undefined",
    }
}

fn cta(when: When, said: account::CtaChanged) -> CtaChange {
    let state = match said.state() {
        account::CtaState::Unspecified => "",
        account::CtaState::Open => "open",
        account::CtaState::Snoozed => "snoozed",
        account::CtaState::Closed => "closed",
    };
    let kind = match said.r#type() {
        account::CtaType::Unspecified => "",
        account::CtaType::Risk => "risk",
        account::CtaType::Opportunity => "opportunity",
        account::CtaType::Lifecycle => "lifecycle",
        account::CtaType::Objective => "objective",
    };
    CtaChange {
        when,
        cta: id(&said.cta).unwrap_or_default(),
        kind: kind.into(),
        state: state.into(),
        title: said.title,
        priority: said.priority,
        owner: said.owner,
        due_day: said.due_day.map(i64::from),
        reasons: reasons(said.reasons),
        playbook: said.playbook,
        run: id(&said.run).unwrap_or_default(),
        until: said.until_at,
        outcome: said.outcome,
        by: said.by,
        tasks: said.tasks.into_iter().map(|task| (task.title, task.done_by)).collect(),
        touched: said.touched,
        joined: said.joined_playbooks,
    }
}

fn notification(when: When, said: account::NotificationRequested) -> NotificationChange {
    NotificationChange {
        when,
        notification: id(&said.notification).unwrap_or_default(),
        playbook: said.playbook,
        run: id(&said.run).unwrap_or_default(),
        step: said.step,
        channel: said.channel,
        recipient: said.recipient,
        body: serde_json::from_slice(&said.body).unwrap_or_default(),
        dropped: false,
    }
}
