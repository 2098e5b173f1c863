//! What our own team does: touches, and how a CSM sees it.

use super::{Account, Later, Today};
use crate::figures as figure;

use super::people::Who;

const DAYS_OF_MONTH: f64 = 30.4;
/// Whom a touch is with: the champion, an executive, anybody.
const TOUCHED: [f64; 3] = [0.6, 0.2, 0.2];
/// A play: its touches, so many days after its first.
const PLAY: [(i32, &str); 4] = [(0, "call"), (3, "meeting"), (9, "call"), (20, "executive")];
/// What a CSM says of an account that is content, how far a bad mood and a loss of use take it down, and by how much two
/// CSMs differ.
const SENTIMENT: f64 = 3.4;
const SENTIMENT_MOOD: f64 = 1.8;
const SENTIMENT_USE: f64 = 1.2;
const SENTIMENT_SPREAD: f64 = 0.6;

impl Account {
    pub(super) fn be_looked_after(&mut self, today: &mut Today) {
        // What follows on a day is planned the day before.
        if let Some(save) = self.life.saves.iter().find(|save| save.play_on == today.day.plus(1)) {
            let begin = save.play_on;
            for (days, kind) in PLAY {
                let who = if kind == "executive" { Who::Executive(0) } else { Who::Staff(1) };
                self.later.push((begin.plus(days), Later::Touch { kind, who }));
            }
        }
        self.judge(today);
        if today.day.is_weekend() {
            return;
        }
        let tier = self.portrait.tier as usize;
        if self.dice.chance(figure::TOUCHES[tier] / DAYS_OF_MONTH * 1.4) {
            let kind = self.dice.one_of(&["email", "email", "call", "call", "meeting"]);
            let who = match self.dice.weighed(&TOUCHED) {
                0 => self.at_desk(0, today).unwrap_or(Who::Executive(0)),
                1 => Who::Executive(0),
                _ => Who::Staff(1),
            };
            self.touch(today, kind, who);
        }
    }

    pub(super) fn touch(&mut self, today: &mut Today, kind: &'static str, who: Who) {
        let user = self.introduced(today, who);
        self.told(today, &user, "Touch Logged", vec![("kind", kind.into())]);
    }

    /// Once a month the CSM may look at it: as it was some weeks ago, and better than it was.
    fn judge(&mut self, today: &mut Today) {
        let day = 1 + (self.portrait.number % 28) as i8;
        let looks = figure::SENTIMENT_LOOKS[self.portrait.tier as usize];
        if today.day.date().day() != day || !(self.sentiment == 0 || self.dice.chance(looks)) {
            return;
        }
        let seen = today.day.plus(-figure::SENTIMENT_LAGS);
        let lost = 1.0 - self.life.strength(seen).min(1.0);
        let truly = SENTIMENT + SENTIMENT_MOOD * self.life.mood(seen) - SENTIMENT_USE * lost;
        let said = truly + figure::SENTIMENT_FLATTERS + SENTIMENT_SPREAD * self.dice.normal();
        let sentiment = (said.round() as i64).clamp(1, 5);
        if sentiment != self.sentiment {
            self.sentiment = sentiment;
            self.group(today, vec![("csm_sentiment", sentiment.into())]);
        }
    }
}
