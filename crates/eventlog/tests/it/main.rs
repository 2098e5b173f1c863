//! The log in Postgres, on a real server.

mod assignment;
mod conformance;
mod keeping;
mod support;
