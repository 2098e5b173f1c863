//! All accounts together: their days, and the truth.

use crate::account::{Account, Today, consultant_id, ours_id};
use crate::calendar::{Day, season};
use crate::call::Call;
use crate::dice::{Dice, For};
use crate::figures as figure;
use crate::parameters::{Impossible, Parameters};
use crate::plan;
use crate::portrait::portraits;
use crate::truth::{self, Dirt, FORMAT, Plays, Truth};
use crate::words;

/// The day without the SDK lies in this part of the history.
const WITHOUT_SDK: (f64, f64) = (0.2, 0.45);

pub struct Company {
    parameters: Parameters,
    accounts: Vec<Account>,
    today: Day,
    without_sdk: Day,
    renamed_on: Day,
    consultants: Vec<(u32, [u32; 2])>,
}

/// What happened on one day, by time.
#[derive(Debug)]
pub struct OneDay {
    pub day: Day,
    pub calls: Vec<Call>,
    /// How many people were asked how they like it, whether they answered or not.
    pub asked: u32,
}

impl Company {
    /// Plans the whole history, and makes none of it yet.
    pub fn new(parameters: Parameters) -> Result<Self, Impossible> {
        let parameters = parameters.checked()?;
        let portraits = portraits(&parameters);
        let lives = plan::lives(&parameters, &portraits);
        let accounts = portraits.into_iter().zip(lives);
        let accounts = accounts.map(|(portrait, life)| Account::new(&parameters, portrait, life)).collect();
        let days = parameters.end().since(parameters.begin);
        let mut company = Self {
            parameters,
            accounts,
            today: parameters.begin,
            without_sdk: parameters.begin,
            renamed_on: parameters.begin.plus(days / 2),
            consultants: Vec::new(),
        };
        company.soil();
        Ok(company)
    }

    /// What is wrong with the data.
    fn soil(&mut self) {
        let dice = &mut Dice::new(self.parameters.seed, For::Company, 1);
        let days = f64::from(self.renamed_on.since(self.parameters.begin) * 2);
        let part = dice.between(WITHOUT_SDK.0, WITHOUT_SDK.1);
        self.without_sdk = self.parameters.begin.plus((days * part) as i32).working();
        let mut order: Vec<usize> = (0..self.accounts.len()).collect();
        dice.shuffle(&mut order);
        let pairs = (self.accounts.len() as f64 * figure::CONSULTANTS).ceil() as usize;
        // Where there are desks enough that one is a consultant's.
        let seats = |at: &usize| self.accounts[*at].portrait.seats >= figure::CONSULTANTS_SEATS;
        let large: Vec<usize> = order.iter().copied().filter(seats).collect();
        for (number, pair) in (0..).zip(large.chunks_exact(2).take(pairs)) {
            self.consultants.push((number, [pair[0] as u32, pair[1] as u32]));
            for at in pair {
                self.accounts[*at].consultant = Some(number);
            }
        }
        let looked_into = (self.accounts.len() as f64 * figure::INTERNAL).ceil() as usize;
        for at in order.into_iter().rev().take(looked_into) {
            self.accounts[at].looked_into = true;
        }
    }

    #[must_use]
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    #[must_use]
    pub fn truth(&self) -> Truth {
        let id = |number: u32| self.accounts[number as usize].portrait.id.clone();
        let consultants = self
            .consultants
            .iter()
            .map(|(number, [one, other])| (consultant_id(*number), [id(*one), id(*other)]));
        let internal = self.accounts.iter().filter(|account| account.looked_into);
        Truth {
            format: FORMAT,
            parameters: self.parameters,
            end: self.parameters.end(),
            plays: Plays {
                effect: figure::CAUSES.map(|(cause, _)| (cause.name(), figure::play_works(cause))).into(),
                within_days: figure::PLAY_WITHIN_DAYS,
            },
            dirt: Dirt {
                day_without_sdk: self.without_sdk,
                renamed_event: words::RENAMED.0,
                renamed_to: words::RENAMED.1,
                renamed_on: self.renamed_on,
                consultants: consultants.collect(),
                internal: internal.map(|account| ours_id(&account.portrait.id)).collect(),
            },
            accounts: self.accounts.iter().map(of_account).collect(),
        }
    }
}

impl Iterator for Company {
    type Item = OneDay;

    fn next(&mut self) -> Option<OneDay> {
        let day = self.today;
        if day >= self.parameters.end() {
            return None;
        }
        self.today = day.plus(1);
        let (mut calls, mut asked) = (Vec::new(), 0);
        for account in &mut self.accounts {
            account.live(&mut Today {
                day,
                season: season(day),
                is_first: day == self.parameters.begin,
                sdk: day != self.without_sdk,
                renamed: day >= self.renamed_on,
                volume: self.parameters.volume,
                calls: &mut calls,
                asked: &mut asked,
            });
        }
        // Stable: what an account says at one instant keeps its order.
        calls.sort_by_key(|call| call.at);
        Some(OneDay { day, calls, asked })
    }
}

fn of_account(account: &Account) -> truth::Account {
    let Account { portrait, life, .. } = account;
    truth::Account {
        id: portrait.id.clone(),
        name: portrait.name.clone(),
        owner: portrait.owner.clone(),
        tier: portrait.tier,
        outcome: life.outcome(),
        created_on: portrait.created,
        currency: words::CURRENCY,
        arr_minor: portrait.arr_minor,
        seats: portrait.seats,
        term_months: portrait.term_months,
        notice_days: portrait.notice_days,
        auto_renew: portrait.auto_renew,
        renewals: life.renewals.clone(),
        churn: life.churn.clone(),
        saves: life.saves.clone(),
        decoys: life.decoys.clone(),
        departures: life.departures.clone(),
        expansions: life.expansions.clone(),
        contractions: life.contractions.clone(),
        onboarding: life.onboarding,
    }
}
