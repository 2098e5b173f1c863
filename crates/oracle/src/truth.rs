//! Walking the account log, partition by partition, and telling each account's story.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    account::{self, Body, Fact},
    calendar::Calendar,
    catalogue::Catalogue,
    log::{Entry, Record, What, entries, partitions},
    post::{Report, Terms},
    story::{Deliveries, Stories},
    view::Rules,
    walk::{Around, Role, Step, Walk},
    wire::perennial::{
        account::v1::account_record::Kind,
        log::v1::{CatalogueVersion, ClockAdvanced, ClockKind, Header, Service},
    },
    workflow::{Ask, Command},
};

/// What should have been decided from the facts of an account log (all its partitions, every record).
pub fn truth(log: &[Record]) -> Stories {
    truth_with_deliveries(log, 0).0
}

/// Beside that, what should have become of notifications. That depends on append times, and on how many milliseconds
/// a call takes at most: two logs with the same facts may differ in it.
pub fn truth_with_deliveries(log: &[Record], longest_call: i64) -> (Stories, Deliveries) {
    let (mut stories, mut deliveries) = (Stories::new(), Deliveries::new());
    for records in partitions(log).values() {
        let entries = entries(records);
        let mut partition = Partition::new(&entries, longest_call);
        entries.into_iter().for_each(|entry| partition.read(entry));
        for (whose, walk) in partition.walks() {
            stories.insert(whose.clone(), walk.story);
            deliveries.insert(whose, walk.desk.turns);
        }
    }
    stories.retain(|_, story| *story != crate::Story::default());
    deliveries.retain(|_, turns| !turns.is_empty());
    (stories, deliveries)
}

struct Partition {
    workspaces: BTreeMap<String, Workspace>,
    deciding: BTreeSet<Role>,
    /// Folds so far.
    place: u64,
    last_append: i64,
    last_clock: BTreeMap<String, i64>,
    longest_call: i64,
    /// By the record that is read: workspaces and accounts that something happened to.
    touched: BTreeSet<(String, String)>,
}

struct Workspace {
    rules: Rules,
    log_clock: bool,
    /// What each inbox partition said last.
    heard: BTreeMap<u32, i64>,
    now: Option<i64>,
    walks: BTreeMap<String, Walk>,
    /// (account, due, event time, id, fact).
    waiting: Vec<(String, i64, Fact)>,
    horizon: i64,
}

impl Partition {
    fn new(entries: &[Entry], longest_call: i64) -> Self {
        let mut last_clock: BTreeMap<String, i64> = BTreeMap::new();
        for entry in entries {
            if let What::Clock(clock) = &entry.what {
                let last = last_clock.entry(entry.header.workspace.clone()).or_insert(i64::MIN);
                *last = clock.to_at.max(*last);
            }
        }
        Self {
            workspaces: BTreeMap::new(),
            deciding: BTreeSet::new(),
            place: 0,
            last_append: entries.iter().map(|entry| entry.appended_at).max().unwrap_or_default(),
            last_clock,
            longest_call,
            touched: BTreeSet::new(),
        }
    }

    fn walks(self) -> impl Iterator<Item = ((String, String), Walk)> {
        self.workspaces.into_iter().flat_map(|(workspace, held)| {
            held.walks.into_iter().map(move |(account, walk)| ((workspace.clone(), account), walk))
        })
    }

    fn read(&mut self, entry: Entry) {
        let Entry { appended_at, header, what } = entry;
        match what {
            What::Decided(_) => {}
            What::Tick => self.everybody(appended_at, |_| None),
            What::Joined(service) => self.join(appended_at, service),
            What::Catalogue(version) => self.catalogue(appended_at, &header, &version),
            What::Clock(clock) => self.clock(appended_at, &header, clock),
            What::Said(kind) => self.said(appended_at, &header, kind),
        }
        self.deliver(appended_at);
    }

    /// Whatever a record brought for an account, attempts that are due come last.
    fn deliver(&mut self, appended_at: i64) {
        for (workspace, account) in std::mem::take(&mut self.touched) {
            let Some(held) = self.workspaces.get_mut(&workspace) else { continue };
            let now = if held.log_clock { held.now } else { Some(appended_at) };
            let (rules, deciding, horizon) = (&held.rules, &self.deciding, held.horizon);
            let around = Around { rules, deciding, horizon, appended_at };
            let terms = Terms { asks_again: !held.log_clock, longest_call: self.longest_call };
            if let Some(walk) = held.walks.get_mut(&account) {
                walk.deliver(&around, now.unwrap_or_default(), terms);
            }
        }
    }

    fn touch(&mut self, workspace: &str, account: &str) {
        self.touched.insert((workspace.to_owned(), account.to_owned()));
    }

    /// Time passes for all accounts of wall-clock workspaces; then, for all accounts, a step if there is one.
    fn everybody(&mut self, appended_at: i64, step: impl Fn(&Workspace) -> Option<Step>) {
        for (of, workspace) in &mut self.workspaces {
            let names: Vec<String> = workspace.walks.keys().cloned().collect();
            for name in names {
                self.touched.insert((of.clone(), name.clone()));
                let step = step(workspace);
                workspace.at_append(&self.deciding, &name, appended_at, step);
            }
        }
    }

    fn join(&mut self, appended_at: i64, service: Service) {
        let role = match service {
            Service::HealthScore => Role::Health,
            Service::Segmentation => Role::Segmentation,
            Service::Workflow => Role::Workflow,
            Service::Ingest | Service::Unspecified => return,
        };
        self.everybody(appended_at, |_| None);
        if self.deciding.insert(role) {
            self.everybody(appended_at, |_| Some(Step::Joined(role)));
        }
    }

    fn catalogue(&mut self, appended_at: i64, header: &Header, version: &CatalogueVersion) {
        let name = &header.workspace;
        let Ok(document) = serde_json::from_slice(&version.document) else { return };
        let Some(catalogue) = Catalogue::read(&document) else { return };
        let calendar = Calendar::new(&version.time_zone);
        let Some(held) = self.workspaces.get_mut(name) else {
            let log_clock = version.clock() == ClockKind::Log;
            let horizon = if log_clock { self.last_clock.get(name).copied() } else { Some(self.last_append) };
            let rules = Rules::succeeding(None, catalogue, version.version, calendar, self.place + 1);
            self.workspaces.insert(name.clone(), Workspace::new(rules, log_clock, horizon));
            return;
        };
        let accounts: Vec<String> = held.walks.keys().cloned().collect();
        for account in &accounts {
            self.touched.insert((name.clone(), account.clone()));
            held.at_append(&self.deciding, account, appended_at, None);
        }
        held.rules =
            Rules::succeeding(Some(&held.rules), catalogue, version.version, calendar, self.place + 1);
        for account in &accounts {
            let step = Step::Catalogue { fire_playbooks: version.fire_playbooks };
            held.at_append(&self.deciding, account, appended_at, Some(step));
        }
    }

    fn clock(&mut self, appended_at: i64, header: &Header, clock: ClockAdvanced) {
        let Some(held) = self.workspaces.get_mut(&header.workspace) else { return };
        let heard = held.heard.entry(clock.inbox_partition).or_insert(clock.to_at);
        *heard = clock.to_at.max(*heard);
        let all = held.heard.len() as u64 >= u64::from(clock.inbox_partitions);
        let Some(now) = held.heard.values().min().copied().filter(|_| all) else { return };
        held.now = Some(now);
        held.waiting.sort_by_key(|(_, due, fact)| (*due, fact.event_at, turn(&fact.body), fact.id));
        let (due, waiting) = std::mem::take(&mut held.waiting).into_iter().partition(|w| w.1 <= now);
        held.waiting = waiting;
        let due: Vec<(String, i64, Fact)> = due;
        for (account, due, fact) in due {
            self.place += 1;
            self.touched.insert((header.workspace.clone(), account.clone()));
            held.look(&self.deciding, &account, appended_at, due, None);
            let step = Step::Fact(Fact { place: self.place, ..fact });
            held.look(&self.deciding, &account, appended_at, due, Some(step));
        }
        for account in held.walks.keys().cloned().collect::<Vec<_>>() {
            if held.look(&self.deciding, &account, appended_at, now, None) {
                self.touched.insert((header.workspace.clone(), account));
            }
        }
    }

    fn said(&mut self, appended_at: i64, header: &Header, kind: Kind) {
        let Some(held) = self.workspaces.get_mut(&header.workspace) else { return };
        let id = account::id(&header.id).unwrap_or_default();
        let account = header.account.clone();
        held.walks.entry(account.clone()).or_insert_with(|| Walk::new(&header.workspace, &account));
        let asked = command(id, &kind).map(Step::Command).or_else(|| report(id, &kind).map(Step::Report));
        if let Some(step) = asked {
            held.at_append(&self.deciding, &account, appended_at, None);
            held.at_append(&self.deciding, &account, appended_at, Some(step));
            return self.touch(&header.workspace, &account);
        }
        let Some(body) = account::body(kind) else {
            held.at_append(&self.deciding, &account, appended_at, None);
            return self.touch(&header.workspace, &account);
        };
        self.place += 1;
        let fact = Fact { event_at: header.event_at, id, place: self.place, body };
        if held.log_clock && held.now.is_none_or(|now| header.due_at > now) {
            held.waiting.push((account, header.due_at, fact));
            return;
        }
        held.at_append(&self.deciding, &account, appended_at, None);
        held.at_append(&self.deciding, &account, appended_at, Some(Step::Fact(fact)));
        self.touch(&header.workspace, &account);
    }
}

impl Workspace {
    fn new(rules: Rules, log_clock: bool, horizon: Option<i64>) -> Self {
        Self {
            rules,
            log_clock,
            heard: BTreeMap::new(),
            now: None,
            walks: BTreeMap::new(),
            waiting: Vec::new(),
            horizon: horizon.unwrap_or(i64::MIN),
        }
    }

    /// At the account's time when a record is appended: on the wall clock the append time, else the log's clock.
    fn at_append(&mut self, deciding: &BTreeSet<Role>, account: &str, appended_at: i64, step: Option<Step>) {
        let now = if self.log_clock { self.now } else { Some(appended_at) };
        let _ = self.look(deciding, account, appended_at, now.unwrap_or_default(), step);
    }

    /// Takes the step; without one, time passes up to now. Whether anything came of it: something was said, or done.
    fn look(
        &mut self,
        deciding: &BTreeSet<Role>,
        account: &str,
        appended_at: i64,
        now: i64,
        step: Option<Step>,
    ) -> bool {
        let Some(walk) = self.walks.get_mut(account) else { return false };
        let horizon = self.horizon;
        let around = Around { rules: &self.rules, deciding, horizon, appended_at };
        let said =
            |walk: &Walk| (walk.story.health.len(), walk.story.memberships.len(), walk.story.work.len());
        let before = said(walk);
        match step {
            Some(step) => walk.step(&around, now, step),
            None => walk.advance(&around, now),
        }
        before != said(walk)
    }
}

fn report(id: u128, kind: &Kind) -> Option<Report> {
    let Kind::AttemptReported(report) = kind else { return None };
    Some(Report {
        id,
        notification: account::id(&report.notification).unwrap_or_default(),
        attempt: report.attempt,
        begun: !report.not_begun,
        status: report.status,
        permanent: report.permanent,
        not_before: report.retry_at,
    })
}

fn command(id: u128, kind: &Kind) -> Option<Command> {
    let (about, by, ask) = match kind {
        Kind::TakeCta(c) => (&c.cta, &c.by, Ask::Take),
        Kind::SnoozeCta(c) => (&c.cta, &c.by, Ask::Snooze { until: c.until_at }),
        Kind::CloseCta(c) => (&c.cta, &c.by, Ask::Close { outcome: c.outcome.clone() }),
        Kind::ReassignCta(c) => (&c.cta, &c.by, Ask::Reassign { owner: c.owner.clone() }),
        Kind::CompleteCtaTask(c) => (&c.cta, &c.by, Ask::CompleteTask { task: c.task.clone() }),
        Kind::DecideRun(c) => (&c.run, &c.by, if c.approved { Ask::Approve } else { Ask::Reject }),
        _ => return None,
    };
    Some(Command { id, about: account::id(about).unwrap_or_default(), by: by.clone(), ask })
}

/// At one instant an account is described first, then its people, then who joins or leaves, then what they do.
fn turn(body: &Body) -> u8 {
    match body {
        Body::Traits(None, _) | Body::Terms(..) => 0,
        Body::Traits(Some(_), _) => 1,
        Body::Member(..) => 2,
        Body::Usage(_) => 3,
    }
}
