//! What looks like danger, and is none; and champions who leave, which may be.

use super::{Chooser, dealt, horizon};
use crate::calendar::Day;
use crate::dice::Dice;
use crate::figures as figure;
use crate::parameters::Parameters;
use crate::plan::Life;
use crate::portrait::Portrait;
use crate::truth::{AfterDeparture, Cause, Decoy, DecoyKind, Departure};

/// An account does not dip before it is known so long, nor so close to the end that it cannot recover.
const KNOWN_DAYS: i32 = 60;
const YEAR: f64 = 365.25;
/// A champion is one for at least so long.
const CHAMPION_DAYS: i32 = 60;

/// Usage of some who stay falls and comes back.
pub(super) fn dips(parameters: &Parameters, portraits: &[Portrait], lives: &mut [Life], dice: &mut Dice) {
    let staying: Vec<usize> = (0..lives.len()).filter(|at| lives[*at].churn.is_none()).collect();
    let mut possible: Vec<(usize, Day, Day)> = staying
        .iter()
        .filter_map(|at| {
            let from = portraits[*at].created.max(parameters.begin).plus(KNOWN_DAYS);
            let to = parameters.end().plus(-KNOWN_DAYS - figure::DIP_DAYS.1);
            (from < to && lives[*at].saves.is_empty()).then_some((*at, from, to))
        })
        .collect();
    dice.shuffle(&mut possible);
    let count = (staying.len() as f64 * figure::DIPS).round() as usize;
    for (at, from, to) in possible.into_iter().take(count) {
        let from = from.plus(dice.whole(0, to.since(from)));
        let to = from.plus(dice.whole(figure::DIP_DAYS.0, figure::DIP_DAYS.1));
        lives[at].dip_to = dice.between(figure::DIP_TO.0, figure::DIP_TO.1);
        lives[at].decoys.push(Decoy { kind: DecoyKind::Dip, from, to });
    }
}

/// Champions leave at the stated rate, of whom those whose leaving is a cause of churn are a part.
pub(super) fn departures(
    parameters: &Parameters,
    portraits: &[Portrait],
    lives: &mut [Life],
    dice: &mut Dice,
) {
    let fatal = fatal(lives, dice);
    let mut years = 0.0;
    let spans: Vec<(usize, Day, Day)> = (0..lives.len())
        .map(|at| {
            let from = portraits[at].created.max(parameters.begin);
            let to = lives[at].churn.as_ref().map_or(horizon(parameters), |churn| churn.churned_on);
            years += f64::from(to.since(from).max(0)) / YEAR;
            (
                at,
                from.plus(CHAMPION_DAYS),
                lives[at].trouble().map_or(to, |trouble| trouble.plus(-CHAMPION_DAYS)),
            )
        })
        .filter(|(_, from, to)| from < to)
        .collect();
    let others = (years * figure::CHAMPIONS_LEAVE - fatal as f64).max(0.0);
    let open: f64 = spans.iter().map(|(_, from, to)| f64::from(to.since(*from))).sum();
    let mut chooser = Chooser::new(dice);
    let mut leaving: Vec<(usize, Day)> = Vec::new();
    for (at, from, to) in spans {
        // A year at a time, so that more than one of an account can leave.
        for begin in (from.0..to.0).step_by(365) {
            let days = (to.0 - begin).min(365);
            if chooser.takes(others * f64::from(days) / open.max(1.0)) {
                leaving.push((at, Day(begin + dice.whole(0, days - 1))));
            }
        }
    }
    let survive =
        (figure::SURVIVE_CHAMPION * (leaving.len() + fatal) as f64 / leaving.len().max(1) as f64).min(1.0);
    let kinds = [(AfterDeparture::Survives, survive), (AfterDeparture::Limps, 1.0 - survive)];
    let after = dealt(&kinds, leaving.len(), dice);
    for ((at, on), after) in leaving.into_iter().zip(after) {
        let days =
            if after == AfterDeparture::Survives { figure::SUCCESSOR_SOON } else { figure::SUCCESSOR_LATE };
        let successor_on = Some(on.plus(dice.whole(days.0, days.1)));
        lives[at].leaves(Departure { on, successor_on, after });
    }
}

/// Champions whose leaving is why their account goes: on the day of the signal, or unseen just before notice.
fn fatal(lives: &mut [Life], dice: &mut Dice) -> usize {
    let mut count = 0;
    for life in lives {
        let lost = life.churn.iter().filter(|churn| churn.cause == Cause::ChampionLeft);
        let lost =
            lost.map(|churn| (churn.signal_on.unwrap_or(churn.notice_on.plus(-dice.whole(1, 14))), None));
        let saved = life.saves.iter().filter(|save| save.cause == Cause::ChampionLeft);
        let saved = saved.map(|save| (save.signal_on, Some(save.play_on.plus(7))));
        let departures: Vec<(Day, Option<Day>)> = lost.chain(saved).collect();
        for (on, successor_on) in departures {
            let after = if successor_on.is_some() { AfterDeparture::Limps } else { AfterDeparture::Churns };
            life.leaves(Departure { on, successor_on, after });
            count += 1;
        }
    }
    count
}

/// As many decision makers are unhappy and renew as are and do not.
pub(super) fn unhappy(portraits: &[Portrait], lives: &mut [Life], dice: &mut Dice) {
    let going = lives.iter().filter(|life| life.unhappy_before_going).count() as f64;
    let renewing = (going * figure::DETRACTORS_RENEW / (1.0 - figure::DETRACTORS_RENEW)).round() as usize;
    let mut renewals: Vec<(usize, Day)> = Vec::new();
    for (at, life) in lives.iter().enumerate().filter(|(_, life)| life.churn.is_none()) {
        if !life.renewals.is_empty() {
            renewals.push((at, dice.one_of(&life.renewals)));
        }
    }
    dice.shuffle(&mut renewals);
    for (at, renewal) in renewals.into_iter().take(renewing) {
        let to = renewal.plus(-portraits[at].notice_days);
        let from = to.plus(-dice.whole(figure::SIGNAL_DAYS.0, figure::SIGNAL_DAYS.1));
        lives[at].decoys.push(Decoy { kind: DecoyKind::Unhappy, from, to });
    }
}
