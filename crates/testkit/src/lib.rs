//! What tests stand on: real servers, what must hold for every adapter of a port, and a simulated world with faults.
//! For development only.

pub mod clients;
pub mod cluster;
pub mod conformance;
pub mod measure;
pub mod proxy;
pub mod servers;
pub mod sim;
