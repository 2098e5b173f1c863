//! The figures of the company: those it was ordered with, and those that were chosen so that the ordered ones come out.
//!
//! Invariant: no other file of the model holds a number that says how customers behave.

use crate::truth::Cause;

// Its size.
pub(crate) const ACCOUNTS: u32 = 500;
pub(crate) const MONTHS: u32 = 24;
/// 12 CSMs for 500 accounts.
pub(crate) const ACCOUNTS_PER_CSM: f64 = 500.0 / 12.0;
/// Chosen: the others sign while the history runs, somewhat more of them than leave.
pub(crate) const THERE_AT_THE_BEGINNING: f64 = 0.75;
/// Chosen: how many years those have been customers that are there at the beginning, in the mean.
pub(crate) const YEARS_BEFORE: f64 = 2.5;

// What they pay.
/// ARR is log-normal; this gives 80/20: the largest 20 % of accounts make 80 % of it.
pub(crate) const ARR_SIGMA: f64 = 1.7;
/// Chosen, in minor units: then tier A begins at about 50,000.
pub(crate) const ARR_MEDIAN_MINOR: f64 = 1_160_000.0;
/// Tier A makes 80 % of ARR, tier B the next 15 %.
pub(crate) const TIER_A_ARR: f64 = 0.80;
pub(crate) const TIER_AB_ARR: f64 = 0.95;
/// Chosen: a seat's price a year, in minor units, in a company of one seat; the price falls as the company grows.
pub(crate) const SEAT_MINOR: f64 = 60_000.0;
pub(crate) const SEATS_POWER: f64 = 0.8;
pub(crate) const SEATS_SIGMA: f64 = 0.25;

// For how long: monthly 15 %, 3 and 6 months 10, annual 65, multi-year 10, of all; nobody large pays by the month.
/// By tier A, B, C: monthly, three or six months, multi-year; the rest is annual.
pub(crate) const TERMS: [[f64; 3]; 3] = [[0.0, 0.02, 0.26], [0.07, 0.08, 0.11], [0.25, 0.14, 0.035]];
/// Chosen: so many renewals of terms above a month lie on the last day of a quarter.
pub(crate) const RENEWALS_AT_QUARTER_END: f64 = 0.6;
/// Chosen: accounts that belong to another one.
pub(crate) const DAUGHTERS: f64 = 0.06;
/// Chosen: contracts that renew by themselves.
pub(crate) const AUTO_RENEW: f64 = 0.7;

// Who leaves, a year: 12 % of all, tier A 4, C 18; B is what remains.
pub(crate) const CHURN: [f64; 3] = [0.04, 0.064, 0.18];
/// Causes of churn: never adopted 25 %, champion left 20, price 20, service 15, insolvent or acquired 10, none visible 10.
pub(crate) const CAUSES: [(Cause, f64); 6] = [
    (Cause::NeverAdopted, 0.25),
    (Cause::ChampionLeft, 0.20),
    (Cause::Price, 0.20),
    (Cause::Service, 0.15),
    (Cause::InsolventOrAcquired, 0.10),
    (Cause::NoneVisible, 0.10),
];
/// Signals appear before notice in 70 % of all churn, so in more of that which has a visible cause.
pub(crate) const SIGNALS: f64 = 0.70;
/// So many days before *notice*.
pub(crate) const SIGNAL_DAYS: (i32, i32) = (30, 90);
/// Chosen: notice comes so many days before its deadline.
pub(crate) const NOTICE_EARLY: (i32, i32) = (0, 10);
/// Chosen: days of notice of a monthly and a shorter contract; of longer ones by tier.
pub(crate) const NOTICE_MONTHLY: i32 = 14;
pub(crate) const NOTICE_SHORT: i32 = 30;
pub(crate) const NOTICE_LONG: [i32; 3] = [90, 60, 30];
/// Chosen: of those in danger whom their CSM saves, for each who leaves.
pub(crate) const SAVED_PER_CHURN: f64 = 0.25;
/// Chosen: a play begins so many days after the signal where somebody is saved.
pub(crate) const PLAY_AFTER: (i32, i32) = (10, 35);
/// A play that begins within so many days of the signal, and before notice, works with the probability of its cause.
pub(crate) const PLAY_WITHIN_DAYS: i32 = 45;

// Who pays more or less, a year: 25 % expand, 8 % contract; GRR about 90 and NRR about 104.
pub(crate) const EXPAND: f64 = 0.25;
pub(crate) const CONTRACT: f64 = 0.08;
/// Chosen: by so much of what was paid before: what the NRR of 104 asks for.
pub(crate) const EXPAND_BY: (f64, f64) = (0.25, 0.66);
/// Chosen: what a GRR of about 90 leaves to contractions once churn has taken five points.
pub(crate) const CONTRACT_BY: (f64, f64) = (0.40, 0.80);
/// Seats are full so many days before an expansion; chosen: and fill for so many before that.
pub(crate) const FULL_DAYS: i32 = 30;
pub(crate) const FILLING_DAYS: i32 = 60;

// Decoys, of those who stay.
/// Dip and recover.
pub(crate) const DIPS: f64 = 0.10;
pub(crate) const DIP_DAYS: (i32, i32) = (21, 45);
pub(crate) const DIP_TO: (f64, f64) = (0.15, 0.45);
/// Of champions leave in a year.
pub(crate) const CHAMPIONS_LEAVE: f64 = 0.18;
/// Of accounts that their champion leaves go on as before; the others limp until they find another one, or go.
pub(crate) const SURVIVE_CHAMPION: f64 = 0.60;
/// Chosen: days until there is a new champion: of who goes on, of who limps.
pub(crate) const SUCCESSOR_SOON: (i32, i32) = (3, 14);
pub(crate) const SUCCESSOR_LATE: (i32, i32) = (60, 150);
/// Chosen: how much the others do meanwhile where an account limps.
pub(crate) const LIMPING: f64 = 0.5;
/// Half of the detractors renew.
pub(crate) const DETRACTORS_RENEW: f64 = 0.5;
/// Chosen: by cause, how likely a decision maker is unhappy before churn that shows.
pub(crate) const UNHAPPY: [f64; 6] = [0.4, 0.4, 0.7, 0.9, 0.1, 0.0];

// What they do.
/// Chosen: sessions on a weekday of an account with one active contact, and how they grow with contacts.
pub(crate) const SESSIONS: f64 = 0.22;
pub(crate) const SESSIONS_POWER: f64 = 0.92;
/// Chosen: how much accounts of a size differ in that: the sigma of a log-normal.
pub(crate) const VIGOUR_SIGMA: f64 = 0.6;
/// Chosen: of the plan's features, the part that an account uses.
pub(crate) const FEATURES: (f64, f64) = (0.3, 1.0);
/// Chosen: core events of a session beyond the first one, in the mean; how often it begins with a sign-in.
pub(crate) const MORE_EVENTS: f64 = 1.1;
pub(crate) const SIGNS_IN: f64 = 0.5;
/// Over-dispersion: the shape of the gamma that a day's mean is multiplied by.
pub(crate) const DAY_SHAPE: f64 = 2.0;
/// Chosen: a slow wave beneath, from week to week: how much of it remains, and what is added.
pub(crate) const WAVE_KEEPS: f64 = 0.85;
pub(crate) const WAVE_ADDS: f64 = 0.18;
pub(crate) const WEEKEND: f64 = 0.05;
/// August -20 %; 21 December to 3 January -75 %.
pub(crate) const AUGUST: f64 = 0.80;
pub(crate) const CHRISTMAS: f64 = 0.25;
/// Chosen: the peak at a month's end.
pub(crate) const MONTH_END: f64 = 1.4;
pub(crate) const MONTH_END_DAYS: i8 = 3;
/// The top contact makes 35 to 50 % of usage.
pub(crate) const TOP_SHARE: (f64, f64) = (0.36, 0.49);
/// Executives log in 0 to 2 times a month.
pub(crate) const EXECUTIVE_VISITS: (i32, i32) = (0, 2);
/// Chosen: of champions' leaving, what is told by their account and what a bounced mail says.
pub(crate) const LEAVING_IS_TOLD: f64 = 0.3;
pub(crate) const LEAVING_BOUNCES: f64 = 0.4;
/// Chosen: calls of the API on a weekday, of accounts that use it.
pub(crate) const API_CALLS: f64 = 0.6;
/// Chosen: of seats, so many are in use where nothing is wrong (a beta's two shapes); of who never adopted, this part.
pub(crate) const SEATS_USED: (f64, f64) = (2.8, 2.0);
pub(crate) const NEVER_ADOPTED: f64 = 0.55;
/// Chosen: it falls there in this part of the time from the signal to notice.
pub(crate) const FALLS_OVER: f64 = 0.6;
/// Chosen: where use stands at notice, by cause, against before: never adopted, champion left (the champion's own share is
/// gone as well), price, service, insolvent or acquired.
pub(crate) const FLOOR: [f64; 6] = [0.25, 0.4, 0.65, 0.45, 0.35, 1.0];
/// Chosen: and on the last day of the term.
pub(crate) const AT_THE_END: f64 = 0.1;

// Onboarding: 12 days (C) to 45 (A) in the median; 15 % get stuck.
pub(crate) const ONBOARDING_DAYS: [f64; 3] = [45.0, 24.0, 12.0];
pub(crate) const ONBOARDING_SIGMA: f64 = 0.4;
pub(crate) const STUCK: f64 = 0.15;
/// Chosen: who is stuck takes so many times as long.
pub(crate) const STUCK_TIMES: f64 = 4.0;
/// Chosen: who signs after a trial of two weeks.
pub(crate) const TRIALS: f64 = 0.3;
pub(crate) const TRIAL_DAYS: i32 = 14;

// Service and sentiment.
/// Chosen: tickets a month of an account with one active contact, and how they grow with contacts.
pub(crate) const TICKETS: f64 = 0.25;
pub(crate) const TICKETS_POWER: f64 = 0.5;
/// Clusters warn: chosen, how many times as many where service is what goes wrong; and so does silence.
pub(crate) const TICKETS_CLUSTER: f64 = 8.0;
pub(crate) const TICKETS_SILENCE: f64 = 0.1;
pub(crate) const TICKETS_LEAST: f64 = 0.012;
pub(crate) const URGENT: f64 = 0.06;
pub(crate) const URGENT_CLUSTER: f64 = 0.35;
pub(crate) const TICKET_DAYS: f64 = 1.5;
pub(crate) const TICKET_DAYS_CLUSTER: f64 = 5.0;
/// NPS quarterly: asked are the decision maker and so many others; 25 % answer; chosen: who is angry answers more often.
pub(crate) const ASKED: usize = 3;
pub(crate) const ANSWER: f64 = 0.25;
pub(crate) const ANSWER_ANGRY: f64 = 0.6;
/// CSMs' sentiment lags by so many days and flatters by so much, of 1 to 5; chosen: how often they look, by tier, a month.
pub(crate) const SENTIMENT_LAGS: i32 = 30;
pub(crate) const SENTIMENT_FLATTERS: f64 = 0.6;
pub(crate) const SENTIMENT_LOOKS: [f64; 3] = [0.9, 0.5, 0.2];
/// Chosen: touches a month by tier.
pub(crate) const TOUCHES: [f64; 3] = [3.0, 1.0, 0.3];

// Money.
/// Chosen: invoices that are late, and by how many days in the median; in danger of insolvency the chance.
pub(crate) const LATE: f64 = 0.06;
pub(crate) const LATE_DAYS: f64 = 6.0;
pub(crate) const LATE_INSOLVENT: f64 = 0.9;
pub(crate) const LATE_PRICE: f64 = 0.3;
pub(crate) const CARD_EXPIRES: f64 = 0.02;

// Ways out.
/// Chosen: of those whose churn shows, how many export all they have, and look at how to cancel, before notice; of the
/// others, how many look at it in a month all the same.
pub(crate) const EXPORTS_ALL: f64 = 0.35;
pub(crate) const VIEWS_CANCELLATION: f64 = 0.4;
pub(crate) const VIEWS_ANYWAY: f64 = 0.002;

// Dirt.
/// Of titles are empty.
pub(crate) const NO_TITLE: f64 = 0.15;
/// Chosen: pairs of accounts that share a consultant, for each account.
pub(crate) const CONSULTANTS: f64 = 0.03;
pub(crate) const CONSULTANTS_SEATS: u32 = 12;
/// Chosen: accounts that our own staff looks into.
pub(crate) const INTERNAL: f64 = 0.05;

/// Of plays that begin in time, those that work.
pub(crate) fn play_works(cause: Cause) -> f64 {
    match cause {
        Cause::NeverAdopted => 0.25,
        Cause::ChampionLeft | Cause::Service => 0.40,
        Cause::Price => 0.20,
        Cause::InsolventOrAcquired | Cause::NoneVisible => 0.0,
    }
}
