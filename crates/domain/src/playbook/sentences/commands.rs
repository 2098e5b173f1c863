//! Commands about CTAs, and what holds whatever happens.

use proptest::prelude::*;

use super::*;
use crate::{cta::Cta, ids::NotificationId};

fn risk_cta() -> (Account, CtaId) {
    let mut account = Account::with(vec![win_back()]);
    account.told(0, entered("silent", 7));
    let cta = account.workflow.ctas().risk().map(|cta| cta.id).unwrap();
    (account, cta)
}

#[test]
fn a_command_is_done_or_refused_with_the_reason() {
    let check = |before: &[CtaCommand], ask: CtaCommand, expected: &[&str]| {
        let (mut account, cta) = risk_cta();
        for (n, ask) in before.iter().enumerate() {
            account.asked(1, n as u128, cta, ask.clone());
        }
        assert_eq!(account.asked(10, 99, cta, ask.clone()), expected, "{ask:?} after {before:?}");
    };
    let bob = || CtaCommand::Reassign { owner: "bob".into() };
    let done = || CtaCommand::Close { outcome: "renewed".into() };
    let snooze = |until| CtaCommand::Snooze { until: Instant(until) };
    check(&[], CtaCommand::Take, &["Open 2 1", "answer "]);
    check(&[CtaCommand::Take], CtaCommand::Take, &["answer "]);
    check(&[bob()], CtaCommand::Take, &["answer CTA_TAKEN"]);
    check(&[], CtaCommand::CompleteTask { task: "Call".into() }, &["answer TASK_NOT_FOUND"]);
    check(&[], snooze(11), &["Snoozed { until: Instant(11) } 2 1", "answer "]);
    check(&[], snooze(10), &["answer SNOOZE_IN_PAST"]);
    check(&[], done(), &["Closed { outcome: renewed } 2 1", "answer "]);
    check(&[done()], done(), &["answer CTA_CLOSED"]);
    check(&[], CtaCommand::Close { outcome: String::new() }, &["answer OUTCOME_MISSING"]);
    check(&[], CtaCommand::Reassign { owner: String::new() }, &["answer OWNER_MISSING"]);
    check(&[], CtaCommand::Reassign { owner: "o".repeat(201) }, &["answer TEXT_UNFIT"]);
    check(&[], CtaCommand::Close { outcome: "re\0newed".to_owned() }, &["answer TEXT_UNFIT"]);
}

#[test]
fn a_cta_of_nobody_knows_what_is_refused() {
    let (mut account, _) = risk_cta();
    assert_eq!(account.asked(1, 1, CtaId(404), CtaCommand::Take), ["answer CTA_NOT_FOUND"]);
}

#[test]
fn a_repeated_command_is_not_answered_again_within_a_day() {
    let (mut account, cta) = risk_cta();
    assert_eq!(account.asked(1, 5, cta, CtaCommand::Take), ["Open 2 1", "answer "]);
    assert_eq!(account.asked(DAY_MS, 5, cta, CtaCommand::Take), Vec::<String>::new());
    assert_eq!(account.asked(DAY_MS + 1, 5, cta, CtaCommand::Take), ["answer "]);
}

#[test]
fn a_snooze_ends_by_itself() {
    let (mut account, cta) = risk_cta();
    account.asked(1, 1, cta, CtaCommand::Snooze { until: Instant(DAY_MS) });
    assert_eq!(account.wakes(1).clock, Some(Instant(DAY_MS)));
    assert_eq!(account.timer(DAY_MS), ["Open 2 1"]);
    assert_eq!(account.wakes(DAY_MS).clock, None);
}

#[derive(Debug, Clone)]
enum Happening {
    Enters(u8),
    Leaves(u8),
    Asks { id: u8, cta: u8, ask: u8 },
    Passes(u32),
    Repaired,
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        (0..3_u8).prop_map(Happening::Enters),
        (0..3_u8).prop_map(Happening::Leaves),
        (0..8_u8, 0..4_u8, 0..4_u8).prop_map(|(id, cta, ask)| Happening::Asks { id, cta, ask }),
        (1..90_000_000_u32).prop_map(Happening::Passes),
        Just(Happening::Repaired),
    ]
}

fn ask(n: u8, now: i64) -> CtaCommand {
    match n {
        0 => CtaCommand::Take,
        1 => CtaCommand::Snooze { until: Instant(now + 40_000_000) },
        2 => CtaCommand::Close { outcome: "lost".into() },
        _ => CtaCommand::Reassign { owner: "bob".into() },
    }
}

proptest! {
    #[test]
    fn there_is_never_a_second_risk_cta_and_every_command_has_one_answer(
        happenings in prop::collection::vec(happening(), 1..60)
    ) {
        let segment = |n: u8| format!("s{n}");
        let mut playbooks: Vec<_> = (0..3_u8)
            .flat_map(|n| {
                let steps = vec![open(CtaType::Risk, 1 + u32::from(n)), wait(50_000_000), notify()];
                let leave = Trigger::Leaves { segment: segment(n) };
                [
                    playbook(&format!("in{n}"), enters(&segment(n)), steps),
                    playbook(&format!("out{n}"), leave, vec![close(CtaType::Risk)]),
                ]
            })
            .collect();
        playbooks.sort_by(|a, b| a.name.cmp(&b.name));
        let mut account = Account::with(playbooks);
        let (mut now, mut episode, mut seen) = (0_i64, 0_u128, Vec::new());
        let mut answers = std::collections::BTreeMap::<u8, Vec<i64>>::new();
        for happening in happenings {
            match happening {
                Happening::Enters(n) => { episode += 1; account.told(now, entered(&segment(n), episode)); }
                Happening::Leaves(n) => { account.told(now, left(&segment(n), episode)); }
                Happening::Asks { id, cta, ask: n } => {
                    let cta = seen.get(usize::from(cta)).copied().unwrap_or(CtaId(404));
                    let said = account.asked(now, u128::from(id), cta, ask(n, now));
                    let given = said.iter().filter(|s| s.starts_with("answer")).count();
                    let last = answers.entry(id).or_default();
                    let repeat = last.last().is_some_and(|at| now - at < DAY_MS);
                    prop_assert_eq!(given, usize::from(!repeat));
                    if given == 1 { last.push(now); }
                }
                Happening::Passes(ms) => {
                    let target = now + i64::from(ms);
                    while let Some(due) = account.wakes(now).clock.filter(|due| due.0 <= target) {
                        prop_assert!(due.0 >= now, "never late");
                        now = due.0;
                        prop_assert!(!account.timer(now).is_empty(), "never in vain");
                    }
                    now = target;
                }
                Happening::Repaired => {
                    account.workflow = Workflow::decode(&account.workflow.encode()).unwrap();
                }
            }
            let ctas: Vec<&Cta> = account.workflow.ctas().open().iter().collect();
            prop_assert!(ctas.iter().filter(|cta| cta.kind == CtaType::Risk).count() <= 1);
            seen.extend(ctas.iter().map(|cta| cta.id));
            seen.dedup();
        }
    }

    #[test]
    fn an_id_follows_from_what_it_stands_for(episode in any::<u128>()) {
        let ids = || {
            let mut account = Account::with(vec![win_back()]);
            account.told(0, entered("silent", episode));
            let notification: NotificationId = account.workflow.deliveries()[0].id;
            (account.workflow.ctas().risk().map(|cta| cta.id), notification)
        };
        prop_assert_eq!(ids(), ids());
    }
}
