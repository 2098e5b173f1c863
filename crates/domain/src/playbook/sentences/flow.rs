//! Branches, waits, goals, and whose CTAs are: told over definitions as people write them.

use serde_json::{Value as Json, json};

use super::*;
use crate::command::RunCommand;

const HOUR: i64 = 3_600_000;

/// What happens to an account, in steps of the log.
impl Account {
    /// One playbook `p` that entering `risk` starts, and `others`.
    fn playing(playbook: &Json, others: &Json) -> Self {
        let mut document = json!({
            "segments": {
                "risk": {"when": {"trait": "risk", "is": true}},
                "vip": {"when": {"trait": "vip", "is": true}},
            },
            "endpoints": {"crm": {"url": "https://crm.example.com"}},
            "playbooks": {"p": {"trigger": {"enters": "risk"}}},
        });
        let merged = [("playbooks", &json!({"p": playbook})), ("", others)];
        for (under, more) in merged {
            for (key, value) in more.as_object().unwrap() {
                match (under, key.as_str()) {
                    ("playbooks", _) => {
                        for (key, value) in value.as_object().unwrap() {
                            document["playbooks"]["p"][key] = value.clone();
                        }
                    }
                    _ => document[key] = value.clone(),
                }
            }
        }
        Self::of(&document)
    }

    fn knows(&mut self, at: i64, name: &str, value: Value) -> Vec<String> {
        let kind = FactKind::AccountTraits(vec![(name.into(), value)]);
        let fact = Fact { id: FactId(1_000 + self.fact), event_at: Instant(at), kind };
        self.view.fold(&self.catalogue, &fact, Instant(at));
        self.timer(at)
    }

    fn is(&mut self, at: i64, name: &str) -> Vec<String> {
        self.knows(at, name, Value::Bool(true))
    }

    fn is_not(&mut self, at: i64, name: &str) -> Vec<String> {
        self.knows(at, name, Value::Bool(false))
    }

    fn enters(&mut self, at: i64, segment: &str) -> Vec<String> {
        self.view.set_membership(segment, true);
        let episode = u128::try_from(at).unwrap() + 1;
        self.told(at, entered(segment, episode))
    }

    /// Plays every timer up to an instant, none of them in vain.
    fn passes(&mut self, from: i64, to: i64) -> Vec<String> {
        let (mut now, mut said) = (from, Vec::new());
        while let Some(due) = self.wakes(now).clock.filter(|due| due.0 <= to) {
            assert!(due.0 > now || now == from, "{due:?} after {now}");
            now = due.0;
            self.view.advance(&self.catalogue, Instant(now));
            said.extend(self.timer(now).into_iter().map(|what| format!("{now}: {what}")));
        }
        said
    }

    fn cta(&self) -> &crate::cta::Cta {
        &self.workflow.ctas().open()[0]
    }

    fn asks(&mut self, at: i64, ask: RunCommand) -> Vec<String> {
        let run = self.workflow.runs().first().map_or(crate::ids::RunId(404), |run| run.id);
        let id = CommandId(u128::try_from(at).unwrap());
        let command = Command { id, by: "ann".into(), ask: Ask::Run(run, ask) };
        brief(&self.step(at, Occasion::Command(&command), &[]))
    }
}

fn call(title: &str) -> Json {
    json!({"open_cta": {"type": "lifecycle", "title": title, "priority": 3}})
}

#[test]
fn a_branch_takes_the_first_way_that_is_open_and_goes_on_behind_it() {
    let steps = json!([
        {"branch": [
            {"when": {"segment": "vip"}, "steps": [call("vip"), {"wait": {"hours": 1}}]},
            {"when": {"trait": "quiet", "is": true}, "steps": [{"end": {}}]},
            {"steps": [call("rest")]},
        ]},
        {"notify": {"endpoint": "crm"}},
    ]);
    let check = |set: fn(&mut Account), expected: &[&str]| {
        let mut account = Account::playing(&json!({"steps": steps}), &json!({}));
        set(&mut account);
        let mut said = account.enters(5, "risk");
        said.extend(account.passes(5, 10 * HOUR));
        assert_eq!(said, expected);
    };
    check(|_| (), &["Started", "Open 3 1", "request crm", "Ended"]);
    check(|account| drop(account.is(1, "quiet")), &["Started", "Ended"]);
    check(
        |account| drop(account.enters(1, "vip")),
        &["Started", "Open 3 1", "branch_1_1_wait_2 until 3600005", "3600005: request crm", "3600005: Ended"],
    );
}

#[test]
fn a_wait_for_something_ends_as_soon_as_it_is_so_or_in_time() {
    let steps = json!([
        {"wait": {"until": {"when": {"trait": "calm", "is": true}}, "at_most": {"hours": 2}}},
        {"notify": {"endpoint": "crm"}},
    ]);
    let playing = || Account::playing(&json!({"steps": steps}), &json!({}));
    let mut account = playing();
    assert_eq!(account.enters(0, "risk"), ["Started", "wait_1 until 7200000"]);
    assert_eq!(account.is_not(1, "calm"), Vec::<String>::new());
    assert_eq!(account.is(2, "calm"), ["request crm", "Ended"]);
    let mut account = playing();
    account.enters(0, "risk");
    assert_eq!(account.passes(0, 9 * HOUR), ["7200000: request crm", "7200000: Ended"]);
    let mut account = playing();
    account.is(0, "calm");
    assert_eq!(account.enters(1, "risk"), ["Started", "request crm", "Ended"]);
}

#[test]
fn a_wait_for_what_time_brings_wakes_when_it_does() {
    let steps = json!([
        {"wait": {"until": {"when": {"measure": "left", "at_most": 14}}}},
        {"notify": {"endpoint": "crm"}},
    ]);
    let measures = json!({"measures": {"left": {"days_until": {"trait": "renewal_date"}}}});
    let mut account = Account::playing(&json!({"steps": steps}), &measures);
    account.knows(0, "renewal_date", Value::Text("1970-02-01".into()));
    assert_eq!(account.enters(5, "risk").len(), 2);
    let day_17 = 17 * DAY_MS;
    let said = account.passes(5, 30 * DAY_MS);
    assert_eq!(said, [format!("{day_17}: request crm"), format!("{day_17}: Ended")]);
}

#[test]
fn a_run_ends_at_its_goal_and_in_time_and_does_not_start_beyond_it() {
    let playbook = json!({
        "goal": {"trait": "calm", "is": true},
        "at_most": {"days": 3},
        "steps": [{"wait": {"days": 9}}, {"notify": {"endpoint": "crm"}}],
    });
    let mut account = Account::playing(&playbook, &json!({}));
    account.enters(0, "risk");
    assert_eq!(account.passes(0, 9 * DAY_MS), [format!("{}: Ended {{ because: TimedOut }}", 3 * DAY_MS)]);
    account.enters(9 * DAY_MS, "risk");
    assert_eq!(account.is(9 * DAY_MS + 1, "calm"), ["Ended { because: Goal }"]);
    assert_eq!(account.enters(9 * DAY_MS + 2, "risk"), Vec::<String>::new());
}

#[test]
fn a_playbook_starts_again_as_its_re_entry_says() {
    let check = |re_entry: Json, starts: [bool; 3]| {
        let playbook = json!({"re_entry": re_entry, "steps": [{"end": {}}]});
        let mut account = Account::playing(&playbook, &json!({}));
        let started = [0, DAY_MS - 1, DAY_MS].map(|at| !account.enters(at, "risk").is_empty());
        assert_eq!(started, starts, "{re_entry}");
    };
    check(json!("always"), [true, true, true]);
    check(json!("never"), [true, false, false]);
    check(json!({"after": {"days": 1}}), [true, false, true]);
}

#[test]
fn what_starts_at_once_starts_by_rank_and_only_while_it_may() {
    let play = |rank: u32, title: &str, while_: Json| {
        let steps = json!([{"open_cta": {"type": "risk", "title": title, "priority": rank}}]);
        json!({"trigger": {"enters": "risk"}, "rank": rank, "starts_while": while_, "steps": steps})
    };
    let vip = json!({"segment": "vip"});
    let playbooks = json!({"segments": {"risk": {"when": {"trait": "r", "is": true}}, "vip": {"when": {"trait": "v", "is": true}}},
        "playbooks": {"a": play(3, "a", json!({"not": vip})), "b": play(2, "b", vip.clone()), "c": play(1, "c", json!({"not": vip}))}});
    let mut account = Account::of(&playbooks);
    account.enters(0, "risk");
    let cta = account.cta();
    assert_eq!(
        (cta.title.as_str(), cta.origin.playbook.as_str(), &cta.joined[..]),
        ("c", "c", &["a".to_owned()][..])
    );
}

#[test]
fn a_cta_is_whose_the_step_or_the_routing_says() {
    let routing = json!({"routing": [
        {"when": {"segment": "vip"}, "owner": "kim"},
        {"trait": "owner"},
        {"owner": "managers"},
    ]});
    let check = |more: Json, set: fn(&mut Account), owner: &str| {
        let mut opening = json!({"type": "risk", "title": "Call", "priority": 1});
        opening.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let mut account = Account::playing(&json!({"steps": [{"open_cta": opening}]}), &routing);
        set(&mut account);
        account.enters(9, "risk");
        assert_eq!(account.cta().owner, owner, "{more}");
    };
    let owned = |account: &mut Account| drop(account.knows(0, "owner", Value::Text("ann".into())));
    check(json!({}), |_| (), "managers");
    check(json!({}), owned, "ann");
    check(json!({}), |account| drop(account.enters(1, "vip")), "kim");
    check(json!({"owner": "bob"}), owned, "bob");
    check(json!({"owner_trait": "deputy"}), owned, "ann");
    check(
        json!({"owner_trait": "owner"}),
        |account| drop(account.knows(0, "owner", Value::Bool(true))),
        "managers",
    );
}

#[test]
fn what_nobody_touched_is_handed_on_the_day_after_it_was_due() {
    let steps = json!([
        {"open_cta": {"type": "risk", "title": "Call", "priority": 2, "due_working_days": 1, "tasks": ["Call the champion"]}},
        {"wait": {"until": {"cta": "overdue"}}},
        {"branch": [{"cta": "untouched", "steps": [{"update_cta": {"owner": "boss", "priority": 1, "tasks": ["Ask why"]}}]}]},
    ]);
    let playing = || Account::playing(&json!({"steps": steps}), &json!({}));
    // 1970-01-02 was a Friday: the next working day is Monday, the fifth.
    let (friday, tuesday) = (DAY_MS + HOUR, 5 * DAY_MS);
    let mut account = playing();
    account.enters(friday, "risk");
    assert_eq!(account.cta().due.map(|day| day.0), Some(4));
    assert_eq!(
        account.passes(friday, 9 * DAY_MS),
        [format!("{tuesday}: Open 1 1"), format!("{tuesday}: Ended")]
    );
    let cta = account.cta();
    let tasks: Vec<_> = cta.tasks.iter().map(|task| task.title.as_str()).collect();
    assert_eq!((cta.owner.as_str(), tasks), ("boss", vec!["Call the champion", "Ask why"]));
    let mut account = playing();
    account.enters(friday, "risk");
    let cta = account.cta().id;
    let done = CtaCommand::CompleteTask { task: "Call the champion".into() };
    assert_eq!(account.asked(friday + 1, 1, cta, done.clone()), ["Open 2 1", "answer "]);
    assert_eq!(account.asked(friday + 2, 2, cta, done), ["answer TASK_NOT_FOUND"]);
    assert_eq!(account.passes(friday, 9 * DAY_MS), [format!("{tuesday}: Ended")]);
}

#[test]
fn a_closed_cta_ends_the_wait_for_it_and_rests_for_its_own_playbook_only() {
    let opening = |title: &str| json!({"open_cta": {"type": "risk", "title": title, "priority": 2, "cool_down": {"days": 30}}});
    let other = json!({"trigger": {"enters": "vip"}, "steps": [opening("other")]});
    let steps =
        json!([opening("first"), {"wait": {"until": {"cta": "closed"}}}, {"notify": {"endpoint": "crm"}}]);
    let mut account =
        Account::playing(&json!({"steps": steps}), &json!({"outcomes": {"risk": ["saved", "lost"]}}));
    account.catalogue.playbooks.push(Account::playing(&other, &json!({})).catalogue.playbooks.remove(0));
    account.catalogue.playbooks[1].name = "q".into();
    account.enters(0, "risk");
    let cta = account.cta().id;
    let close = |outcome: &str| CtaCommand::Close { outcome: outcome.into() };
    assert_eq!(account.asked(1, 1, cta, close("won")), ["answer OUTCOME_UNKNOWN"]);
    let said = account.asked(2, 2, cta, close("saved"));
    assert_eq!(said, ["Closed { outcome: saved } 2 1", "answer ", "request crm", "Ended"]);
    assert_eq!(account.enters(DAY_MS, "risk"), ["Started", "request crm", "Ended"]);
    assert_eq!(account.enters(DAY_MS + 1, "vip"), ["Started", "Open 2 1", "Ended"]);
    assert_eq!(account.enters(DAY_MS + 2, "risk").first().map(String::as_str), Some("Started"));
    let cta = account.cta();
    assert_eq!((cta.title.as_str(), &cta.joined[..]), ("other", &["p".to_owned()][..]));
}

#[test]
fn a_run_waits_for_a_yes_and_ends_at_a_no_or_in_time() {
    let steps = json!([{"approve": {"at_most": {"days": 2}}}, {"notify": {"endpoint": "crm"}}]);
    let started = |account: &mut Account| assert_eq!(account.enters(0, "risk").len(), 2);
    let mut account = Account::playing(&json!({"steps": steps}), &json!({}));
    assert_eq!(account.asks(0, RunCommand::Approve), ["answer RUN_NOT_FOUND"]);
    started(&mut account);
    assert_eq!(account.asks(1, RunCommand::Approve), ["request crm", "Ended", "answer "]);
    started(&mut account);
    assert_eq!(account.asks(2, RunCommand::Reject), ["Ended { because: Rejected }", "answer "]);
    started(&mut account);
    assert_eq!(account.passes(0, 9 * DAY_MS), [format!("{}: Ended {{ because: TimedOut }}", 2 * DAY_MS)]);
    let waiting = json!({"steps": [{"wait": {"days": 1}}]});
    let mut account = Account::playing(&waiting, &json!({}));
    started(&mut account);
    assert_eq!(account.asks(1, RunCommand::Approve), ["answer RUN_NOT_WAITING"]);
}

#[test]
fn waits_for_working_days_and_office_hours_go_by_the_calendar() {
    let check = |wait: Json, enters: i64, until: Option<i64>| {
        let steps = json!([{"wait": wait}, {"notify": {"endpoint": "crm"}}]);
        let week = json!({"working_week": {"holidays": ["1970-01-05"]}});
        let mut account = Account::playing(&json!({"steps": steps}), &week);
        account.enters(enters, "risk");
        assert_eq!(account.wakes(enters).clock.map(|at| at.0), until, "{wait}");
    };
    let (thursday, friday) = (10 * HOUR, DAY_MS + 17 * HOUR);
    check(json!({"working_days": 1}), thursday, Some(DAY_MS));
    check(json!({"working_days": 1}), friday, Some(5 * DAY_MS));
    check(json!({"office_hours": {"from": 9, "to": 16}}), thursday, None);
    check(json!({"office_hours": {"from": 9, "to": 16}}), friday, Some(5 * DAY_MS + 9 * HOUR));
}
