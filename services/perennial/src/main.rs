//! `perennial`: the one binary. Laptop mode (`up`), each service by itself, the demo, the import of files, and the
//! operator's tools.
//!
//! Invariant: the tools use the public APIs and nothing else, but for `topics`; only `up`, `demo` and the services'
//! own commands start services.

mod cli;
mod clients;
mod commands;
mod demo;
mod document;
mod failpoint;
mod failure;
mod import;
mod myself;
mod node;
mod output;
mod role;
mod sender;
mod settings;
mod simulate;
mod starter;
mod up;
mod words;
mod yaml;

use std::process::ExitCode;
use std::time::Duration;

/// Much of what an event costs goes into small pieces of memory, which one thread makes and another lets go.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// For what is still under way when everything has ended.
const LET_GO: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    failpoint::arm();
    let cli = match settings::parse(std::env::args_os()) {
        Ok(cli) => cli,
        Err(error) => return failure::report(&error),
    };
    if !cli.command.serves() {
        // Whoever reads no further (`| head`) has seen enough: no reason to complain.
        sigpipe::reset();
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failure::report(&error.into()),
    };
    let outcome = runtime.block_on(cli.command.run());
    // Whatever still waits for a server that is away has no more to say.
    runtime.shutdown_timeout(LET_GO);
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failure::report(&error),
    }
}
