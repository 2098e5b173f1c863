//! Who pays more, and who less.

use super::{Chooser, by_size, horizon};
use crate::calendar::Day;
use crate::dice::Dice;
use crate::figures as figure;
use crate::parameters::Parameters;
use crate::plan::Life;
use crate::portrait::Portrait;
use crate::truth::Change;

/// A change is no closer to the ends of its year than this.
const MARGIN: i32 = 10;

/// Year by year: of all who are customers when it begins, the shares that grow and shrink, taken from those who do not go.
pub(super) fn plan(parameters: &Parameters, portraits: &[Portrait], lives: &mut [Life], dice: &mut Dice) {
    let mut begin = parameters.begin;
    while begin < horizon(parameters) {
        let end = begin.years_on(1);
        year((begin, end), portraits, lives, dice);
        begin = end;
    }
}

fn year((begin, end): (Day, Day), portraits: &[Portrait], lives: &mut [Life], dice: &mut Dice) {
    let there: Vec<usize> =
        by_size(portraits).into_iter().filter(|at| lives[*at].is_customer(begin)).collect();
    let staying: Vec<usize> = there.iter().copied().filter(|at| lives[*at].is_calm(begin, end)).collect();
    let grows = figure::EXPAND * there.len() as f64 / staying.len().max(1) as f64;
    let mut chooser = Chooser::new(dice);
    let (growing, others): (Vec<usize>, Vec<usize>) = staying.into_iter().partition(|_| chooser.takes(grows));
    for at in growing {
        let on = begin.plus(dice.whole(MARGIN, end.since(begin) - MARGIN)).working();
        let by = 1.0 + dice.between(figure::EXPAND_BY.0, figure::EXPAND_BY.1);
        let change = changed(&portraits[at], &lives[at], on, by);
        lives[at].expansions.push(change);
    }
    let ending: Vec<(usize, Day)> =
        others.into_iter().filter_map(|at| Some((at, lives[at].renewal_within(begin, end, dice)?))).collect();
    let shrinks = figure::CONTRACT * there.len() as f64 / ending.len().max(1) as f64;
    let mut chooser = Chooser::new(dice);
    for (at, on) in ending.into_iter().filter(|_| chooser.takes(shrinks)) {
        let by = 1.0 - dice.between(figure::CONTRACT_BY.0, figure::CONTRACT_BY.1);
        let change = changed(&portraits[at], &lives[at], on, by);
        lives[at].contractions.push(change);
    }
}

/// Seats and ARR change alike.
fn changed(portrait: &Portrait, life: &Life, on: Day, by: f64) -> Change {
    let before = life.contract(portrait, on);
    let seats = ((f64::from(before.seats) * by).round() as u32).max(1);
    let arr_minor = (before.arr_minor as f64 * by / 1000.0).round().max(1.0) as i64 * 1000;
    Change { on, arr_minor, seats }
}
