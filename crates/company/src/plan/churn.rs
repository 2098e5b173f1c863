//! Who goes, of what, and whom a CSM keeps.

use super::{Chooser, by_size, dealt, horizon};
use crate::calendar::Day;
use crate::dice::Dice;
use crate::figures as figure;
use crate::parameters::Parameters;
use crate::plan::Life;
use crate::portrait::Portrait;
use crate::truth::{Cause, Churn, Save, Tier};

/// Ends terms: at each end an account goes with the probability that makes its tier's yearly one.
pub(super) fn plan(parameters: &Parameters, portraits: &[Portrait], lives: &mut [Life], dice: &mut Dice) {
    let mut going: Vec<(usize, Day)> = Vec::new();
    for tier in [Tier::A, Tier::B, Tier::C] {
        let of_tier = by_size(portraits).into_iter().filter(|at| portraits[*at].tier == tier).collect();
        going.extend(chosen(parameters, portraits, lives, of_tier, 1.0, dice));
    }
    dice.shuffle(&mut going);
    let causes = dealt(&figure::CAUSES, going.len(), dice);
    let mut shows = Chooser::new(dice);
    for ((at, end), cause) in going.into_iter().zip(causes) {
        let visible = cause != Cause::NoneVisible && shows.takes(showing());
        lives[at].end(churn(&portraits[at], cause, visible, end, dice));
        lives[at].unhappy_before_going = visible && dice.chance(figure::UNHAPPY[cause as usize]);
        lives[at].exports_all = visible && leaves_by_itself(cause) && dice.chance(figure::EXPORTS_ALL);
        lives[at].views_cancellation =
            visible && leaves_by_itself(cause) && dice.chance(figure::VIEWS_CANCELLATION);
    }
}

/// Ends of terms at which something happens, so many times as likely as churn, once to an account at most. Year by year:
/// along all ends of one account after the other, later ones would be chosen too often.
fn chosen(
    parameters: &Parameters,
    portraits: &[Portrait],
    lives: &[Life],
    mut accounts: Vec<usize>,
    times: f64,
    dice: &mut Dice,
) -> Vec<(usize, Day)> {
    let (mut chooser, mut chosen, mut begin) = (Chooser::new(dice), Vec::new(), parameters.begin);
    while begin < horizon(parameters) {
        let end = begin.years_on(1);
        accounts.retain(|at| {
            let within = lives[*at].renewals.iter().filter(|day| begin <= **day && **day < end);
            let found = within.copied().find(|_| chooser.takes(at_term(&portraits[*at]) * times));
            chosen.extend(found.map(|day| (*at, day)));
            found.is_none()
        });
        begin = end;
    }
    chosen
}

fn leaves_by_itself(cause: Cause) -> bool {
    cause != Cause::InsolventOrAcquired
}

/// The yearly probability, for as long as a term is.
fn at_term(portrait: &Portrait) -> f64 {
    let stays = 1.0 - figure::CHURN[portrait.tier as usize];
    1.0 - libm::pow(stays, f64::from(portrait.term_months) / 12.0)
}

/// Of churn that has a visible cause, the part that shows.
fn showing() -> f64 {
    let invisible: f64 =
        figure::CAUSES.iter().filter(|(cause, _)| *cause == Cause::NoneVisible).map(|(_, share)| share).sum();
    figure::SIGNALS / (1.0 - invisible)
}

fn churn(portrait: &Portrait, cause: Cause, visible: bool, end: Day, dice: &mut Dice) -> Churn {
    let notice_on = notice(portrait, end, dice);
    let (least, most) = figure::SIGNAL_DAYS;
    Churn {
        cause,
        // Before it was there nothing showed.
        signal_on: visible
            .then(|| notice_on.plus(-dice.whole(least, most)))
            .filter(|on| *on > portrait.created),
        notice_on,
        churned_on: end,
        play_would_save: visible && dice.chance(figure::play_works(cause)),
    }
}

/// Before its deadline, or that of who signed later than that, a day later.
fn notice(portrait: &Portrait, end: Day, dice: &mut Dice) -> Day {
    let (least, most) = figure::NOTICE_EARLY;
    let notice = end.plus(-portrait.notice_days - dice.whole(least, most));
    notice.max(portrait.created.plus(1)).min(end)
}

/// Those in danger whom their CSM keeps, beside those who go: in proportion to them, of causes that plays work on.
pub(super) fn save(parameters: &Parameters, portraits: &[Portrait], lives: &mut [Life], dice: &mut Dice) {
    let staying = by_size(portraits).into_iter().filter(|at| lives[*at].churn.is_none()).collect();
    let kept = chosen(parameters, portraits, lives, staying, figure::SAVED_PER_CHURN, dice);
    let workable = figure::CAUSES.map(|(cause, share)| (cause, share * figure::play_works(cause)));
    let whole: f64 = workable.iter().map(|(_, share)| share).sum();
    let causes = dealt(&workable.map(|(cause, share)| (cause, share / whole)), kept.len(), dice);
    for ((at, end), cause) in kept.into_iter().zip(causes) {
        let notice = notice(&portraits[at], end, dice);
        let (least, most) = figure::SIGNAL_DAYS;
        let signal_on = notice.plus(-dice.whole(least, most));
        let (soon, late) = figure::PLAY_AFTER;
        let play_on = signal_on.plus(dice.whole(soon, late)).min(notice.plus(-1)).working();
        // What showed before it was there did not show.
        if signal_on > portraits[at].created {
            lives[at].saves.push(Save { cause, signal_on, play_on, renewed_on: end });
        }
    }
}
