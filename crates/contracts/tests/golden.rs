//! Every kind of record, as bytes written down once: a build that reads or writes them differently fails here.

use std::collections::BTreeMap;

use contracts::{
    Said,
    account::{AccountRecord, account_record::Kind},
    log::{Cause, Header, Service},
};
use domain::{
    command::*,
    decision::*,
    fact::{Fact, FactKind, Usage},
    ids::*,
    time::{Day, Instant},
    value::{Decimal, Value},
};
use prost::Message;

const NOON: i64 = 867_758_400_000;

fn header() -> Header {
    Header {
        format: 1,
        generation: 1,
        workspace: "acme".into(),
        account: "00042".into(),
        id: 7_u128.to_be_bytes().to_vec().into(),
        event_at: NOON,
        original_at: NOON - 1,
        due_at: NOON,
        service: Service::Workflow.into(),
        cause: Some(Cause { partition: 3, offset: 9, index: 1 }),
        before: Some(Cause { partition: 3, offset: 4, index: 0 }),
        instant_at: NOON,
        fact_id: 7_u128.to_be_bytes().to_vec().into(),
        writer: 8_u128.to_be_bytes().to_vec().into(),
        catalogue_version: 2,
        request_id: 9_u128.to_be_bytes().to_vec().into(),
        attempt: 1,
    }
}

fn facts() -> Vec<(&'static str, FactKind)> {
    let contact = ContactId(5);
    let values = vec![
        ("list".to_owned(), Value::List(vec![Value::Bool(true), Value::Null])),
        ("revenue".to_owned(), Value::Decimal(Decimal(11_770_000))),
        ("title".to_owned(), Value::Text("CFO".into())),
    ];
    let usage = Usage {
        contact: Some(contact),
        event: "Order Completed".into(),
        properties: values.clone(),
        active: true,
    };
    vec![
        ("usage", FactKind::Usage(usage)),
        ("account_traits", FactKind::AccountTraits(values.clone())),
        ("contact_traits", FactKind::ContactTraits { contact, traits: values }),
        ("contact_membership", FactKind::ContactMembership { contact, member: true }),
        ("contract_terms", FactKind::ContractTerms { contract: "C-1".into(), terms: contract_terms() }),
    ]
}

fn contract_terms() -> Vec<(String, Value)> {
    vec![
        ("auto_renew".to_owned(), Value::Bool(true)),
        ("end_date".to_owned(), Value::Text("2027-03-31".into())),
        ("notice_deadline".to_owned(), Value::Null),
    ]
}

fn commands() -> Vec<(&'static str, Ask)> {
    let of_cta = |ask| Ask::Cta(CtaId(13), ask);
    let of_run = |ask| Ask::Run(RunId(11), ask);
    vec![
        ("take_cta", of_cta(CtaCommand::Take)),
        ("snooze_cta", of_cta(CtaCommand::Snooze { until: Instant(NOON) })),
        ("close_cta", of_cta(CtaCommand::Close { outcome: "renewed".into() })),
        ("reassign_cta", of_cta(CtaCommand::Reassign { owner: "jo".into() })),
        ("complete_cta_task", of_cta(CtaCommand::CompleteTask { task: "Call the champion".into() })),
        ("approve_run", of_run(RunCommand::Approve)),
        ("reject_run", of_run(RunCommand::Reject)),
    ]
}

fn reasons() -> Vec<Reason> {
    vec![Reason { comparison: "days_since_last_order at least 56".into(), value: "56".into(), holds: true }]
}

fn health_changed() -> HealthChanged {
    let score = |points, band| Some(Score { points, band });
    let measure = || Source::Measure("orders_84d".to_owned());
    HealthChanged {
        initial: false,
        by_catalogue: true,
        scorecard: "buying".into(),
        score: score(38, Band::Red),
        before: score(72, Band::Green),
        known_weight: 850,
        cap: Some("silent".into()),
        overall: 38_200,
        drivers: vec![Driver {
            source: measure(),
            points: -34_000,
            value: "0".into(),
            value_before: "3".into(),
        }],
        contributions: vec![Contribution { source: measure(), points: 38_200, value: "0".into() }],
    }
}

fn cta_changed() -> CtaChanged {
    CtaChanged {
        cta: CtaId(13),
        kind: CtaType::Risk,
        state: CtaState::Closed { outcome: "saved".into() },
        title: "Call them".into(),
        priority: 1,
        owner: "jo".into(),
        due: Some(Day(10_046)),
        reasons: reasons(),
        playbook: "win_back".into(),
        run: RunId(11),
        episode: Some(EpisodeId(12)),
        by: "kim".into(),
        tasks: Vec::new(),
        touched: false,
        joined: Vec::new(),
    }
}

fn cta_changed_with_tasks() -> CtaChanged {
    let task = |title: &str, done_by: &str| Task { title: title.into(), done_by: done_by.into() };
    CtaChanged {
        state: CtaState::Open,
        tasks: vec![task("Call the champion", "kim"), task("Find a second one", "")],
        touched: true,
        joined: vec!["renewal".into()],
        ..cta_changed()
    }
}

fn membership_changed() -> MembershipChanged {
    MembershipChanged {
        initial: true,
        by_catalogue: false,
        segment: "slipping_away".into(),
        member: true,
        episode: EpisodeId(12),
        reasons: reasons(),
    }
}

fn run_advanced() -> RunAdvanced {
    RunAdvanced {
        run: RunId(11),
        playbook: "win_back".into(),
        trigger: 12,
        state: RunState::Waiting { until: Instant(NOON), approval: false },
        step: "wait_2".into(),
        reasons: reasons(),
    }
}

fn run_to_approve() -> RunAdvanced {
    let state = RunState::Waiting { until: Instant(NOON), approval: true };
    RunAdvanced { state, ..run_advanced() }
}

fn run_ended(because: RunEnd) -> RunAdvanced {
    RunAdvanced { state: RunState::Ended { because }, step: String::new(), ..run_advanced() }
}

fn notification_requested() -> NotificationRequested {
    NotificationRequested {
        notification: NotificationId(9),
        playbook: "win_back".into(),
        run: RunId(11),
        step: "notify_2".into(),
        channel: Channel::Webhook,
        recipient: "crm".into(),
        body: "{}".into(),
    }
}

fn decisions() -> Vec<(&'static str, Decision)> {
    let notification = NotificationId(9);
    let settled = NotificationSettled { notification, state: NotificationState::Delivered, attempts: 1 };
    let answer =
        CommandAnswered { command: CommandId(9), code: "CTA_CLOSED".into(), message: "it is closed".into() };
    vec![
        ("health_changed", Decision::Health(health_changed())),
        ("membership_changed", Decision::Membership(membership_changed())),
        ("run_advanced", Decision::Run(run_advanced())),
        ("run_advanced_to_approve", Decision::Run(run_to_approve())),
        ("run_advanced_ended", Decision::Run(run_ended(RunEnd::Done))),
        ("run_advanced_ended_goal", Decision::Run(run_ended(RunEnd::Goal))),
        ("run_advanced_ended_rejected", Decision::Run(run_ended(RunEnd::Rejected))),
        ("run_advanced_ended_timed_out", Decision::Run(run_ended(RunEnd::TimedOut))),
        ("run_advanced_ended_undefined", Decision::Run(run_ended(RunEnd::Undefined))),
        ("cta_changed", Decision::Cta(cta_changed())),
        ("cta_changed_with_tasks", Decision::Cta(cta_changed_with_tasks())),
        ("notification_requested", Decision::Notification(notification_requested())),
        ("attempt_due", Decision::Attempt(AttemptDue { notification, attempt: 1 })),
        ("notification_settled", Decision::Settled(settled)),
        ("command_answered", Decision::Answer(answer)),
    ]
}

fn report() -> AttemptReported {
    AttemptReported {
        notification: NotificationId(9),
        attempt: 1,
        begun: true,
        permanent: false,
        status: Some(503),
        error: "busy".into(),
        retry_at: Some(Instant(NOON)),
        began_at: Instant(NOON),
        took_ms: 12,
    }
}

fn permanent() -> AttemptReported {
    AttemptReported { permanent: true, retry_at: None, ..report() }
}

fn not_begun() -> AttemptReported {
    AttemptReported { begun: false, status: None, took_ms: 0, began_at: Instant(0), ..report() }
}

fn records() -> BTreeMap<&'static str, Kind> {
    let mut records = BTreeMap::new();
    records.extend(facts().into_iter().map(|(name, fact)| (name, Kind::from(fact))));
    records.extend(decisions().into_iter().map(|(name, decision)| (name, Kind::from(decision))));
    records.insert("attempt_reported", Kind::from(report()));
    records.insert("attempt_reported_permanent", Kind::from(permanent()));
    records.insert("attempt_reported_not_begun", Kind::from(not_begun()));
    for (name, ask) in commands() {
        let command = Command { id: CommandId(9), by: "kim".into(), ask };
        records.insert(name, Kind::from(command));
    }
    records
}

#[test]
fn every_record_has_the_bytes_it_always_had() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/account_records.txt");
    let written = std::fs::read_to_string(path).unwrap();
    let now: String = records()
        .into_iter()
        .map(|(name, kind)| {
            let record = AccountRecord { header: Some(header()), control: None, kind: Some(kind) };
            format!("{name} {}\n", hex::encode(record.encode_to_vec()))
        })
        .collect();
    assert_eq!(now, written, "a record's bytes changed: old logs would be read differently");
}

#[test]
fn every_fact_comes_back_as_it_went() {
    for (name, kind) in facts() {
        let fact = Fact { id: FactId(7), event_at: Instant(NOON), kind: kind.clone() };
        assert_eq!(contracts::said(&header(), kind.into()), Ok(Some(Said::Fact(fact))), "{name}");
    }
}

#[test]
fn every_command_and_report_comes_back_as_it_went() {
    for (name, ask) in commands() {
        let command = Command { id: CommandId(9), by: "kim".into(), ask };
        let said = contracts::said(&header(), command.clone().into());
        assert_eq!(said, Ok(Some(Said::Command(command))), "{name}");
    }
    for report in [report(), permanent(), not_begun()] {
        assert_eq!(contracts::said(&header(), report.clone().into()), Ok(Some(Said::Report(report))));
    }
}

#[test]
fn every_decision_comes_back_as_it_went() {
    for (name, decision) in decisions() {
        let back = contracts::decision(&header(), decision.clone().into());
        assert_eq!(back, Ok(Some(decision)), "{name}");
    }
}

#[test]
fn an_id_of_the_wrong_length_is_refused_by_name() {
    let kind = Kind::AttemptDue(contracts::account::AttemptDue { notification: vec![1, 2], attempt: 1 });
    let fault = contracts::decision(&header(), kind).unwrap_err();
    assert_eq!(fault.to_string(), "attempt_due.notification: 2 bytes instead of 16");
}
