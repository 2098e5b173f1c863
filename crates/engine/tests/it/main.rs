//! The properties of DESIGN section 11 that concern the engine, over seeded random histories, and the bugs that the
//! same histories catch.

mod away;
mod chain;
mod cost;
mod foreign;
mod forwards;
mod records;
mod start;
