//! Rows that were not sent, in a file of the same form, each with its line and the reason: to be mended there, and
//! imported.
//!
//! Invariant: what lies in the file belongs to rows below the one where an import goes on; the rest is cut off then.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use csv::{ByteRecord, WriterBuilder};
use serde_json::{Map, Value, json};

use super::table::{Form, MARK, Raw, Table};

const LINE: &str = "rejected_line";
const REASON: &str = "rejected_reason";
/// The same of an object.
const REJECTED: &str = "rejected";

/// Whether a column tells what was wrong with a row once, and nothing else.
pub(crate) fn is_ours(column: &str) -> bool {
    let head = column.split('.').next().unwrap_or_default();
    [LINE, REASON, REJECTED].contains(&head)
}

pub(crate) struct Aside {
    path: PathBuf,
    form: Form,
    header: Vec<String>,
    marked: bool,
    /// Open once there is something to write.
    file: Option<BufWriter<File>>,
}

impl Aside {
    /// Beside the file: of `accounts.csv`, `accounts.rejected.csv`.
    pub(crate) fn path(input: &Path, form: Form) -> PathBuf {
        let ending = input.extension().map_or_else(
            || if form == Form::Ndjson { "ndjson".into() } else { "csv".into() },
            |ending| ending.to_string_lossy().into_owned(),
        );
        input.with_extension(format!("rejected.{ending}"))
    }

    /// For an import that begins. One that is there may have been mended already.
    pub(crate) fn begin(input: &Path, table: &Table) -> Result<Self> {
        let aside = Self::new(input, table);
        if aside.path.exists() {
            bail!(
                "{0} is there from an import before: import what you mended in it, then remove or rename it",
                aside.path.display()
            );
        }
        Ok(aside)
    }

    /// For one that goes on, of which so many bytes were written.
    pub(crate) fn go_on(input: &Path, table: &Table, length: u64) -> Result<Self> {
        let mut aside = Self::new(input, table);
        if length == 0 {
            // What a process wrote that was killed before it had noted it.
            let _ = std::fs::remove_file(&aside.path);
            return Ok(aside);
        }
        let opened = OpenOptions::new().write(true).open(&aside.path);
        let mut file = opened.with_context(|| format!("cannot go on writing {}", aside.path.display()))?;
        file.set_len(length)?;
        file.seek(SeekFrom::End(0))?;
        aside.file = Some(BufWriter::new(file));
        Ok(aside)
    }

    fn new(input: &Path, table: &Table) -> Self {
        let path = Self::path(input, table.form());
        Self {
            path,
            form: table.form(),
            header: table.header().to_vec(),
            marked: table.is_marked(),
            file: None,
        }
    }

    pub(crate) fn file(&self) -> &Path {
        &self.path
    }

    pub(crate) fn put(&mut self, line: u64, raw: &Raw, reason: &str) -> Result<()> {
        let text = match self.form {
            Form::Csv { delimiter } => self.cells(line, raw, reason, delimiter)?,
            Form::Ndjson => object(line, raw, reason),
        };
        let written = self.open().and_then(|file| Ok(file.write_all(&text)?));
        written.with_context(|| format!("cannot write {}", self.path.display()))
    }

    /// Returns how long the file is, once the disk has it.
    pub(crate) fn sync(&mut self) -> Result<u64> {
        let Some(file) = &mut self.file else { return Ok(0) };
        file.flush()?;
        file.get_ref().sync_data()?;
        Ok(file.stream_position()?)
    }

    fn open(&mut self) -> Result<&mut BufWriter<File>> {
        if self.file.is_none() {
            let mut file = BufWriter::new(File::create_new(&self.path)?);
            if self.marked {
                file.write_all(MARK)?;
            }
            if let Form::Csv { delimiter } = self.form {
                let header = self.header.iter().filter(|name| !is_ours(name)).map(String::as_bytes);
                let header: ByteRecord = header.chain([LINE.as_bytes(), REASON.as_bytes()]).collect();
                file.write_all(&record(&header, delimiter)?)?;
            }
            self.file = Some(file);
        }
        self.file.as_mut().context("no file was opened")
    }

    /// The row's cells under its header; those beyond it come last.
    fn cells(&self, line: u64, raw: &Raw, reason: &str, delimiter: u8) -> Result<Vec<u8>> {
        let cells: Vec<&[u8]> = match raw {
            Raw::Cells(cells) => cells.iter().collect(),
            Raw::Text(text) => vec![text],
        };
        let line = line.to_string();
        let mut row = ByteRecord::new();
        for (at, name) in self.header.iter().enumerate() {
            if !is_ours(name) {
                row.push_field(cells.get(at).copied().unwrap_or_default());
            }
        }
        row.push_field(line.as_bytes());
        row.push_field(reason.as_bytes());
        cells.iter().skip(self.header.len()).for_each(|cell| row.push_field(cell));
        record(&row, delimiter)
    }
}

fn record(cells: &ByteRecord, delimiter: u8) -> Result<Vec<u8>> {
    let mut writer = WriterBuilder::new().delimiter(delimiter).flexible(true).from_writer(Vec::new());
    writer.write_byte_record(cells)?;
    Ok(writer.into_inner().map_err(|error| error.into_error())?)
}

/// The object with what was wrong; a text that is none stands in one.
fn object(line: u64, raw: &Raw, reason: &str) -> Vec<u8> {
    let text = match raw {
        Raw::Text(text) => text.as_slice(),
        Raw::Cells(_) => &[],
    };
    let parsed: Option<Map<String, Value>> = serde_json::from_slice(text).ok();
    let mut told = json!({"line": line, "reason": reason});
    if parsed.is_none() {
        told["text"] = String::from_utf8_lossy(text).into();
    }
    let mut object = parsed.unwrap_or_default();
    object.insert(REJECTED.to_owned(), told);
    format!("{}\n", Value::Object(object)).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::{Aside, Table};

    /// Sets every row of a file aside, and reads that again; returns what was written, and the rows with their lines.
    fn check(name: &str, text: &str, expected: &str) {
        let folder = tempfile::tempdir().unwrap();
        let input = folder.path().join(name);
        std::fs::write(&input, text).unwrap();
        let mut table = Table::open(&input).unwrap();
        let mut aside = Aside::begin(&input, &table).unwrap();
        while let Some(record) = table.next().unwrap() {
            aside.put(record.line, &record.raw, "why, so").unwrap();
        }
        let length = aside.sync().unwrap();
        let written = std::fs::read_to_string(aside.file()).unwrap();
        assert_eq!((written.as_str(), written.len() as u64), (expected, length));
        assert!(Aside::begin(&input, &table).is_err());
        Table::open(aside.file()).unwrap();
    }

    #[test]
    fn rows_are_set_aside_in_their_own_form_with_their_line_and_the_reason() {
        check(
            "a.csv",
            "Id;Note\n1;\"a\nb\"\n2;c;d\n3;\"open\n",
            "Id;Note;rejected_line;rejected_reason\n1;\"a\nb\";2;why, so\n2;c;4;why, so;d\n\"3;\"\"open\";;5;why, so\n",
        );
        check(
            "a.ndjson",
            "{\"id\": 1}\n{\"id\"\n",
            "{\"id\":1,\"rejected\":{\"line\":1,\"reason\":\"why, so\"}}\n\
             {\"rejected\":{\"line\":2,\"reason\":\"why, so\",\"text\":\"{\\\"id\\\"\"}}\n",
        );
    }

    #[test]
    fn what_was_wrong_once_is_not_carried_along() {
        check(
            "a.rejected.csv",
            "Id,rejected_line,rejected_reason\n1,7,once\n",
            "Id,rejected_line,rejected_reason\n1,2,\"why, so\"\n",
        );
        check("b.csv", "\u{feff}Id\n1\n", "\u{feff}Id,rejected_line,rejected_reason\n1,2,\"why, so\"\n");
        check(
            "a.jsonl",
            "{\"id\": 1, \"rejected\": {\"line\": 7}}\n",
            "{\"id\":1,\"rejected\":{\"line\":1,\"reason\":\"why, so\"}}\n",
        );
    }

    #[test]
    fn what_belongs_to_rows_that_come_again_is_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let input = folder.path().join("a.csv");
        std::fs::write(&input, "Id\n1\n2\n").unwrap();
        let mut table = Table::open(&input).unwrap();
        let mut put = |aside: &mut Aside| {
            let record = table.next().unwrap().unwrap();
            aside.put(record.line, &record.raw, "why").unwrap();
            aside.sync().unwrap()
        };
        let other = Table::open(&input).unwrap();
        let mut aside = Aside::begin(&input, &other).unwrap();
        let noted = put(&mut aside);
        put(&mut aside);
        drop(aside);
        let mut aside = Aside::go_on(&input, &other, noted).unwrap();
        aside.sync().unwrap();
        let left = std::fs::read_to_string(aside.file()).unwrap();
        assert_eq!(left, "Id,rejected_line,rejected_reason\n1,2,why\n");
        Aside::go_on(&input, &other, 0).unwrap();
        assert!(!aside.file().exists());
    }
}
