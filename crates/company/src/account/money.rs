//! Invoices and cards.

use super::{Account, Later, Today};
use crate::calendar::Day;
use crate::figures as figure;
use crate::truth::Cause;
use crate::words;

/// Who pays by the month is billed monthly, everybody else quarterly.
const QUARTER: i32 = 3;
/// An invoice is due so many days after it was made.
const DUE_DAYS: i32 = 30;
/// Who cannot pay is late by so many days at least.
const INSOLVENT_DAYS: (i32, i32) = (20, 90);
/// An invoice of its own, where none falls into the trouble of who cannot pay.
const EXTRA_AFTER: i32 = 7;

impl Account {
    pub(super) fn be_billed(&mut self, today: &mut Today) {
        let (day, created) = (today.day, self.life.created);
        let (date, signed) = (day.date(), created.date());
        let months = day.month().0 - created.month().0;
        let every = if self.portrait.term_months == 1 { 1 } else { QUARTER };
        let arr_minor = self.life.contract(&self.portrait, day).arr_minor;
        let amount_minor = arr_minor * i64::from(every) / 12;
        if date.day() == signed.day().min(28) && months % every == 0 {
            self.bill(today, amount_minor, day.plus(DUE_DAYS));
        }
        let trouble = self.life.trouble();
        let extra = trouble.is_some_and(|from| from.plus(EXTRA_AFTER) == day);
        if extra && self.life.trouble_shown(day) == Some(Cause::InsolventOrAcquired) {
            self.bill(today, amount_minor, day);
        }
        if every == 1 && self.dice.chance(figure::CARD_EXPIRES / 30.4) {
            self.told_of_account(today, "Card Expiring", Vec::new());
        }
    }

    /// It is paid, or it is late and paid then.
    fn bill(&mut self, today: &Today, amount_minor: i64, due: Day) {
        self.invoices += 1;
        let invoice = format!("{}-i{}", self.id, self.invoices);
        let trouble = self.life.trouble_shown(due.max(today.day.plus(1)));
        let late = match trouble {
            Some(Cause::InsolventOrAcquired) => figure::LATE_INSOLVENT,
            Some(Cause::Price) => figure::LATE_PRICE,
            _ => figure::LATE,
        };
        if !self.dice.chance(late) {
            let early = self.dice.whole(0, DUE_DAYS - 1);
            let paid = due.plus(-early).max(today.day.plus(1));
            self.later.push((paid, Later::Pay { invoice, amount_minor, due }));
            return;
        }
        let days = if trouble == Some(Cause::InsolventOrAcquired) {
            self.dice.whole(INSOLVENT_DAYS.0, INSOLVENT_DAYS.1)
        } else {
            self.dice.log_normal(figure::LATE_DAYS, 0.7).ceil() as i32
        };
        let told = due.plus(1);
        self.later.push((told, Later::Overdue { invoice: invoice.clone(), amount_minor, due }));
        self.later.push((told.plus(days), Later::Pay { invoice, amount_minor, due }));
    }

    pub(super) fn invoice(
        &mut self,
        today: &mut Today,
        event: &'static str,
        invoice: String,
        amount_minor: i64,
        due: Day,
    ) {
        let said = vec![
            ("invoice_id", invoice.into()),
            ("amount_minor", amount_minor.into()),
            ("currency", words::CURRENCY.into()),
            ("due_date", due.to_string().into()),
        ];
        self.told_of_account(today, event, said);
    }
}
