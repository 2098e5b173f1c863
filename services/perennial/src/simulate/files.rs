//! A company as files.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result};
use company::Company;
use company::truth::Truth;

use super::progress;

const CALLS: &str = "calls.ndjson";
const TRUTH: &str = "truth.json";

/// One call a line, by time.
pub(super) fn write(company: Company, folder: &Path) -> Result<()> {
    let told = |path: &Path| format!("cannot write {}", path.display());
    fs::create_dir_all(folder).with_context(|| told(folder))?;
    write_truth(&company.truth(), &folder.join(TRUTH))?;
    let path = folder.join(CALLS);
    let progress = progress(&company, "writing")?;
    let mut file = BufWriter::new(File::create(&path).with_context(|| told(&path))?);
    let mut written = 0_u64;
    for day in company {
        for call in &day.calls {
            serde_json::to_writer(&mut file, call).with_context(|| told(&path))?;
            file.write_all(b"\n").with_context(|| told(&path))?;
        }
        written += day.calls.len() as u64;
        progress.inc(1);
        progress.set_message(day.day.to_string());
    }
    file.into_inner().map_err(std::io::IntoInnerError::into_error).with_context(|| told(&path))?;
    progress.finish_and_clear();
    println!("{written} calls in {}, the truth in {}.", path.display(), folder.join(TRUTH).display());
    Ok(())
}

pub(super) fn write_truth(truth: &Truth, file: &Path) -> Result<()> {
    let text = serde_json::to_string_pretty(truth)? + "\n";
    fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}
