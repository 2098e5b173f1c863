//! How far an import has come: a small file beside the one that is imported, as long as it lasts.
//!
//! Invariant: it is written as a whole or not at all, after the log has every row below where it says to go on.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use super::table::{Mark, beside};

const FORMAT: u64 = 1;

/// What is imported, how, and whither. If any of it changes, other rows would follow than those that were sent.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Job {
    pub(crate) kind: String,
    /// Of the file's content, in hexadecimal digits.
    pub(crate) sha256: String,
    pub(crate) mapping: Value,
    pub(crate) url: String,
    /// The beginning of the write key, by which it is listed.
    pub(crate) key: String,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Progress {
    pub(crate) job: Job,
    /// Where the next row begins.
    pub(crate) at: Mark,
    pub(crate) sent: u64,
    pub(crate) set_aside: u64,
    /// Of sent rows, those that happened before what windows reach back to.
    pub(crate) old: u64,
    /// Length of the file of what was set aside.
    pub(crate) aside_bytes: u64,
}

/// Of `accounts.csv`, `accounts.csv.progress`.
pub(crate) fn path(input: &Path) -> PathBuf {
    beside(input, "progress")
}

impl Progress {
    /// That of an import that was not finished.
    pub(crate) fn load(input: &Path) -> Result<Option<Self>> {
        let path = path(input);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
        };
        let json: Value = serde_json::from_str(&text).unwrap_or_default();
        let progress = Self::of_json(&json).with_context(|| {
            format!("{} is no progress of an import that this program knows; remove it to begin with the first row", path.display())
        })?;
        Ok(Some(progress))
    }

    pub(crate) fn save(&self, input: &Path) -> Result<()> {
        let path = path(input);
        let written = || -> Result<()> {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            let mut file = NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
            writeln!(file, "{:#}", self.json())?;
            file.as_file().sync_data()?;
            file.persist(&path)?;
            Ok(())
        };
        written().with_context(|| {
            format!("cannot write {}, which remembers how far the import has come", path.display())
        })
    }

    pub(crate) fn remove(input: &Path) -> Result<()> {
        let path = path(input);
        std::fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))
    }

    /// Fails if the job is another one than that which is under way, and says in what.
    pub(crate) fn check(&self, job: &Job, input: &Path) -> Result<()> {
        let (file, progress) = (input.display(), path(input));
        let was = &self.job;
        let changed = if was.kind != job.kind {
            format!("{} were imported from {file}, and not {}", was.kind, job.kind)
        } else if was.sha256 != job.sha256 {
            format!("{file} has changed")
        } else if was.mapping != job.mapping {
            format!("the mapping has changed: {}", differences(&was.mapping, &job.mapping))
        } else if was.url != job.url {
            format!("it went to {}, and not to {}", was.url, job.url)
        } else if was.key != job.key {
            format!("it was sent with the write key {}..., and not {}...", was.key, job.key)
        } else {
            return Ok(());
        };
        bail!(
            "an import is under way, and something else is asked for: {changed}\n  {} rows were read of it. Put back what \
             changed to go on, or remove {} to begin with the first row (rows of history that were sent then count twice).",
            self.sent + self.set_aside,
            progress.display()
        )
    }

    fn json(&self) -> Value {
        let Job { kind, sha256, mapping, url, key } = &self.job;
        json!({
            "format": FORMAT, "kind": kind, "sha256": sha256, "mapping": mapping, "url": url, "key": key,
            "byte": self.at.byte, "lines": self.at.lines, "sent": self.sent, "set_aside": self.set_aside,
            "old": self.old, "aside_bytes": self.aside_bytes,
        })
    }

    fn of_json(json: &Value) -> Result<Self> {
        let number = |name: &str| json[name].as_u64().with_context(|| format!("no {name}"));
        let text = |name: &str| json[name].as_str().map(str::to_owned).with_context(|| format!("no {name}"));
        ensure!(number("format")? == FORMAT, "another format");
        let (kind, sha256, url, key) = (text("kind")?, text("sha256")?, text("url")?, text("key")?);
        Ok(Self {
            job: Job { kind, sha256, mapping: json["mapping"].clone(), url, key },
            at: Mark { byte: number("byte")?, lines: number("lines")? },
            sent: number("sent")?,
            set_aside: number("set_aside")?,
            old: number("old")?,
            aside_bytes: number("aside_bytes")?,
        })
    }
}

/// The places in which two mappings differ: `traits.name was Company, is Customer`.
fn differences(was: &Value, is: &Value) -> String {
    let mut found = Vec::new();
    differ("", was, is, &mut found);
    found.join("; ")
}

fn differ(path: &str, was: &Value, is: &Value, found: &mut Vec<String>) {
    if let (Value::Object(olds), Value::Object(news)) = (was, is) {
        let keys: std::collections::BTreeSet<&String> = olds.keys().chain(news.keys()).collect();
        for key in keys {
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            let side = |side: &serde_json::Map<String, Value>| side.get(key).cloned().unwrap_or_default();
            differ(&path, &side(olds), &side(news), found);
        }
    } else if was != is {
        let said = |value: &Value| if value.is_null() { "not there".to_owned() } else { value.to_string() };
        found.push(format!("{path} was {}, and is {}", said(was), said(is)));
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::json;

    use super::{Job, Mark, Progress};

    fn progress() -> Progress {
        let mapping = json!({"kind": "accounts", "id": "Account ID", "traits": {"name": "Company"}});
        let text = |text: &str| text.to_owned();
        let job = Job {
            kind: text("accounts"),
            sha256: text("ab"),
            mapping,
            url: text("http://a"),
            key: text("pk_1"),
        };
        let at = Mark { byte: 120, lines: 5 };
        Progress { job, at, sent: 3, set_aside: 1, old: 0, aside_bytes: 42 }
    }

    #[test]
    fn progress_is_read_back_as_it_was_written_and_gone_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let input = folder.path().join("a.csv");
        assert_eq!(Progress::load(&input).unwrap(), None);
        progress().save(&input).unwrap();
        assert_eq!(Progress::load(&input).unwrap(), Some(progress()));
        Progress::remove(&input).unwrap();
        assert_eq!(Progress::load(&input).unwrap(), None);
        std::fs::write(super::path(&input), "{}").unwrap();
        assert!(Progress::load(&input).unwrap_err().to_string().contains("remove it"));
    }

    #[test]
    fn what_changed_meanwhile_is_said() {
        let check = |change: fn(&mut Job), said: &str| {
            let mut job = progress().job;
            change(&mut job);
            let refused = progress().check(&job, Path::new("a.csv")).unwrap_err().to_string();
            assert!(
                refused.contains(said) && refused.contains("4 rows") && refused.contains("a.csv.progress"),
                "{refused}"
            );
        };
        progress().check(&progress().job, Path::new("a.csv")).unwrap();
        check(|job| job.kind = "contacts".to_owned(), "accounts were imported from a.csv, and not contacts");
        check(|job| job.sha256 = "cd".to_owned(), "a.csv has changed");
        check(
            |job| job.mapping["traits"] = json!({"name": "Customer"}),
            "traits.name was \"Company\", and is \"Customer\"",
        );
        check(|job| job.url = "http://b".to_owned(), "it went to http://a, and not to http://b");
        check(|job| job.key = "pk_2".to_owned(), "the write key pk_1...");
    }
}
