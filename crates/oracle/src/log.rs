//! What a reader takes from a partition of the account log: facts and controls, without what readers drop.

use std::collections::BTreeMap;

use prost::Message;

use crate::wire::perennial::{
    account::v1::{AccountRecord, account_record},
    log::v1::{CatalogueVersion, ClockAdvanced, Header, Service, control},
};

/// A record as the log holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub partition: u32,
    pub offset: u64,
    /// The log's time, milliseconds UTC.
    pub appended_at: i64,
    pub bytes: Vec<u8>,
}

/// A record that readers take.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) appended_at: i64,
    pub(crate) header: Header,
    pub(crate) what: What,
}

#[derive(Debug)]
pub(crate) enum What {
    /// A fact or a command about one account.
    Said(account_record::Kind),
    Decided(account_record::Kind),
    Clock(ClockAdvanced),
    /// The last part of a version, with the whole document.
    Catalogue(CatalogueVersion),
    Tick,
    Joined(Service),
}

/// The partitions of a log, each in order of offset.
pub(crate) fn partitions(records: &[Record]) -> BTreeMap<u32, Vec<&Record>> {
    let mut partitions: BTreeMap<u32, Vec<&Record>> = BTreeMap::new();
    for record in records {
        partitions.entry(record.partition).or_default().push(record);
    }
    for partition in partitions.values_mut() {
        partition.sort_by_key(|record| record.offset);
    }
    partitions
}

/// What links were taken last: of a service about an account, or of forwards from a source partition.
#[derive(Default)]
struct Reader {
    last: BTreeMap<(i32, String, String, u32), (u64, u32)>,
    passed: BTreeMap<i32, u64>,
    parts: BTreeMap<String, Vec<CatalogueVersion>>,
    versions: BTreeMap<String, u64>,
    time: Option<i64>,
}

/// What readers take from one partition, in order.
pub(crate) fn entries(records: &[&Record]) -> Vec<Entry> {
    let mut reader = Reader::default();
    records.iter().filter_map(|record| reader.read(record)).collect()
}

impl Reader {
    fn read(&mut self, record: &Record) -> Option<Entry> {
        let read = AccountRecord::decode(record.bytes.as_slice()).ok();
        let appended_at = self.pass(record, read.as_ref());
        let AccountRecord { header, control, kind, .. } = read?;
        let header = header?;
        if header.cause.is_some() && !self.follows(&header) {
            return None;
        }
        let what = match (control.and_then(|control| control.kind), kind) {
            (Some(control), _) => self.control(&header, control)?,
            (None, Some(kind)) if header.cause.is_some() && header.service != Service::Ingest as i32 => {
                What::Decided(kind)
            }
            (None, kind) => What::Said(kind?),
        };
        Some(Entry { appended_at, header, what })
    }

    /// What time it is at a record: the latest at which a fact so far was appended, for the log's clock may fall. What
    /// is no decision and no `Passed` is a fact, whether it can be read or not.
    fn pass(&mut self, record: &Record, read: Option<&AccountRecord>) -> i64 {
        let header = read.and_then(|read| read.header.as_ref());
        let is_decided = header.is_some_and(|header| {
            header.cause.is_some() && !matches!(header.service(), Service::Ingest | Service::Unspecified)
        });
        let control = read.and_then(|read| read.control.as_ref()?.kind.as_ref());
        if !is_decided && !matches!(control, Some(control::Kind::Passed(_))) {
            self.time = self.time.max(Some(record.appended_at));
        }
        self.time.unwrap_or(record.appended_at)
    }

    /// Whether its `before` is the last of its chain that was taken, and its cause has not been passed. Then it is
    /// the last one taken.
    fn follows(&mut self, header: &Header) -> bool {
        let Some(cause) = header.cause else { return false };
        let forwarded = header.service == Service::Ingest as i32;
        let chain = if forwarded {
            (header.service, String::new(), String::new(), cause.partition)
        } else {
            (header.service, header.workspace.clone(), header.account.clone(), 0)
        };
        let passed = self.passed.get(&header.service).is_some_and(|passed| cause.offset <= *passed);
        let before = header.before.map(|before| (before.offset, before.index));
        if self.last.get(&chain).copied() != before || (passed && !forwarded) {
            return false;
        }
        self.last.insert(chain, (cause.offset, cause.index));
        true
    }

    fn control(&mut self, header: &Header, control: control::Kind) -> Option<What> {
        match control {
            control::Kind::Passed(passed) => {
                let newest = self.passed.entry(passed.service).or_default();
                *newest = passed.offset.max(*newest);
                None
            }
            control::Kind::Tick(_) => Some(What::Tick),
            control::Kind::ClockAdvanced(clock) => Some(What::Clock(clock)),
            control::Kind::Joined(joined) => Some(What::Joined(joined.service())),
            control::Kind::Skipped(_) => None,
            control::Kind::CatalogueVersion(part) => self.part(header, part).map(What::Catalogue),
        }
    }

    /// The whole version when its last part has come; repeats are dropped.
    fn part(&mut self, header: &Header, part: CatalogueVersion) -> Option<CatalogueVersion> {
        if self.versions.get(&header.workspace).is_some_and(|held| part.version <= *held) {
            return None;
        }
        let parts = self.parts.entry(header.workspace.clone()).or_default();
        if part.part == 1 || parts.first().is_some_and(|first| first.version != part.version) {
            parts.clear();
        }
        if part.part as usize != parts.len() + 1 {
            return None;
        }
        let last = part.part == part.parts;
        let mut whole = part.clone();
        parts.push(part);
        if !last {
            return None;
        }
        whole.document = parts.iter().flat_map(|part| part.document.iter().copied()).collect();
        self.versions.insert(header.workspace.clone(), whole.version);
        Some(whole)
    }
}
