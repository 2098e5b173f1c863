//! One account on its way through its log: step by step, each service in turn.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::{
    account::{Account, Fact},
    boundaries::boundaries,
    health::Reading,
    identity,
    post::{Report, Terms},
    scene::Scene,
    story::{HealthChange, MembershipChange, Story, When},
    view::{Health, Rules, View},
    workflow::{Command, Desk},
};

/// Why an account is looked at.
#[derive(Debug)]
pub(crate) enum Step {
    Timer,
    Fact(Fact),
    Command(Command),
    Report(Report),
    /// Attempts that are due, behind all else that a record brings.
    Deliver(Terms),
    Catalogue {
        fire_playbooks: bool,
    },
    Joined(Role),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    Health,
    Segmentation,
    Workflow,
}

/// How the engine names steps that no fact with an id causes.
const CATALOGUE_STEP: u128 = 1;
const JOINED_STEP: u128 = 2;
const DELIVER_STEP: u128 = 3;

pub(crate) struct Walk {
    workspace: String,
    name: String,
    account: Account,
    reading: Reading,
    members: BTreeMap<String, u128>,
    /// Segments whose condition is true of no member, since when, and whether only because of the service's beginning or of
    /// another version.
    nearly: BTreeMap<String, (i64, bool, bool)>,
    pub(crate) desk: Desk,
    /// Instants to look at, ascending, as far as the log goes.
    ahead: VecDeque<i64>,
    pub(crate) story: Story,
}

/// What surrounds a step.
pub(crate) struct Around<'a> {
    pub(crate) rules: &'a Rules,
    /// The services that have begun to decide.
    pub(crate) deciding: &'a BTreeSet<Role>,
    /// How far the log goes: no later instant is looked at.
    pub(crate) horizon: i64,
    pub(crate) appended_at: i64,
}

impl Walk {
    pub(crate) fn new(workspace: &str, name: &str) -> Self {
        Self {
            workspace: workspace.into(),
            name: name.into(),
            account: Account::default(),
            reading: Reading::default(),
            members: BTreeMap::new(),
            nearly: BTreeMap::new(),
            desk: Desk::default(),
            ahead: VecDeque::new(),
            story: Story::default(),
        }
    }

    /// Looks at every instant up to `to` at which anything could turn.
    pub(crate) fn advance(&mut self, around: &Around<'_>, to: i64) {
        loop {
            let ahead = self.ahead.front().copied();
            let entering = self.entering(around);
            let Some(next) = ahead
                .into_iter()
                .chain(entering)
                .chain(self.desk.wake(around.rules))
                .min()
                .filter(|at| *at <= to)
            else {
                return;
            };
            if ahead == Some(next) {
                self.ahead.pop_front();
            }
            self.step(around, next, Step::Timer);
        }
    }

    /// When a segment is entered next if nothing changes.
    fn entering(&self, around: &Around<'_>) -> Option<i64> {
        let segments = &around.rules.catalogue.segments;
        let at = self.nearly.iter().filter_map(|(name, (since, ..))| Some(since + segments.get(name)?.hold));
        at.min()
    }

    pub(crate) fn step(&mut self, around: &Around<'_>, now: i64, step: Step) {
        let plan = matches!(step, Step::Fact(_) | Step::Catalogue { .. });
        let mut step = step;
        if let Step::Fact(fact) = &mut step {
            self.account.facts.push(fact.clone());
        }
        let when = When { at: now, fact: fact_of(&step) };
        let before = (self.story.health.len(), self.story.memberships.len());
        if !self.account.facts.is_empty() {
            self.judge_health(around, when, &step);
            self.judge_segments(around, when, &step);
        }
        self.work(around, when, &step, before);
        if plan && !self.account.facts.is_empty() {
            let view = around.rules.view(&self.account, self.health(), now);
            self.ahead = boundaries(&view, around.horizon).into();
        }
    }

    fn judge_health(&mut self, around: &Around<'_>, when: When, step: &Step) {
        if !around.deciding.contains(&Role::Health) {
            return;
        }
        let view = around.rules.view(&self.account, self.health(), when.at);
        let reading = view.reading(self.reading.band);
        let said = (reading.score, reading.band, &reading.cap);
        if said == (self.reading.score, self.reading.band, &self.reading.cap) {
            return;
        }
        self.story.health.push(HealthChange {
            when,
            initial: matches!(step, Step::Joined(Role::Health)),
            by_catalogue: matches!(step, Step::Catalogue { .. }),
            scorecard: reading.scorecard.clone(),
            score: reading.score,
            band: reading.band,
            score_before: self.reading.score,
            band_before: self.reading.band,
            overall: reading.overall,
            known_weight: reading.known_weight,
            cap: reading.cap.clone(),
            drivers: reading.drivers_since(&self.reading),
            contributions: reading.contributions.clone(),
        });
        self.reading = reading;
    }

    fn judge_segments(&mut self, around: &Around<'_>, when: When, step: &Step) {
        if !around.deciding.contains(&Role::Segmentation) {
            return;
        }
        let view = around.rules.view(&self.account, self.health(), when.at);
        let segments = &around.rules.catalogue.segments;
        let by = begun_by(step, around.rules.version);
        self.nearly.retain(|name, _| segments.contains_key(name));
        let mut inside: BTreeSet<String> = self.members.keys().cloned().collect();
        let names: BTreeSet<&String> = segments.keys().chain(self.members.keys()).collect();
        let mut names: Vec<&String> = names.into_iter().collect();
        names.sort_by_key(|name| around.rules.catalogue.stands_on(name));
        let mut changes = Vec::new();
        for segment in names {
            let view = View { inside: &inside, ..view };
            let episode = self.members.get(segment).copied();
            let rule = segments.get(segment);
            let hold = rule.map_or(0, |rule| rule.hold);
            let rule = rule.map(|rule| if episode.is_some() { &rule.stays } else { &rule.enters });
            let holds = rule.is_some_and(|rule| view.holds(rule) == Some(true));
            let mut initial = matches!(step, Step::Joined(Role::Segmentation));
            let mut by_catalogue = matches!(step, Step::Catalogue { .. });
            if episode.is_none() && holds && hold > 0 {
                let begun = (when.at, initial, by_catalogue);
                let since;
                (since, initial, by_catalogue) = *self.nearly.entry(segment.clone()).or_insert(begun);
                if when.at < since + hold {
                    continue;
                }
            }
            self.nearly.remove(segment);
            let member = holds;
            if member == episode.is_some() {
                continue;
            }
            changes.push(MembershipChange {
                when,
                initial,
                by_catalogue,
                segment: segment.clone(),
                member,
                episode: episode
                    .unwrap_or_else(|| identity::episode(&self.workspace, segment, &self.name, when.at, &by)),
                reasons: rule.map_or(Vec::new(), |rule| view.reasons(rule)),
            });
            if member {
                inside.insert(segment.clone());
            } else {
                inside.remove(segment);
            }
        }
        changes.sort_by_key(|change| change.segment.clone());
        for change in changes {
            if change.member {
                self.members.insert(change.segment.clone(), change.episode);
            } else {
                self.members.remove(&change.segment);
            }
            self.story.memberships.push(change);
        }
    }

    fn work(&mut self, around: &Around<'_>, when: When, step: &Step, before: (usize, usize)) {
        if !around.deciding.contains(&Role::Workflow) {
            return;
        }
        let inside: BTreeSet<String> = self.members.keys().cloned().collect();
        let view = View { inside: &inside, ..around.rules.view(&self.account, self.health(), when.at) };
        let scene = Scene {
            workspace: &self.workspace,
            account: &self.name,
            when,
            appended_at: around.appended_at,
            step,
            view: &view,
            version: around.rules.version,
            health: &self.story.health[before.0..],
            memberships: &self.story.memberships[before.1..],
            all_health: &self.story.health,
        };
        if let Step::Deliver(terms) = step {
            return self.desk.deliver(&scene, *terms);
        }
        let done = self.desk.work(&scene);
        self.story.work.extend(done);
    }

    /// Behind all else that a record brings: attempts that are due.
    pub(crate) fn deliver(&mut self, around: &Around<'_>, now: i64, terms: Terms) {
        if !self.desk.is_due(around.appended_at, terms) {
            return;
        }
        let said = (self.story.health.len(), self.story.memberships.len());
        let step = Step::Deliver(terms);
        self.work(around, When { at: now, fact: fact_of(&step) }, &step, said);
    }

    fn health(&self) -> Health {
        Health { score: self.reading.score, band: self.reading.band }
    }
}

/// What tells an episode that begins at a step from others of the same instant.
fn begun_by(step: &Step, version: u64) -> Vec<u8> {
    match step {
        Step::Timer | Step::Deliver(_) | Step::Joined(Role::Health | Role::Workflow) => Vec::new(),
        Step::Fact(fact) => fact.id.to_be_bytes().to_vec(),
        Step::Command(command) => command.id.to_be_bytes().to_vec(),
        Step::Report(report) => report.id.to_be_bytes().to_vec(),
        Step::Catalogue { .. } => version.to_be_bytes().to_vec(),
        Step::Joined(Role::Segmentation) => b"joined".to_vec(),
    }
}

fn fact_of(step: &Step) -> Option<u128> {
    match step {
        Step::Timer => None,
        Step::Fact(fact) => Some(fact.id),
        Step::Command(command) => Some(command.id),
        Step::Report(report) => Some(report.id),
        Step::Deliver(_) => Some(DELIVER_STEP),
        Step::Catalogue { .. } => Some(CATALOGUE_STEP),
        Step::Joined(_) => Some(JOINED_STEP),
    }
}
