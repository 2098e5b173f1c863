//! Forwards taken, by the inbox partition that they come from.
//!
//! Invariant: of each source every forward is taken once, in the order of its chain, whoever sent it and however often.

use std::collections::BTreeMap;

use eventlog::{
    CauseOrder,
    proto::{Cause, Header, Service},
};

use crate::{
    Poison,
    codec::{Put, Take},
    planted::{self, Bug},
};

/// The last one taken of each.
#[derive(Debug, Default)]
pub(crate) struct Sources(BTreeMap<u32, CauseOrder>);

impl Sources {
    /// Whether a fact may be taken: one without cause, or a forward that follows the last of its source.
    pub(crate) fn take(&mut self, header: &Header) -> bool {
        let (Service::Ingest, Some(cause)) = (header.service(), &header.cause) else { return true };
        let last = self.0.get(&cause.partition).copied();
        let follows = if planted::is(Bug::LinkNotChecked) {
            Some(cause.order()) > last
        } else {
            header.before.as_ref().map(Cause::order) == last
        };
        if follows {
            self.0.insert(cause.partition, cause.order());
        }
        follows
    }

    pub(crate) fn encode(&self, put: &mut Put) {
        put.uint(self.0.len() as u64);
        for (source, link) in &self.0 {
            put.uint(u64::from(*source)).link(Some(*link));
        }
    }

    pub(crate) fn decode(take: &mut Take<'_>) -> Result<Self, Poison> {
        let mut sources = BTreeMap::new();
        for _ in 0..take.uint()? {
            let source = take.small()?;
            let link = take.link()?.ok_or_else(|| Poison("a stored link without place".into()))?;
            sources.insert(source, link);
        }
        Ok(Self(sources))
    }
}
