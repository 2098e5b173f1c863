//! How a decision is said in a line.

use contracts::account::account_record::Kind;
use contracts::account::{
    AccountRecord, AttemptDue, AttemptReported, CommandAnswered, CtaChanged, CtaState, HealthChanged,
    MembershipChanged, NotificationRequested, NotificationSettled, RunAdvanced, RunState,
};
use contracts::log::{Control, control};

use crate::words;

/// Every decision has one; of facts only a call that failed.
pub(super) fn line(record: &AccountRecord) -> Option<String> {
    let header = record.header.as_ref()?;
    let said = match record.kind.as_ref() {
        Some(kind) => kind_in_words(kind)?,
        None => skipped(record.control.as_ref()?)?,
    };
    // A fact is no step of an account: it has the time at which it happened.
    let at = if header.instant_at == 0 { header.event_at } else { header.instant_at };
    Some(format!("{}  {}/{}  {said}", words::instant(at), header.workspace, header.account))
}

fn kind_in_words(kind: &Kind) -> Option<String> {
    let said = match kind {
        Kind::HealthChanged(change) => health(change),
        Kind::MembershipChanged(change) => membership(change),
        Kind::RunAdvanced(run) => advanced(run),
        Kind::CtaChanged(change) => cta(change),
        Kind::NotificationRequested(request) => requested(request),
        Kind::AttemptDue(attempt) => due(attempt),
        Kind::NotificationSettled(notification) => settled(notification),
        Kind::CommandAnswered(answer) => answered(answer),
        Kind::AttemptReported(report) => failed(report)?,
        Kind::Usage(_)
        | Kind::AccountTraits(_)
        | Kind::ContactTraits(_)
        | Kind::ContactMembership(_)
        | Kind::ContractTerms(_)
        | Kind::TakeCta(_)
        | Kind::SnoozeCta(_)
        | Kind::CloseCta(_)
        | Kind::ReassignCta(_)
        | Kind::CompleteCtaTask(_)
        | Kind::DecideRun(_) => return None,
    };
    Some(said)
}

fn skipped(control: &Control) -> Option<String> {
    match control.kind.as_ref()? {
        control::Kind::Skipped(skipped) => Some(format!("skipped a fact: {}", skipped.reason)),
        _ => None,
    }
}

/// With the three drivers that weigh most.
fn health(change: &HealthChanged) -> String {
    let scores = format!("{} -> {}", words::score(change.score_before), words::score(change.score));
    let (before, now) = (words::band(change.band_before()), words::band(change.band()));
    let bands = if before == now { now.to_owned() } else { format!("{before} -> {now}") };
    let drivers = change.drivers.iter().take(3);
    let drivers: Vec<_> = drivers.map(words::driver).collect();
    with(&format!("health {scores}, {bands}"), &drivers.join(", "))
}

fn membership(change: &MembershipChanged) -> String {
    let verb = if change.member { "entered" } else { "left" };
    with(&format!("{verb} {}", change.segment), &words::reasons(&change.reasons))
}

fn advanced(run: &RunAdvanced) -> String {
    let step = if run.step.is_empty() { String::new() } else { format!(" at {}", run.step) };
    let until = match run.until_at {
        0 => String::new(),
        until => format!(" until {}", words::instant(until)),
    };
    let state = match run.state() {
        RunState::Waiting if run.awaits_approval => "waits to be approved",
        RunState::Waiting => "waits",
        RunState::Ended => words::run_end(run.end()),
        RunState::Started => "started",
        RunState::Unspecified => "-",
    };
    with(&format!("run of {} {state}{step}{until}", run.playbook), &words::reasons(&run.reasons))
}

fn cta(change: &CtaChanged) -> String {
    let kind = words::cta_type(change.r#type());
    match change.state() {
        CtaState::Closed => format!("CTA closed: {} ({kind}), {}", change.title, change.outcome),
        state => {
            let state = words::cta_state_name(state);
            format!("CTA {state}: {} ({kind}, priority {})", change.title, change.priority)
        }
    }
}

fn requested(request: &NotificationRequested) -> String {
    format!("{} to {} requested by {}", request.channel, request.recipient, request.playbook)
}

fn due(attempt: &AttemptDue) -> String {
    format!("webhook due, attempt {}", attempt.attempt)
}

/// What came of a call, unless it went well.
fn failed(report: &AttemptReported) -> Option<String> {
    let why = match (report.error.as_str(), report.status) {
        _ if report.not_begun => return None,
        (_, 200..=299) => return None,
        ("", status) => format!("answered {status}"),
        (error, _) => error.to_owned(),
    };
    Some(format!("notification failed, attempt {}: {why}", report.attempt))
}

fn settled(notification: &NotificationSettled) -> String {
    let state = words::notification_state(notification.state());
    match notification.attempts {
        0 => format!("webhook {state}"),
        attempt => format!("webhook {state}, attempt {attempt}"),
    }
}

fn answered(answer: &CommandAnswered) -> String {
    match answer.code.as_str() {
        "" => "command done".to_owned(),
        code => with(&format!("command refused, {code}"), &answer.message),
    }
}

/// What is said, and why.
fn with(said: &str, why: &str) -> String {
    if why.is_empty() { said.to_owned() } else { format!("{said}: {why}") }
}

#[cfg(test)]
mod tests {
    use contracts::account::account_record::Kind;
    use contracts::account::{
        AccountRecord, AttemptDue, AttemptReported, Band, CommandAnswered, CtaChanged, CtaState, CtaType,
        Driver, HealthChanged, MembershipChanged, NotificationRequested, NotificationSettled,
        NotificationState, Reason, RunAdvanced, RunState, Usage,
    };
    use contracts::log::{Control, Header, Skipped, control};

    use super::line;

    fn header() -> Option<Header> {
        let (workspace, account) = ("default".to_owned(), "acme".to_owned());
        Some(Header { workspace, account, instant_at: 899_251_200_000, ..Header::default() })
    }

    fn check(kind: Kind, expected: &str) {
        let record = AccountRecord { header: header(), kind: Some(kind), ..AccountRecord::default() };
        let expected = format!("1998-07-01T00:00:00Z  default/acme  {expected}");
        assert_eq!(line(&record).as_deref(), Some(expected.as_str()));
    }

    fn reasons() -> Vec<Reason> {
        vec![Reason { comparison: "events at least 3".into(), value: "4".into(), holds: true }]
    }

    #[test]
    fn a_score_is_said_with_its_drivers_whether_its_band_changes_or_not() {
        let driver = Driver { measure: "events".into(), points: 12_500, ..Driver::default() };
        let mut change = HealthChanged {
            score: Some(45),
            score_before: Some(32),
            band: Band::Yellow.into(),
            band_before: Band::Red.into(),
            drivers: vec![driver],
            ..HealthChanged::default()
        };
        check(Kind::HealthChanged(change.clone()), "health 32 -> 45, red -> yellow: events +12.5");
        change.band_before = Band::Yellow.into();
        check(Kind::HealthChanged(change), "health 32 -> 45, yellow: events +12.5");
    }

    #[test]
    fn segments_and_runs_are_said_with_their_reasons() {
        let change = MembershipChanged {
            segment: "active".into(),
            member: true,
            reasons: reasons(),
            ..MembershipChanged::default()
        };
        check(Kind::MembershipChanged(change.clone()), "entered active: events at least 3 (was 4)");
        let left = MembershipChanged { member: false, ..change };
        check(Kind::MembershipChanged(left), "left active: events at least 3 (was 4)");
        let playbook = "ask_why".to_owned();
        let mut run = RunAdvanced { playbook, state: RunState::Started.into(), ..RunAdvanced::default() };
        check(Kind::RunAdvanced(run.clone()), "run of ask_why started");
        (run.step, run.until_at) = ("2".into(), 899_251_201_000);
        run.set_state(RunState::Waiting);
        check(Kind::RunAdvanced(run), "run of ask_why waits at 2 until 1998-07-01T00:00:01Z");
    }

    #[test]
    fn ctas_and_what_commands_come_to_are_said() {
        let mut change = CtaChanged { title: "Ask why".into(), priority: 2, ..CtaChanged::default() };
        change.set_type(CtaType::Risk);
        change.set_state(CtaState::Open);
        check(Kind::CtaChanged(change.clone()), "CTA open: Ask why (risk, priority 2)");
        change.set_state(CtaState::Closed);
        change.outcome = "saved".into();
        check(Kind::CtaChanged(change), "CTA closed: Ask why (risk), saved");
        check(Kind::CommandAnswered(CommandAnswered::default()), "command done");
        let refused = CommandAnswered { code: "CTA_CLOSED".into(), message: "it is closed".into() };
        check(Kind::CommandAnswered(refused), "command refused, CTA_CLOSED: it is closed");
    }

    #[test]
    fn a_notification_is_said_from_its_request_to_its_end() {
        let request = NotificationRequested {
            channel: "webhook".into(),
            recipient: "crm".into(),
            playbook: "ask_why".into(),
            ..NotificationRequested::default()
        };
        check(Kind::NotificationRequested(request), "webhook to crm requested by ask_why");
        let due = AttemptDue { attempt: 2, ..AttemptDue::default() };
        check(Kind::AttemptDue(due), "webhook due, attempt 2");
        let mut report = AttemptReported { attempt: 2, status: 500, ..AttemptReported::default() };
        check(Kind::AttemptReported(report.clone()), "notification failed, attempt 2: answered 500");
        (report.status, report.error) = (0, "the connection was closed".into());
        check(Kind::AttemptReported(report), "notification failed, attempt 2: the connection was closed");
        let mut settled = NotificationSettled { attempts: 2, ..NotificationSettled::default() };
        settled.set_state(NotificationState::Delivered);
        check(Kind::NotificationSettled(settled), "webhook delivered, attempt 2");
    }

    #[test]
    fn a_skip_is_said_and_a_fact_is_not() {
        let skipped = control::Kind::Skipped(Skipped { reason: "it cannot be read".into() });
        let control = Some(Control { kind: Some(skipped) });
        let record = AccountRecord { header: header(), control, ..AccountRecord::default() };
        let said = line(&record).unwrap();
        assert!(said.ends_with("default/acme  skipped a fact: it cannot be read"), "{said}");
        let delivered = AttemptReported { status: 204, ..AttemptReported::default() };
        for fact in [Kind::Usage(Usage::default()), Kind::AttemptReported(delivered)] {
            let record = AccountRecord { header: header(), kind: Some(fact), ..AccountRecord::default() };
            assert_eq!(line(&record), None);
        }
    }
}
