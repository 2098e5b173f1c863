//! What will happen to every account: decided for the whole company at once, so that its figures come out.
//!
//! Invariant: who is chosen is chosen systematically along the accounts by size, each with its own probability. The figures
//! therefore hold of every company, money's too, while nobody can say of one account what becomes of it.

mod churn;
mod course;
mod decoys;
mod growth;
mod life;

pub(crate) use course::Champion;
pub(crate) use life::Life;

use crate::calendar::Day;
use crate::dice::{Dice, For};
use crate::figures as figure;
use crate::parameters::Parameters;
use crate::portrait::{self, Portrait};
use crate::truth::{Onboarding, Tier};

/// How far behind the end of the history it is planned, so that what is about to happen then casts its shadow.
const AHEAD_DAYS: i32 = 180;

/// The lives of all accounts, by number.
pub(crate) fn lives(parameters: &Parameters, portraits: &[Portrait]) -> Vec<Life> {
    let mut dice = Dice::new(parameters.seed, For::Life, 0);
    let mut lives: Vec<Life> =
        portraits.iter().map(|portrait| Life::new(portrait, renewals(parameters, portrait))).collect();
    churn::plan(parameters, portraits, &mut lives, &mut dice);
    churn::save(parameters, portraits, &mut lives, &mut dice);
    onboarding(parameters, portraits, &mut lives, &mut dice);
    growth::plan(parameters, portraits, &mut lives, &mut dice);
    decoys::dips(parameters, portraits, &mut lives, &mut dice);
    decoys::departures(parameters, portraits, &mut lives, &mut dice);
    decoys::unhappy(portraits, &mut lives, &mut dice);
    lives
}

/// The last day that is planned for.
fn horizon(parameters: &Parameters) -> Day {
    parameters.end().plus(AHEAD_DAYS)
}

/// All ends of terms that are planned for.
fn renewals(parameters: &Parameters, portrait: &Portrait) -> Vec<Day> {
    let next = |day: &Day| Some(portrait::next_renewal(*day, portrait.term_months, portrait.at_quarter_end));
    let renewals = std::iter::successors(Some(portrait.first_renewal), next);
    renewals.take_while(|day| *day < horizon(parameters)).collect()
}

/// Accounts by tier, the largest first.
fn by_size(portraits: &[Portrait]) -> Vec<usize> {
    let mut all: Vec<usize> = (0..portraits.len()).collect();
    all.sort_by_key(|at| (portraits[*at].tier, std::cmp::Reverse(portraits[*at].arr_minor), *at));
    all
}

/// Chooses along a list, each with its own probability: as many as these add up to, and evenly.
struct Chooser {
    reached: f64,
}

impl Chooser {
    fn new(dice: &mut Dice) -> Self {
        Self { reached: dice.unit() }
    }

    fn takes(&mut self, probability: f64) -> bool {
        self.reached += probability;
        let takes = self.reached >= 1.0;
        if takes {
            self.reached -= 1.0;
        }
        takes
    }
}

/// As many of each as its share of the whole says, in no order.
fn dealt<T: Copy>(shares: &[(T, f64)], count: usize, dice: &mut Dice) -> Vec<T> {
    let mut chooser: Vec<Chooser> = shares.iter().map(|_| Chooser { reached: 0.5 }).collect();
    let mut dealt = Vec::with_capacity(count);
    while dealt.len() < count {
        for ((what, share), chooser) in shares.iter().zip(&mut chooser) {
            if chooser.takes(*share) {
                dealt.push(*what);
            }
        }
    }
    dealt.truncate(count);
    dice.shuffle(&mut dealt);
    dealt
}

/// How those who sign during the history begin.
fn onboarding(parameters: &Parameters, portraits: &[Portrait], lives: &mut [Life], dice: &mut Dice) {
    let mut stuck = Chooser::new(dice);
    for (portrait, life) in portraits.iter().zip(lives) {
        if portrait.created < parameters.begin {
            continue;
        }
        let usual = dice.log_normal(usual_days(portrait.tier), figure::ONBOARDING_SIGMA);
        let stuck = stuck.takes(figure::STUCK);
        let times = if stuck { figure::STUCK_TIMES } else { 1.0 };
        life.onboarding = Some(Onboarding { days: (usual * times).max(2.0) as i32, stuck });
        life.trial = dice.chance(figure::TRIALS);
    }
}

fn usual_days(tier: Tier) -> f64 {
    figure::ONBOARDING_DAYS[tier as usize]
}
