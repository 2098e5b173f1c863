//! What people do in the product.

use super::{Account, Later, Today};
use crate::call::{Kind, Said};
use crate::figures as figure;
use crate::words;

use super::people::Who;

/// Of two contacts, the top one does this much: it is the top one.
const TOP_OF_TWO: f64 = 0.57;
/// How steeply use falls from desk to desk behind the first.
const DESKS_SHAPE: f64 = 1.6;
/// The next feature is used so much of what the one before is.
const NEXT_FEATURE: f64 = 0.78;
/// Seconds from one event of a session to the next, at most.
const PAUSE_MS: f64 = 240_000.0;
/// Of usual exports: how many a month, and their rows.
const EXPORTS: f64 = 0.6;
const ROWS: f64 = 2_000.0;
const DAYS_OF_MONTH: f64 = 30.4;

impl Account {
    pub(super) fn use_product(&mut self, today: &mut Today) {
        if today.day.0.rem_euclid(7) == 4 {
            // On Mondays: the first of January 1970 was a Thursday.
            self.wave = figure::WAVE_KEEPS * self.wave + figure::WAVE_ADDS * self.dice.normal();
        }
        let contacts = self.active_contacts(today.day);
        let strength = self.life.strength(today.day);
        let usual =
            self.portrait.vigour * figure::SESSIONS * libm::pow(contacts as f64, figure::SESSIONS_POWER);
        let mean = usual * strength.sqrt() * today.season * libm::exp(self.wave) * today.volume;
        let mean = mean * self.dice.gamma(figure::DAY_SHAPE);
        let features = (self.portrait.features as f64 * strength.sqrt()).ceil() as usize;
        for _ in 0..self.dice.poisson(mean) {
            let desk = self.desk(contacts);
            if let Some(who) = self.at_desk(desk, today) {
                self.session(today, who, features.max(1));
            }
        }
        self.call_api(today, strength);
        self.export(today);
        self.plan_visits(today);
        if self.looked_into && self.dice.chance(2.0 / DAYS_OF_MONTH) {
            self.session(today, Who::Ours, 2);
        }
    }

    /// Whose session it is, of so many.
    fn desk(&mut self, contacts: usize) -> usize {
        let top = match contacts {
            1 => 1.0,
            2 => TOP_OF_TWO,
            _ => self.portrait.top_share,
        };
        if self.dice.chance(top) {
            return 0;
        }
        let others = (contacts - 1) as f64;
        1 + (others * libm::pow(self.dice.unit(), DESKS_SHAPE)) as usize
    }

    fn session(&mut self, today: &mut Today, who: Who, features: usize) {
        let mut at = self.at_work(today);
        let user = self.introduced(today, who);
        if self.dice.chance(figure::SIGNS_IN) {
            self.say(today, Kind::Track("Signed In"), Some(user.clone()), at, Vec::new());
        }
        for _ in 0..=self.dice.poisson(figure::MORE_EVENTS) {
            at += 1 + (self.dice.unit() * PAUSE_MS) as i64;
            let (event, feature) = words::CORE[self.feature(features)];
            let event = if today.renamed && event == words::RENAMED.0 { words::RENAMED.1 } else { event };
            let quantity = 1 + i64::from(self.dice.poisson(0.6));
            let said = vec![("feature", feature.into()), ("quantity", Said::Number(quantity))];
            self.say(today, Kind::Track(event), Some(user.clone()), at, said);
        }
    }

    /// One of so many features, the earlier the likelier.
    fn feature(&mut self, features: usize) -> usize {
        let mut at = 0;
        while at + 1 < features && self.dice.chance(NEXT_FEATURE) {
            at += 1;
        }
        // Whoever has seen all begins again somewhere.
        if at + 1 == features { self.dice.whole(0, features as i32 - 1) as usize } else { at }
    }

    /// A program of the account's, in the second one's name.
    fn call_api(&mut self, today: &mut Today, strength: f64) {
        let Some(version) = self.portrait.api else { return };
        let calls = self.dice.poisson(figure::API_CALLS * strength * today.season * today.volume);
        for _ in 0..calls {
            let at = self.at_work(today);
            let user = self.introduced(today, Who::Staff(1));
            self.say(today, Kind::Track("API Called"), Some(user), at, vec![("version", version.into())]);
        }
    }

    fn export(&mut self, today: &mut Today) {
        if self.dice.chance(EXPORTS / DAYS_OF_MONTH * today.season) {
            let rows = self.dice.log_normal(ROWS, 0.6);
            self.export_rows(today, rows);
        }
        let Some(churn) = &self.life.churn else { return };
        let days = churn.notice_on.since(today.day);
        // All it has, once, at an hour of its own between a month and a week before notice.
        let hash = i32::try_from(self.portrait.number % 20).unwrap_or(0);
        if self.life.exports_all && days == 5 + hash {
            let rows = ROWS * self.dice.between(8.0, 30.0);
            self.export_rows(today, rows);
        }
        let looks = self.life.views_cancellation && days == 3 + hash;
        if looks || self.dice.chance(figure::VIEWS_ANYWAY / DAYS_OF_MONTH) {
            let at = self.at_work(today);
            let who = self.at_desk(0, today).unwrap_or(Who::Staff(3));
            let user = self.introduced(today, who);
            self.say(today, Kind::Track("Cancellation Viewed"), Some(user), at, Vec::new());
        }
    }

    fn export_rows(&mut self, today: &mut Today, rows: f64) {
        let at = self.at_work(today);
        let who = self.at_desk(0, today).unwrap_or(Who::Staff(1));
        let user = self.introduced(today, who);
        self.say(
            today,
            Kind::Track("Data Exported"),
            Some(user),
            at,
            vec![("rows", Said::Number(rows as i64))],
        );
    }

    /// Executives' visits of a month, on its first day.
    fn plan_visits(&mut self, today: &Today) {
        if today.day.date().day() != 1 && !today.is_first {
            return;
        }
        let left = i32::from(today.day.date().days_in_month() - today.day.date().day());
        for executive in 0..self.portrait.executives {
            let (least, most) = figure::EXECUTIVE_VISITS;
            for _ in 0..self.dice.whole(least, most) {
                let day = today.day.plus(self.dice.whole(1.min(left), left)).working();
                self.later.push((day, Later::Visit(executive)));
            }
        }
    }

    pub(super) fn visit(&mut self, today: &mut Today, executive: u32) {
        if today.sdk && self.dice.chance(self.life.strength(today.day)) {
            self.session(today, Who::Executive(executive), 2);
        }
    }
}
