//! What `/metrics` says of the workers.

use anyhow::{Result, ensure};

/// The sum of a counter over all workers.
pub(crate) fn sum(metrics: &str, name: &str) -> Result<u64> {
    sum_of(metrics, name, "")
}

/// How many series a metric has.
pub(crate) fn series(metrics: &str, name: &str) -> usize {
    metrics.lines().filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with('{'))).count()
}

/// Of the series with a label.
fn sum_of(metrics: &str, name: &str, label: &str) -> Result<u64> {
    let lines: Vec<&str> = metrics
        .lines()
        .filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with('{')))
        .filter(|line| line.contains(label))
        .collect();
    ensure!(!lines.is_empty(), "there is no {name} in\n{metrics}");
    lines.iter().map(|line| Ok(line.rsplit(' ').next().unwrap_or_default().parse::<u64>()?)).sum()
}

/// Fails if some worker said other than the log, or found gone what it had not folded.
pub(crate) fn check_true(metrics: &str) -> Result<()> {
    check_none(metrics, &["repairs", "missed"])
}

/// Fails also if one met what it could not read or fold.
pub(crate) fn check_sound(metrics: &str) -> Result<()> {
    check_true(metrics)?;
    check_none(metrics, &["skipped"])?;
    let poison = sum_of(metrics, "perennial_worker_errors_total", r#"kind="poison""#)?;
    ensure!(poison == 0, "{poison} records could not be read or folded");
    Ok(())
}

fn check_none(metrics: &str, names: &[&str]) -> Result<()> {
    for name in names.iter().map(|name| format!("perennial_worker_{name}_total")) {
        let found = sum(metrics, &name)?;
        let of = |line: &&str| line.starts_with(&name) && !line.ends_with(" 0");
        ensure!(found == 0, "{:?}", metrics.lines().filter(of).collect::<Vec<_>>());
    }
    Ok(())
}
