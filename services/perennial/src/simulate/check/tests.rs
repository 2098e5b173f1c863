//! Sentences about small companies: days are counted from 1970-01-01.

use company::Day;
use company::truth::{Account, Cause, Churn, Outcome, Save, Tier};
use contracts::account::Band;

use super::DAY_MS;
use super::case::{Case, Span, Turn};
use super::verdict::{History, Load, Opened, Verdict, judge};

const HISTORY: History = History { begin: Day(0), end: Day(700) };

fn account(id: &str, outcome: Outcome) -> Case {
    let truth = Account {
        id: id.to_owned(),
        name: id.to_owned(),
        owner: "ada".to_owned(),
        tier: Tier::B,
        outcome,
        created_on: Day(0),
        currency: "EUR",
        arr_minor: 1,
        seats: 1,
        term_months: 12,
        notice_days: 30,
        auto_renew: true,
        renewals: Vec::new(),
        churn: None,
        saves: Vec::new(),
        decoys: Vec::new(),
        departures: Vec::new(),
        expansions: Vec::new(),
        contractions: Vec::new(),
        onboarding: None,
    };
    Case { truth, turns: Vec::new(), ctas: Vec::new(), signals: Vec::new(), core: Vec::new() }
}

fn goes(notice: i32) -> Case {
    let mut case = account("goes", Outcome::Churns);
    case.truth.churn = Some(Churn {
        cause: Cause::Price,
        signal_on: None,
        notice_on: Day(notice),
        churned_on: Day(notice + 30),
        play_would_save: false,
    });
    case
}

fn stays() -> Case {
    account("stays", Outcome::Stays)
}

impl Case {
    fn scored(mut self, turns: &[(i32, u32, Band)]) -> Self {
        let turn = |&(day, score, band): &(i32, u32, Band)| Turn { at: at(day), score: Some(score), band };
        self.turns = turns.iter().map(turn).collect();
        self
    }

    fn alerted(mut self, days: &[i32]) -> Self {
        self.ctas = days.iter().map(|day| Span { from: at(*day), to: None }).take(1).collect();
        self.signals = days.iter().copied().map(at).collect();
        self
    }
}

fn at(day: i32) -> i64 {
    Day(day).midnight()
}

fn verdict(cases: &[Case]) -> Verdict {
    judge(cases, &[], 1, HISTORY)
}

#[test]
fn churners_are_told_from_who_stays_on_the_same_days() {
    use Band::{Green, Red};
    let cases = [
        goes(200).scored(&[(10, 80, Green), (160, 20, Red)]),
        goes(300).scored(&[(10, 80, Green), (290, 20, Red)]),
        stays().scored(&[(10, 60, Green), (250, 10, Red)]),
        stays().scored(&[(10, 60, Green)]),
        stays(),
    ];
    let found = verdict(&cases).auc;
    let values: Vec<_> = found.iter().map(|auc| auc.score.unwrap().value).collect();
    // The first one that stays is looked at beside the first notice, before it falls.
    assert_eq!(values, [1.0, 0.5, 0.0]);
    assert_eq!((found[0].churners, found[0].stayers, found[0].without_score.stayers), (2, 2, 1));
}

#[test]
fn lead_time_is_counted_from_where_the_band_was_bad_without_a_break() {
    use Band::{Green, Red, Yellow};
    let check = |turns: &[(i32, u32, Band)], expected: Option<i32>| {
        assert_eq!(goes(200).scored(turns).days_of_bad_band(Day(200)), expected);
    };
    check(&[(10, 30, Red), (100, 80, Green), (150, 60, Yellow), (170, 30, Red), (201, 80, Green)], Some(50));
    check(&[(10, 30, Red), (199, 80, Green)], None);
    check(&[(10, 30, Red)], Some(120));
    check(&[(200, 30, Red)], None);
    check(&[], None);
}

#[test]
fn a_cta_that_was_closed_before_notice_is_no_lead() {
    let mut case = goes(200);
    case.ctas = vec![Span { from: at(120), to: Some(at(150)) }];
    assert_eq!(case.days_of_open_cta(Day(200)), None);
    case.ctas.push(Span { from: at(160), to: None });
    assert_eq!(case.days_of_open_cta(Day(200)), Some(40));
    assert_eq!(case.overlaps(), 0);
    case.ctas.push(Span { from: at(170), to: None });
    assert_eq!((case.days_of_open_cta(Day(200)), case.overlaps()), (Some(40), 1));
}

#[test]
fn signals_within_sixty_days_are_one_alarm() {
    let case = goes(200).alerted(&[10, 40, 69, 70, 190]);
    assert_eq!(case.alarms(), [10, 70, 190].map(at));
    // The one on day 70 is 130 days ahead: too early to be about this notice.
    assert_eq!(case.days_of_alarm(Day(200)), Some(10));
}

#[test]
fn an_alert_is_right_where_somebody_was_about_to_go() {
    let mut saved = account("saved", Outcome::Saved).alerted(&[310, 500]);
    let (signal_on, play_on, renewed_on) = (Day(300), Day(320), Day(400));
    saved.truth.saves = vec![Save { cause: Cause::Price, signal_on, play_on, renewed_on }];
    let cases = [
        goes(200).alerted(&[90]),
        goes(200).alerted(&[70]),
        goes(200).alerted(&[201]),
        goes(760).alerted(&[690]),
        saved,
        stays().alerted(&[5]),
    ];
    let [ctas, alarms] = verdict(&cases).alerts.try_into().ok().unwrap();
    assert_eq!((ctas.right, ctas.opened, ctas.caught, ctas.churners), (3, 6, 1, 3));
    assert_eq!((alarms.right, alarms.opened), (3, 7));
}

#[test]
fn the_worst_week_is_somebodys() {
    let opened = [("ada", 0), ("ada", 6), ("ada", 7), ("ben", 8)];
    let opened = opened.map(|(owner, day)| Opened { owner: owner.to_owned(), at: day * DAY_MS });
    let found = judge(&[], &opened, 2, HISTORY).load.unwrap();
    let csm = "ada".to_owned();
    assert_eq!(found, Load { mean_per_csm_and_week: 0.02, most: 2, csm, week_from: Day(0) });
    assert_eq!(verdict(&[]).load, None);
}
