//! What is right and wrong with measures.

use crate::catalogue::{check, with_measures};

#[test]
fn windows_keep_to_what_is_kept() {
    check(
        "measures: {a: {count: {window: {days: 401}}}}",
        &[
            "measures.a.count.window.days: 401 is not from 1 to 400",
            "measures.a.count.window: reaches 401 days back",
        ],
    );
    check("measures: {a: {count: {window: {hours: 169}}}}", &["measures.a.count.window.hours: 169 is not"]);
    check(
        "measures: {a: {count: {window: {hours: 1, before: 1}}}}",
        &["measures.a.count.window: a window is"],
    );
    check(
        "measures: {a: {days_active: {window: {hours: 5}}}}",
        &["measures.a.days_active.window: active days"],
    );
    check(
        "measures: {a: {sum: {window: {days: 5}}}}",
        &["measures.a.sum: `property` is missing", "measures.a.sum: `event` is missing"],
    );
    check(
        "measures: {a: {count: {window: {days: 300}}}, b: {change: {measure: a}}}",
        &["measures.b.change.measure: the window before that of `a` reaches 600 days back"],
    );
}

#[test]
fn breadth_is_of_one_set_or_of_a_traits() {
    let with_sets =
        |measure: &str| format!("event_sets: {{core: [A, B]}}\nmeasures: {{a: {{breadth: {measure}}}}}");
    check(&with_sets("{set: core, window: {days: 28}}"), &[]);
    check(&with_sets("{by: plan, sets: {basic: core}, window: {days: 28}}"), &[]);
    check(
        &with_sets("{by: plan, sets: {basic: cor, pro: core}, window: {days: 28}}"),
        &["measures.a.breadth.sets.basic: no event set named `cor`; did you mean `core`?"],
    );
    for both in
        ["{window: {days: 28}}", "{set: core, by: plan, window: {days: 2}}", "{by: plan, window: {days: 2}}"]
    {
        check(&with_sets(both), &["measures.a.breadth: breadth is of a `set`, or `by` a trait"]);
    }
    check(&with_sets("{set: core, window: {hours: 2}}"), &["measures.a.breadth.window: breadth is that of"]);
}

#[test]
fn the_first_known_is_of_measures_that_stand_by_themselves() {
    let with = |measure: &str| {
        with_measures(&format!("  a: {measure}\n  b: {{ratio: {{of: orders, to: revenue}}}}\n"))
    };
    check(&with("{first_known: [orders, revenue]}"), &[]);
    check(&with("{first_known: [orders]}"), &["measures.a.first_known: 1 measures; there may be 2 to 10"]);
    check(
        &with("{first_known: [orders, b, ordres]}"),
        &[
            "measures.a.first_known[1]: `b` is computed from others itself",
            "measures.a.first_known[2]: no measure named `ordres`; did you mean `orders`?",
        ],
    );
    check(
        &with("{ratio: {of: orders, to: revenue, to_at_least: many}}"),
        &["measures.a.ratio.to_at_least: \"many\" is not a number"],
    );
    check(&with("{trait: {name: nps, fades_after: 0}}"), &["measures.a.trait.fades_after: 0 is not from 1"]);
    check(&with("{median_gap: {window: {hours: 9}}}"), &["measures.a.median_gap.window: active days"]);
}
