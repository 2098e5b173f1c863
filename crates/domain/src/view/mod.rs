//! An account as one service sees it: its facts, the health said above, and what follows for the rules that the
//! service watches.
//!
//! Invariants: what is remembered beside the facts is derived from them; between `now` and `wake` no watched rule
//! changes without a new fact; cost follows what changes, not how many rules there are.

mod cache;
mod codec;
mod facts;
mod health;
mod holding;
mod members;
mod rules;

use std::collections::BTreeSet;

use cache::Cache;
pub use holding::Because;
use holding::Holding;
pub(crate) use rules::Rules;

use crate::{
    account::Account,
    catalogue::Catalogue,
    condition::{ConditionId, Sight, Truth},
    decision::{HealthChanged, Reason, Score},
    fact::{Fact, FactKind},
    measure::MeasureIx,
    scorecard,
    threshold::RuleIx,
    time::Instant,
};

/// Which rules a service watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The score.
    Health,
    /// Membership in segments.
    Segments,
    /// None: conditions are asked one by one, also about segments.
    Unwatched,
}

#[derive(Debug, Clone)]
pub struct View {
    scope: Scope,
    account: Account,
    health: Option<Score>,
    /// Segments that the account is in, as the service above said it: of those that ask conditions one by one.
    members: BTreeSet<String>,
    /// Set by the first fact: before it no rule looks at the account.
    exists: bool,
    /// The instant at which everything was last looked at.
    now: Instant,
    /// Everything is to be looked at again.
    review: bool,
    /// Segments to be entered if nothing changes.
    holding: Holding,
    cache: Option<Cache>,
}

impl View {
    pub fn fresh(scope: Scope) -> Self {
        Self {
            scope,
            account: Account::default(),
            health: None,
            members: BTreeSet::new(),
            exists: false,
            now: Instant::default(),
            review: false,
            holding: Holding::default(),
            cache: None,
        }
    }

    /// Whether any fact has been folded.
    pub fn exists(&self) -> bool {
        self.exists
    }

    pub fn account(&self) -> &Account {
        &self.account
    }

    /// As the service above said it.
    pub fn health(&self) -> Option<Score> {
        self.health
    }

    pub fn now(&self) -> Instant {
        self.now
    }

    /// Time passes: what is due by now is evaluated.
    pub fn advance(&mut self, catalogue: &Catalogue, now: Instant) {
        let mut cache = self.take_cache(catalogue);
        self.now = now;
        cache.pass_time(self.rules(catalogue), &self.sight(catalogue, now));
        self.cache = Some(cache);
    }

    /// A fact arrives. Timers due up to its step go first.
    pub fn fold(&mut self, catalogue: &Catalogue, fact: &Fact, now: Instant) {
        self.advance(catalogue, now);
        let mut cache = self.take_cache(catalogue);
        self.account.fold(fact, &catalogue.series, &catalogue.calendar);
        if !std::mem::replace(&mut self.exists, true) {
            self.review();
        }
        self.look_at(catalogue, fact, &mut cache);
        self.cache = Some(cache);
    }

    /// The service above said another score.
    pub fn set_health(&mut self, catalogue: &Catalogue, health: Option<Score>) {
        let mut cache = self.take_cache(catalogue);
        self.health = health;
        let (rules, sight) = (self.rules(catalogue), self.sight(catalogue, self.now));
        rules.on_health().iter().for_each(|at| cache.compare(rules, &sight, *at as usize));
        self.cache = Some(cache);
    }

    /// The service above said that the account is in a segment, or no longer.
    pub fn set_membership(&mut self, segment: &str, member: bool) {
        if member {
            self.members.insert(segment.to_owned());
        } else {
            self.members.remove(segment);
        }
    }

    /// Another version of the catalogue holds: everything is looked at again.
    pub fn set_catalogue(&mut self, catalogue: &Catalogue, now: Instant) {
        self.now = now;
        self.account.activate(&catalogue.series);
        self.cache = None;
        self.review();
    }

    /// Everything is to be looked at again, as when a service begins to decide, or when the log says something else
    /// than it would.
    pub fn review(&mut self) {
        self.review = true;
    }

    /// What is to be said about the score, given what was said last. The flags are the caller's.
    pub fn health_change(
        &mut self,
        catalogue: &Catalogue,
        previous: Option<&HealthChanged>,
    ) -> Option<HealthChanged> {
        let mut cache = self.take_cache(catalogue);
        let looked_at = !self.take_dirty(catalogue, &mut cache).is_empty() && self.exists;
        let change = looked_at.then(|| {
            let sight = self.sight(catalogue, self.now);
            let assessment = health::assess(catalogue, &sight, &cache);
            let text = |measure| sight.measured(measure).text();
            scorecard::health_change(assessment.as_ref(), &catalogue.measures, text, previous)
        });
        let change = change.flatten();
        if change.is_some() {
            // Until it stands in the log it may have to be said again.
            cache.mark(&[rules::SCORE]);
        }
        self.cache = Some(cache);
        change
    }

    /// The earliest instant after now at which a watched rule could change with no new fact. Never late.
    pub fn wake(&self, catalogue: &Catalogue) -> Option<Instant> {
        if !self.exists {
            return None;
        }
        let fresh;
        let cache = match self.fitting_cache(catalogue) {
            Some(cache) => cache,
            None => {
                fresh = self.make_cache(catalogue);
                &fresh
            }
        };
        let drift = match self.scope {
            Scope::Health => health::drift_wake(catalogue, &self.sight(catalogue, self.now), cache),
            Scope::Segments | Scope::Unwatched => None,
        };
        cache.wake().into_iter().chain(drift).chain(self.holding.wake(catalogue)).min()
    }

    /// Any condition of the catalogue, asked now.
    pub fn truth(&self, catalogue: &Catalogue, condition: ConditionId, now: Instant) -> Truth {
        let sight = self.sight(catalogue, now);
        catalogue.conditions.truth(condition, &mut |atom| sight.atom(atom).truth(&sight))
    }

    /// The earliest instant after now at which a condition may be another with no new fact. Never late.
    pub fn condition_wake(
        &self,
        catalogue: &Catalogue,
        condition: ConditionId,
        now: Instant,
    ) -> Option<Instant> {
        let sight = self.sight(catalogue, now);
        let atoms = catalogue.conditions.atoms_in(condition);
        atoms.into_iter().filter_map(|atom| sight.atom(atom).turns(&sight)).min()
    }

    /// The comparisons that make a condition what it is now.
    pub fn reasons(&self, catalogue: &Catalogue, condition: ConditionId, now: Instant) -> Vec<Reason> {
        let sight = self.sight(catalogue, now);
        sight.reasons(condition, &mut |atom| sight.atom(atom).truth(&sight))
    }

    /// Evaluates what the fact can change.
    fn look_at(&self, catalogue: &Catalogue, fact: &Fact, cache: &mut Cache) {
        let (rules, sight) = (self.rules(catalogue), self.sight(catalogue, self.now));
        match &fact.kind {
            FactKind::Usage(usage) => {
                let touched = catalogue.measures.touched_by_event(&usage.event);
                measure(cache, rules, &sight, touched);
                if usage.contact.is_some() {
                    compare(cache, rules, &sight, rules.on_usage());
                }
            }
            FactKind::AccountTraits(traits) => {
                for (name, _) in traits {
                    measure(cache, rules, &sight, catalogue.measures.touched_by_trait(name));
                    compare(cache, rules, &sight, rules.on_trait(name));
                }
            }
            FactKind::ContractTerms { .. } => {
                measure(cache, rules, &sight, catalogue.measures.touched_by_contract());
            }
            FactKind::ContactTraits { .. } | FactKind::ContactMembership { .. } => {
                compare(cache, rules, &sight, rules.on_contacts());
            }
        }
        cache.settle(rules);
    }

    fn rules<'c>(&self, catalogue: &'c Catalogue) -> &'c Rules {
        match self.scope {
            Scope::Health => &catalogue.health_rules,
            Scope::Segments => &catalogue.segment_rules,
            Scope::Unwatched => &catalogue.no_rules,
        }
    }

    fn sight<'a>(&'a self, catalogue: &'a Catalogue, now: Instant) -> Sight<'a> {
        Sight { account: &self.account, health: self.health, members: &self.members, catalogue, now }
    }

    fn fitting_cache(&self, catalogue: &Catalogue) -> Option<&Cache> {
        self.cache.as_ref().filter(|cache| cache.fingerprint == catalogue.fingerprint)
    }

    /// What is remembered, made anew after a load. Of another catalogue: everything is to be looked at.
    fn take_cache(&mut self, catalogue: &Catalogue) -> Cache {
        match self.cache.take() {
            Some(cache) if cache.fingerprint == catalogue.fingerprint => cache,
            stale => {
                self.review |= stale.is_some();
                self.make_cache(catalogue)
            }
        }
    }

    /// The rules that may have changed since they were last taken, rising.
    fn take_dirty(&mut self, catalogue: &Catalogue, cache: &mut Cache) -> Vec<RuleIx> {
        let dirty = cache.take_dirty();
        if std::mem::take(&mut self.review) { (0..self.rules(catalogue).count).collect() } else { dirty }
    }

    fn make_cache(&self, catalogue: &Catalogue) -> Cache {
        let sight = self.sight(catalogue, self.now);
        Cache::new(self.rules(catalogue), &sight, catalogue.fingerprint)
    }
}

/// Evaluates these measures anew, those that are watched.
fn measure(cache: &mut Cache, rules: &Rules, sight: &Sight<'_>, touched: &[MeasureIx]) {
    let slots = touched.iter().filter_map(|measure| rules.slot_of(*measure));
    slots.for_each(|slot| cache.measure(rules, sight, slot));
}

/// Evaluates these comparisons anew.
fn compare(cache: &mut Cache, rules: &Rules, sight: &Sight<'_>, watched: &[u32]) {
    watched.iter().for_each(|at| cache.compare(rules, sight, *at as usize));
}
