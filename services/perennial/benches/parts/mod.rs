//! What the benchmarks of whole Perennials have in common.

pub(crate) mod asking;
pub(crate) mod calls;
pub(crate) mod load;
