//! Who works at an account, and how they come and go.

use std::sync::Arc;

use super::{Account, Later, Today};
use crate::call::{Kind, Said};
use crate::dice::{Dice, For};
use crate::figures as figure;
use crate::plan::Champion;
use crate::words;

/// Streams of dice for people of one kind lie so far apart.
const KIND: u32 = 100_000;
/// A consultant sits at the third desk.
const CONSULTANTS_DESK: usize = 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Who {
    /// By how much they do: the first is the champion.
    Staff(u32),
    /// The so-manieth champion after the first.
    Successor(u32),
    Executive(u32),
    Consultant(u32),
    /// One of our own.
    Ours,
    /// No person: what tells of invoices.
    Machine,
}

pub(crate) fn consultant_id(number: u32) -> String {
    format!("consultant-{}", number + 1)
}

pub(crate) fn ours_id(account: &str) -> String {
    format!("{account}-ours")
}

impl Account {
    fn id_of(&self, who: Who) -> String {
        let account = &self.id;
        match who {
            Who::Staff(number) => format!("{account}-u{}", number + 1),
            Who::Successor(number) => format!("{account}-n{number}"),
            Who::Executive(number) => format!("{account}-e{}", number + 1),
            Who::Consultant(number) => consultant_id(number),
            Who::Ours => ours_id(account),
            Who::Machine => format!("{account}-machine"),
        }
    }

    /// Who sits at a desk, the first being the champion's; nobody where the champion has left.
    pub(super) fn at_desk(&self, desk: usize, today: &Today) -> Option<Who> {
        match (desk, self.consultant) {
            (0, _) => match self.life.champion(today.day) {
                Champion::Here(0) => Some(Who::Staff(0)),
                Champion::Here(successor) => Some(Who::Successor(successor)),
                Champion::Gone => None,
            },
            (CONSULTANTS_DESK, Some(consultant)) => Some(Who::Consultant(consultant)),
            _ => Some(Who::Staff(desk as u32)),
        }
    }

    /// Somebody's id, after everybody has been told who that is: in the morning of the first day they do something.
    pub(super) fn introduced(&mut self, today: &mut Today, who: Who) -> Arc<str> {
        if let Some(id) = self.known.get(&who) {
            return id.clone();
        }
        let id: Arc<str> = self.id_of(who).into();
        self.known.insert(who, id.clone());
        let traits = self.traits_of(who);
        let at = self.by_machine(today);
        self.say(today, Kind::Identify, Some(id.clone()), at, traits);
        if !today.is_first && matches!(who, Who::Staff(_) | Who::Successor(_)) {
            let role = self.role(who);
            self.say(
                today,
                Kind::Track("Account Added User"),
                Some(id.clone()),
                at,
                vec![("role", role.into())],
            );
        }
        id
    }

    fn role(&self, who: Who) -> &'static str {
        match who {
            Who::Staff(0) | Who::Successor(_) | Who::Ours => "admin",
            Who::Staff(number) if number % 7 == 3 => "admin",
            Who::Staff(_) | Who::Consultant(_) => "member",
            Who::Executive(_) => "viewer",
            Who::Machine => "machine",
        }
    }

    fn traits_of(&self, who: Who) -> Vec<(&'static str, Said)> {
        if who == Who::Machine {
            return vec![("role", self.role(who).into()), ("internal", true.into())];
        }
        let dice = &mut self.dice_of(who);
        let (first, last) = (dice.one_of(&words::FIRST), dice.one_of(&words::LAST));
        let (.., zone, _) = words::COUNTRIES[self.portrait.country];
        let email = format!("{first}.{last}@{}", self.domain_of(who)).to_lowercase();
        let mut traits: Vec<(&'static str, Said)> = vec![
            ("email", email.into()),
            ("firstName", first.into()),
            ("lastName", last.into()),
            ("title", self.title(who, dice).into()),
            ("role", self.role(who).into()),
            ("buying_role", buying_role(who).into()),
            ("locale", if self.portrait.german { "de" } else { "en" }.into()),
            ("timezone", zone.into()),
            ("preferred_channel", dice.one_of(&["email", "phone", "chat"]).into()),
            ("certified", dice.chance(0.12).into()),
            ("unsubscribed", dice.chance(0.05).into()),
        ];
        if self.portrait.champion_known && matches!(who, Who::Staff(0) | Who::Successor(_)) {
            traits.push(("champion", true.into()));
        }
        if who == Who::Ours {
            traits.push(("internal", true.into()));
        }
        traits
    }

    /// A consultant is the same person wherever they work.
    fn dice_of(&self, who: Who) -> Dice {
        let (kind, number) = match who {
            Who::Staff(number) => (0, number),
            Who::Successor(number) => (1, number),
            Who::Executive(number) => (2, number),
            Who::Ours | Who::Machine => (3, 0),
            Who::Consultant(number) => return Dice::new(self.seed, For::People, number.wrapping_sub(KIND)),
        };
        let whose = self.portrait.number.wrapping_mul(4 * KIND).wrapping_add(kind * KIND + number);
        Dice::new(self.seed, For::People, whose)
    }

    fn domain_of(&self, who: Who) -> String {
        match who {
            Who::Consultant(_) => "advisors.example".to_owned(),
            Who::Ours => "vendor.example".to_owned(),
            _ => format!("{}.example", self.portrait.name.replace(' ', "-").to_lowercase()),
        }
    }

    fn title(&self, who: Who, dice: &mut Dice) -> &'static str {
        let none = dice.chance(figure::NO_TITLE);
        let (english, german) = match who {
            Who::Executive(_) => dice.one_of(&words::EXECUTIVES),
            Who::Consultant(_) => ("Consultant", "Berater"),
            Who::Ours => ("Support Engineer", "Support Engineer"),
            // Champions are somebody: a manager or a director.
            Who::Staff(0) | Who::Successor(_) => dice.one_of(&words::TITLES[..7]),
            Who::Staff(_) | Who::Machine => dice.one_of(&words::TITLES[3..]),
        };
        match (none, self.portrait.german) {
            (true, _) => "",
            (false, true) => german,
            (false, false) => english,
        }
    }

    /// Those who are there when it appears: all of who has been a customer, and who signs for a new one.
    pub(super) fn introduce_all(&mut self, today: &mut Today) {
        let desks = if today.is_first { self.active_contacts(today.day) } else { 1 };
        let staff: Vec<Who> = (0..desks).filter_map(|desk| self.at_desk(desk, today)).collect();
        for who in staff.into_iter().chain((0..self.portrait.executives).map(Who::Executive)) {
            self.introduced(today, who);
        }
    }

    /// Champions who leave; now and then somebody hears of it.
    pub(super) fn come_and_go(&mut self, today: &mut Today) {
        let before = self.life.champion(today.day.plus(-1));
        let leaves = before != Champion::Gone && before != self.life.champion(today.day);
        let Champion::Here(number) = before else { return };
        let who = if number == 0 { Who::Staff(0) } else { Who::Successor(number) };
        let Some(id) = self.known.get(&who).filter(|_| leaves).cloned() else { return };
        if self.dice.chance(figure::LEAVING_IS_TOLD) {
            self.later.push((today.day.plus(self.dice.whole(1, 10)), Later::Removal(id.clone())));
        }
        if self.dice.chance(figure::LEAVING_BOUNCES) {
            self.later.push((today.day.plus(self.dice.whole(5, 30)), Later::Bounce(id)));
        }
    }
}

fn buying_role(who: Who) -> &'static str {
    match who {
        Who::Executive(0) => "buyer",
        Who::Executive(_) | Who::Staff(0) | Who::Successor(_) => "influencer",
        _ => "user",
    }
}
