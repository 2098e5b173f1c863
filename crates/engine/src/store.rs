//! Where checkpoints and projections go. Postgres in earnest; `testkit` in simulation.

use eventlog::Key;

/// Postgres away, or too slow: may succeed when tried again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the store is away: {0}")]
pub struct StoreAway(pub String);

/// Everything a worker needs to go on from `offset`, the first fact not yet folded.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Checkpoint {
    pub offset: u64,
    /// The partition's own state: catalogues, clocks, links of forwards.
    pub partition: Vec<u8>,
    /// Accounts that changed since the last checkpoint (on load: all of them), encoded with their links.
    pub accounts: Vec<(Key, Vec<u8>)>,
    /// Append-only blocks begun since the last checkpoint (on load: all that are kept), by number.
    pub blocks: Vec<(u64, Vec<u8>)>,
    /// Blocks below this number are dropped.
    pub blocks_from: u64,
}

/// How far a partition's decisions are projected.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Progress {
    /// Everything decided from facts below this offset is projected.
    pub settled: u64,
    /// Of the workspaces whose clock moved since the write before.
    pub clocks: Vec<(String, Clock)>,
}

/// Up to which instant of a workspace everything decided is projected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// It goes by the wall clock: there is nothing to wait for.
    Wall,
    /// By the log's clock; before the first advance the lowest instant there is.
    Log(i64),
}

/// What a worker hands to its store, in order. One `Write` is one transaction.
#[derive(Debug, Clone)]
pub enum Write<P> {
    Project { items: Vec<P>, progress: Progress },
    Checkpoint(Checkpoint),
}

/// The store port of one worker (one service, one partition). `submit` never blocks; writes are performed in order,
/// tried again while the store is away; `done` counts those performed.
pub trait Store<P>: Send {
    /// The last checkpoint. Blocks; called on assignment only.
    fn load(&mut self) -> Result<Option<Checkpoint>, StoreAway>;
    fn submit(&mut self, write: Write<P>);
    /// Writes performed so far, and how many submitted ones wait.
    fn done(&self) -> u64;
    fn waiting(&self) -> usize;
}
