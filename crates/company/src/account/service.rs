//! Tickets, and what people answer when they are asked how they like it.

use std::sync::Arc;

use super::{Account, Later, Today};
use crate::call::{Kind, Said};
use crate::figures as figure;
use crate::truth::Cause;
use crate::words;

use super::people::Who;

const DAYS_OF_MONTH: f64 = 30.4;
/// The survey goes out in the middle of each quarter, to each account on one of so many days.
const SURVEY_MONTHS: [i8; 4] = [2, 5, 8, 11];
const SURVEY_DAY: i8 = 12;
const SURVEY_DAYS: u32 = 5;
/// Answers of the content, and how far a bad mood takes them down.
const NPS: f64 = 8.5;
const NPS_SPREAD: f64 = 1.2;
const NPS_MOOD: f64 = 2.5;
/// A decision maker who is content is no detractor.
const NPS_LEAST: i64 = 7;
const CSAT: f64 = 0.2;

/// What somebody needs help with.
pub(super) struct Ticket {
    id: String,
    priority: &'static str,
    topic: &'static str,
    /// Of somebody whose patience is at its end.
    angry: bool,
}

impl Ticket {
    fn said(&self) -> Vec<(&'static str, Said)> {
        vec![
            ("ticket_id", self.id.clone().into()),
            ("priority", self.priority.into()),
            ("topic", self.topic.into()),
        ]
    }
}

impl Account {
    pub(super) fn ask_for_help(&mut self, today: &mut Today) {
        let trouble = self.life.trouble_shown(today.day);
        let times = match trouble {
            Some(Cause::Service) => figure::TICKETS_CLUSTER,
            Some(Cause::NeverAdopted | Cause::ChampionLeft) => figure::TICKETS_SILENCE,
            _ => 1.0,
        };
        let contacts = self.active_contacts(today.day);
        let usual = figure::TICKETS * libm::pow(contacts as f64, figure::TICKETS_POWER) / DAYS_OF_MONTH;
        // A small account in trouble writes at least now and then.
        let usual = if trouble == Some(Cause::Service) { usual.max(figure::TICKETS_LEAST) } else { usual };
        let angry = trouble == Some(Cause::Service);
        for _ in 0..self.dice.poisson(usual * times * today.season.max(0.1)) {
            self.open_ticket(today, contacts, trouble, angry);
        }
    }

    fn open_ticket(&mut self, today: &mut Today, contacts: usize, trouble: Option<Cause>, angry: bool) {
        let (urgent, days) = if angry {
            (figure::URGENT_CLUSTER, figure::TICKET_DAYS_CLUSTER)
        } else {
            (figure::URGENT, figure::TICKET_DAYS)
        };
        let topic = match trouble {
            Some(Cause::Service) => self.dice.one_of(&["bug", "performance"]),
            Some(Cause::Price) => "billing",
            _ => self.dice.one_of(&words::TOPICS),
        };
        let priority = if self.dice.chance(urgent) {
            "urgent"
        } else {
            self.dice.one_of(&["high", "normal", "normal", "low"])
        };
        self.tickets += 1;
        let ticket = Ticket { id: format!("{}-{}", self.id, self.tickets), priority, topic, angry };
        let at = self.at_work(today);
        let desk = self.dice.whole(0, contacts as i32 - 1) as usize;
        let who = self.at_desk(desk, today).unwrap_or(Who::Staff(1));
        let user = self.introduced(today, who);
        self.say(today, Kind::Track("Ticket Opened"), Some(user.clone()), at, ticket.said());
        let open = self.dice.log_normal(days, 0.7).ceil() as i32;
        self.later.push((today.day.plus(open), Later::CloseTicket { user, ticket }));
    }

    pub(super) fn close_ticket(&mut self, today: &mut Today, user: &Arc<str>, ticket: &Ticket) {
        self.told(today, user, "Ticket Closed", ticket.said());
        if self.dice.chance(CSAT) {
            let score = i64::from(if ticket.angry { self.dice.whole(1, 3) } else { self.dice.whole(3, 5) });
            self.answered(today, user, "csat", score);
        }
    }

    /// Once a quarter the decision maker and some others are asked.
    pub(super) fn be_surveyed(&mut self, today: &mut Today) {
        let date = today.day.date();
        let days = (self.portrait.number % SURVEY_DAYS) as i8;
        if !SURVEY_MONTHS.contains(&date.month()) || date.day() != SURVEY_DAY + days {
            return;
        }
        let unhappy = self.life.is_unhappy(today.day);
        *today.asked += 1;
        if self.dice.chance(if unhappy { figure::ANSWER_ANGRY } else { figure::ANSWER }) {
            let score = if unhappy { self.dice.whole(0, 6).into() } else { self.score(today).max(NPS_LEAST) };
            self.answers(today, Who::Executive(0), score);
        }
        for desk in 0..self.active_contacts(today.day).min(figure::ASKED) {
            let Some(who) = self.at_desk(desk, today) else { continue };
            *today.asked += 1;
            if self.dice.chance(figure::ANSWER) {
                let score = self.score(today);
                self.answers(today, who, score);
            }
        }
    }

    fn score(&mut self, today: &Today) -> i64 {
        let mood = self.life.mood(today.day);
        ((NPS + NPS_MOOD * mood + NPS_SPREAD * self.dice.normal()).round() as i64).clamp(0, 10)
    }

    fn answers(&mut self, today: &mut Today, who: Who, score: i64) {
        let user = self.introduced(today, who);
        self.answered(today, &user, "nps", score);
    }

    fn answered(&mut self, today: &mut Today, user: &Arc<str>, kind: &'static str, score: i64) {
        self.told(today, user, "Survey Answered", vec![("kind", kind.into()), ("score", score.into())]);
    }
}
