//! What benchmarks have in common: time on the CPU, and what counts of several rounds.

use std::{fs, time::Duration};

use anyhow::Context;

/// What Linux counts in.
const TICKS_PER_SECOND: f64 = 100.0;

/// Time that a process, this or another one, has spent on the CPU, in its own code and in the kernel's.
pub fn cpu(process: u32) -> anyhow::Result<Duration> {
    spent(&fs::read_to_string(format!("/proc/{process}/stat"))?)
}

/// The same of those of its threads that run now and whose names begin so.
pub fn cpu_of_threads(process: u32, named: &str) -> anyhow::Result<Duration> {
    let mut all = Duration::ZERO;
    for thread in fs::read_dir(format!("/proc/{process}/task"))? {
        // One that has ended meanwhile is none of those that stay.
        let Ok(stat) = fs::read_to_string(thread?.path().join("stat")) else { continue };
        if stat.split_once('(').is_some_and(|(_, name)| name.starts_with(named)) {
            all += spent(&stat)?;
        }
    }
    Ok(all)
}

fn spent(stat: &str) -> anyhow::Result<Duration> {
    // Behind its name, which may hold anything; then the 14th and 15th of all fields are user and system time.
    let (_, fields) = stat.rsplit_once(')').context("no name")?;
    let times = fields.split_whitespace().skip(11).take(2).map(str::parse::<u64>);
    let ticks: u64 = times.sum::<Result<u64, _>>()?;
    Ok(Duration::from_secs_f64(ticks as f64 / TICKS_PER_SECOND))
}

/// The middle one of several rounds' values: what a noisy machine does to one of them does not count.
///
/// # Panics
/// If there is none.
pub fn middle(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Of so many in a hundred it took no longer.
///
/// # Panics
/// If there is none.
pub fn percentile(took: &[Duration], percent: usize) -> Duration {
    let mut took = took.to_vec();
    took.sort();
    took[(took.len() * percent / 100).min(took.len() - 1)]
}

/// A ratio and whether it reaches its goal, in words: at least so much is wanted.
pub fn against(ratio: f64, goal: f64) -> String {
    let verdict = if ratio >= goal { "reached" } else { "missed" };
    format!("ratio {ratio:.2}, goal {goal}: {verdict}")
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn whoever_works_spends_time_on_the_cpu() {
        let (own, begun) = (std::process::id(), Instant::now());
        let before = cpu(own).unwrap();
        while cpu(own).unwrap() < before + Duration::from_millis(50) {
            assert!(begun.elapsed() < Duration::from_secs(60), "no time passes");
        }
        assert!(cpu_of_threads(own, "").unwrap() <= cpu(own).unwrap());
        assert!(cpu_of_threads(own, "no such name").unwrap().is_zero());
    }

    #[test]
    fn the_middle_of_rounds_is_none_of_the_extremes() {
        assert_eq!(middle([9.0, 1.0, 2.0]).to_string(), "2");
        let took = [3, 1, 2].map(Duration::from_secs);
        assert_eq!(percentile(&took, 99), Duration::from_secs(3));
        assert_eq!(percentile(&took, 50), Duration::from_secs(2));
    }
}
