//! What is signed, and how an account begins and ends.

use super::{Account, Today};
use crate::calendar::Day;
use crate::call::Said;
use crate::figures as figure;
use crate::words;

use super::people::Who;

impl Account {
    /// It is told who it is, and who works there.
    pub(super) fn appear(&mut self, today: &mut Today) {
        let traits = self.traits(today.day);
        self.group(today, traits);
        self.introduce_all(today);
        if self.life.created < today.day {
            return;
        }
        let plan = words::PLANS[self.portrait.plan].0;
        let name = self.portrait.name.clone();
        self.told_of_account(
            today,
            "Account Created",
            vec![("account_name", name.into()), ("plan", plan.into())],
        );
        let first = self.introduced(today, Who::Staff(0));
        let title = if self.portrait.german { "Frau" } else { "Ms" };
        self.told(today, &first, "Signed Up", vec![("type", "organic".into()), ("title", title.into())]);
        if self.life.trial {
            self.told(today, &first, "Trial Started", self.trial(plan));
        }
    }

    fn trial(&self, plan: &'static str) -> Vec<(&'static str, Said)> {
        let end = self.life.created.plus(figure::TRIAL_DAYS);
        vec![("trial_end_date", end.to_string().into()), ("trial_plan_name", plan.into())]
    }

    fn traits(&self, day: Day) -> Vec<(&'static str, Said)> {
        let portrait = &self.portrait;
        let country = words::COUNTRIES[portrait.country].0;
        let government = portrait.industry == "government";
        let mut traits: Vec<(&'static str, Said)> = vec![
            ("name", portrait.name.clone().into()),
            ("industry", portrait.industry.into()),
            // A string, as Segment has it.
            ("employees", portrait.employees.to_string().into()),
            ("address.country", country.into()),
            ("createdAt", portrait.created.to_string().into()),
            ("plan", words::PLANS[portrait.plan].0.into()),
            ("annual_revenue_minor", revenue_minor(portrait.employees).into()),
            ("currency", words::CURRENCY.into()),
            ("term_months", i64::from(portrait.term_months).into()),
            ("notice_days", i64::from(portrait.notice_days).into()),
            ("auto_renew", portrait.auto_renew.into()),
            ("owner", portrait.owner.clone().into()),
            ("goals", Said::Words(portrait.goals.clone())),
            ("technologies", Said::Words(portrait.technologies.clone())),
            ("buyer_type", portrait.buyer_type.into()),
            ("sector", if government { "government" } else { "private" }.into()),
        ];
        if let Some(parent) = &portrait.parent {
            traits.push(("parent_id", parent.clone().into()));
        }
        traits.extend(self.terms(day));
        traits
    }

    /// What it pays for, until when.
    fn terms(&self, day: Day) -> Vec<(&'static str, Said)> {
        let contract = self.life.contract(&self.portrait, day);
        let mut terms: Vec<(&'static str, Said)> =
            vec![("arr_minor", contract.arr_minor.into()), ("seats", i64::from(contract.seats).into())];
        if let Some(end) = self.life.renewal_after(day) {
            terms.push(("renewal_date", end.to_string().into()));
        }
        terms
    }

    pub(super) fn contract(&mut self, today: &mut Today) {
        let day = today.day;
        let changed =
            self.life.expansions.iter().chain(&self.life.contractions).any(|change| change.on == day);
        if changed {
            let contract = self.life.contract(&self.portrait, day);
            let said =
                vec![("seats", i64::from(contract.seats).into()), ("arr_minor", contract.arr_minor.into())];
            self.told_of_account(today, "Subscription Changed", said);
        }
        let churns = self.life.churn.as_ref().is_some_and(|churn| churn.churned_on == day);
        let renewed = self.life.renewals.contains(&day) && !churns;
        if renewed {
            self.told_of_account(today, "Renewed", Vec::new());
        }
        if changed || renewed {
            // The next term begins tomorrow.
            let terms = self.terms(day.plus(i32::from(renewed)));
            self.group(today, terms);
        }
        self.set_up(today);
    }

    fn set_up(&mut self, today: &mut Today) {
        let Some(onboarding) = self.life.onboarding else { return };
        let days = today.day.since(self.life.created);
        if days < 0 || !today.sdk && days > onboarding.days {
            return;
        }
        let desks = self.active_contacts(today.day);
        if days == 1 {
            self.invite(today, desks);
        }
        let steps = words::SETUP.len() as i32;
        for (step, number) in words::SETUP.into_iter().zip(1..) {
            if days == (onboarding.days * number / steps).max(1) {
                self.did(today, "Setup Step Completed", vec![("step", step.into())]);
            }
        }
        if days == onboarding.days.max(1) {
            self.did(today, "Setup Completed", Vec::new());
            let integration = self.dice.one_of(&words::INTEGRATIONS);
            self.did(today, "Integration Enabled", vec![("name", integration.into())]);
        }
        if self.life.trial && days == figure::TRIAL_DAYS {
            let said = self.trial(words::PLANS[self.portrait.plan].0);
            self.told_of_account(today, "Trial Ended", said);
        }
    }

    fn invite(&mut self, today: &mut Today, desks: usize) {
        for desk in 1..=desks.min(40) {
            let email = format!("invited.{desk}@{}.example", self.id);
            let said = vec![("invitee_email", email.into()), ("invitee_role", "member".into())];
            self.did(today, "Invite Sent", said);
        }
    }

    /// What the first admin does.
    fn did(&mut self, today: &mut Today, event: &'static str, said: Vec<(&'static str, Said)>) {
        let who = self.at_desk(0, today).unwrap_or(Who::Staff(1));
        let admin = self.introduced(today, who);
        self.told(today, &admin, event, said);
    }

    /// Notice, and the end.
    pub(super) fn leave(&mut self, today: &mut Today) {
        let Some(churn) = self.life.churn.clone() else { return };
        let cause = churn.cause.name();
        let known_late = today.is_first && churn.notice_on < today.day;
        if churn.notice_on == today.day || known_late {
            let buyer = self.introduced(today, Who::Executive(0));
            self.told(today, &buyer, "Notice Given", vec![("reason", told_reason(cause).into())]);
        }
        if churn.churned_on == today.day {
            self.told_of_account(today, "Churned", vec![("cause", cause.into())]);
            self.told_of_account(today, "Account Deleted", Vec::new());
        }
    }
}

/// What people write into the letter is not always why.
fn told_reason(cause: &'static str) -> &'static str {
    match cause {
        "never_adopted" | "none_visible" => "no longer needed",
        "champion_left" => "reorganisation",
        other => other,
    }
}

fn revenue_minor(employees: u32) -> i64 {
    i64::from(employees) * 18_000_000
}
