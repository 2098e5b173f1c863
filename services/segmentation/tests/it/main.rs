//! segmentation as its users meet it: its gRPC API on real Postgres and a real log.

mod above;
mod members;
mod stored;
mod support;
