//! Where a test has the process die: at a named point of the code, as if killed there. What is shipped has no such
//! points: they are compiled in for tests alone.

use std::sync::atomic::{AtomicU32, Ordering};

/// `NAME:N`: the process dies when it comes to that point for the N-th time.
const FAILPOINT: &str = "FAILPOINT";

pub(crate) fn arm() {
    if !fail::has_failpoints() {
        return;
    }
    let Some(wanted) = std::env::var_os(FAILPOINT) else { return };
    let wanted = wanted.to_string_lossy();
    let Some((name, times)) = wanted.split_once(':') else { return };
    let left = AtomicU32::new(times.parse().unwrap_or(1));
    let die = move || {
        if left.fetch_sub(1, Ordering::Relaxed) == 1 {
            std::process::abort();
        }
    };
    if let Err(why) = fail::cfg_callback(name, die) {
        eprintln!("{FAILPOINT}={wanted}: {why}");
    }
}
