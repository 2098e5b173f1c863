//! The figures that the company was ordered with come out of it, whatever the seed.
//!
//! Bounds are those of chance: three deviations of what the figure is counted over, and what the ordered figure itself
//! leaves open ("about").

#![expect(clippy::unwrap_used, reason = "a test may stop where it stands")]

use std::sync::LazyLock;

use company::{Company, Description, Figure, Parameters, Target};

/// Seeds that are looked at one by one.
const SEEDS: [u64; 3] = [1, 7, 42];

static DESCRIBED: LazyLock<[(u64, Description); 3]> = LazyLock::new(|| {
    SEEDS.map(|seed| {
        let company = Company::new(Parameters { seed, ..Parameters::default() }).unwrap();
        (seed, Description::of(company))
    })
});

fn each(look: impl Fn(u64, &Description)) {
    for (seed, description) in DESCRIBED.iter() {
        look(*seed, description);
    }
}

fn figure<'a>(description: &'a Description, name: &str) -> &'a Figure {
    description.figure(name).unwrap_or_else(|| panic!("no figure {name}"))
}

/// Close to its target: `within`, in the figure's own unit.
fn check(seed: u64, description: &Description, name: &str, within: f64) {
    let figure = figure(description, name);
    let (low, high) = match figure.target {
        Target::About(about) => (about - within, about + within),
        Target::Between(low, high) => (low - within, high + within),
        Target::None => panic!("{name} has no target"),
    };
    assert!((low..=high).contains(&figure.generated), "seed {seed}: {figure:?}");
}

/// As close as counting so many lets a part of them be.
fn check_part(seed: u64, description: &Description, name: &str) {
    let figure = figure(description, name);
    let Target::About(part) = figure.target else { panic!("{name} has no target") };
    check(seed, description, name, 3.0 * (part * (1.0 - part) / figure.of as f64).sqrt());
}

#[test]
fn figures_come_out_as_ordered() {
    each(|seed, description| {
        check(seed, description, "ARR of the largest fifth", 0.02);
        for name in [
            "terms: monthly",
            "terms: 3 and 6 months",
            "terms: annual",
            "terms: multi-year",
            "churn of accounts a year",
            "churn of tier A a year",
            "churn of tier B a year",
            "churn of tier C a year",
            "expand in a year",
            "contract in a year",
            "churn by never_adopted",
            "churn by champion_left",
            "churn by price",
            "churn by service",
            "churn by insolvent_or_acquired",
            "churn by none_visible",
            "churn that shows before notice",
            "dip and recover, of those who stay",
            "of whom the account survives it",
            "stuck in onboarding",
            "titles that are empty",
            "answers to the quarter's survey",
            "detractors who decide and renew",
        ] {
            check_part(seed, description, name);
        }
        // An account's renewals are alike.
        check(seed, description, "renewals on the last day of a quarter", 0.09);
        // They speak as their account does, and a large one is many.
        check(seed, description, "people who speak German", 0.10);
        check(seed, description, "gross revenue retention", 0.03);
        check(seed, description, "net revenue retention", 0.06);
        check(seed, description, "champions who leave in a year", 0.03);
        for name in ["shortest", "median", "longest"] {
            check(seed, description, &format!("signal before notice, {name}"), 0.0);
        }
    });
}

#[test]
fn days_have_their_seasons_and_people_their_parts() {
    each(|seed, description| {
        check(seed, description, "a day of a weekend, beside a weekday", 0.02);
        check(seed, description, "August, beside July and September", 0.05);
        check(seed, description, "21 December to 3 January, beside before", 0.04);
        check(seed, description, "a month's last days, beside others", 0.12);
        check(seed, description, "top contact's share of usage, median", 0.0);
        check(seed, description, "an executive's visits a month", 0.0);
        check(seed, description, "consultants seen in two accounts", 2.0);
        check(seed, description, "core events on the day without SDK", 0.0);
        check(seed, description, "events under the old name, of both", 0.1);
        // A Poisson's is 1.
        assert!(figure(description, "variance to mean of weekdays, median").generated > 2.0);
        for (tier, within) in [("A", 20.0), ("B", 8.0), ("C", 4.0)] {
            check(seed, description, &format!("onboarding of tier {tier}, median"), within);
        }
        let calls = figure(description, "calls").generated;
        assert!((1e6..3e6).contains(&calls), "seed {seed}: {calls} calls");
    });
}

/// What is true of one company within chance is true of many much closer.
#[test]
fn over_many_companies_the_figures_of_money_and_churn_are_those_ordered() {
    let seeds = 30;
    let planned: Vec<Description> = (100..100 + seeds)
        .map(|seed| {
            let parameters = Parameters { seed, volume: 0.001, ..Parameters::default() };
            company::Observer::new(Company::new(parameters).unwrap().truth()).description()
        })
        .collect();
    let mean = |name: &str| planned.iter().map(|it| figure(it, name).generated).sum::<f64>() / seeds as f64;
    for (name, expected, within) in [
        ("churn of accounts a year", 0.12, 0.006),
        ("churn of tier A a year", 0.04, 0.006),
        ("churn of tier C a year", 0.18, 0.008),
        ("gross revenue retention", 0.90, 0.012),
        ("net revenue retention", 1.04, 0.015),
        ("champions who leave in a year", 0.18, 0.01),
    ] {
        let mean = mean(name);
        assert!((mean - expected).abs() < within, "{name}: {mean}");
    }
}
