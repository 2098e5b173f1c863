//! What is wrong with playbooks, and with what they go by, is said where it stands.

use crate::catalogue::check;

fn play(steps: &str) -> String {
    format!(
        "segments: {{a: {{when: {{trait: x, is: 1}}}}}}\nendpoints: {{crm: {{url: 'https://crm.example.com'}}}}\n\
         outcomes: {{risk: [saved, lost]}}\nplaybooks: {{p: {{trigger: {{enters: a}}, steps: [{steps}]}}}}"
    )
}

#[test]
fn steps_that_say_too_little_or_too_much_are_named() {
    let check = |steps: &str, expected: &[&str]| check(&play(steps), expected);
    check(
        "{wait: {}}, {wait: {days: 1, hours: 1}}, {wait: {until: {}}}, {wait: {days: 1, at_most: {days: 2}}}, {wait: {office_hours: {from: 9, to: 9}}}",
        &[
            "playbooks.p.steps[0].wait: is exactly one of days, hours, working_days, office_hours, until",
            "playbooks.p.steps[1].wait: is exactly one of days, hours",
            "playbooks.p.steps[2].wait.until: asks exactly one of when, cta",
            "playbooks.p.steps[3].wait.at_most: goes with `until` only",
            "playbooks.p.steps[4].wait.office_hours: are two hours from 0 to 24",
        ],
    );
    check(
        "{branch: []}, {branch: [{steps: []}, {cta: open}]}, {branch: [{cta: open, when: {segment: a}}]}",
        &[
            "playbooks.p.steps[0].branch: a branch has 1 to 10 ways",
            "playbooks.p.steps[1].branch[0]: `when` or `cta` is missing",
            "playbooks.p.steps[2].branch[0]: asks exactly one of when, cta",
        ],
    );
    check(
        "{branch: [{steps: [{branch: [{steps: [{notify: {endpoint: nowhere}}]}]}]}]}",
        &[
            "playbooks.p.steps[0].branch[0].steps[0].branch[0].steps[0].notify.endpoint: no endpoint named `nowhere`",
        ],
    );
    check(
        "{update_cta: {}}, {close_cta: {type: risk, outcome: won}}, {open_cta: {type: risk, title: t, priority: 9, owner: a, owner_trait: b, due_days: 1, due_working_days: 1, tasks: [x, x]}}",
        &[
            "playbooks.p.steps[0].update_cta: changes nothing",
            "playbooks.p.steps[1].close_cta.outcome: no outcome of type risk named `won`",
            "playbooks.p.steps[2].open_cta.priority: 9 is not from 1 to 5",
            "playbooks.p.steps[2].open_cta: names its owner by one of owner, owner_trait",
            "playbooks.p.steps[2].open_cta.tasks[1]: is there already",
            "playbooks.p.steps[2].open_cta: is due by one of due_days, due_working_days",
        ],
    );
    check(
        "{name: x, end: {}}, {branch: [{steps: [{name: x, end: {}}]}]}",
        &["playbooks.p.steps[1].branch[0].steps[0].name: `x` is there already"],
    );
}

#[test]
fn branches_within_branches_end_somewhere() {
    let mut steps = "{end: {}}".to_owned();
    for _ in 0..4 {
        steps = format!("{{branch: [{{steps: [{steps}]}}]}}");
    }
    check(&play(&steps), &[]);
    let deeper = format!("{{branch: [{{steps: [{steps}]}}]}}");
    let inner = "[0].branch[0].steps".repeat(4);
    check(
        &play(&deeper),
        &[&format!(
            "playbooks.p.steps{inner}[0].branch: a branch has 1 to 10 ways, and branches stand 4 deep"
        )],
    );
    check(&play(&"{end: {}}, ".repeat(51)), &["playbooks.p.steps: a playbook has 1 to 50 steps"]);
}

#[test]
fn routing_outcomes_and_the_working_week_are_read_as_they_stand() {
    check(
        "routing: [{}, {owner: a, trait: b}, {when: {segment: nobody}, owner: a}]\noutcomes: {risk: []}\nworking_week: {days: [], holidays: [christmas]}",
        &[
            "working_week.holidays[0]: `christmas` is no day such as 2027-12-25",
            "working_week.days: nobody ever works",
            "routing[0]: names nobody: give exactly one of owner, trait",
            "routing[1]: names its owner by one of owner, trait",
            "routing[2].when.segment: no segment named `nobody`",
            "outcomes.risk: there are 1 to 20 ways to end",
        ],
    );
}
