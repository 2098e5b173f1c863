//! A file of rows: comma-separated values, or a JSON object a line. Which of them it is its first letter says.
//!
//! Invariant: what is wrong with one row is said of that row; the next one is read.

mod cells;
mod lines;
mod row;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use lines::Lines;
pub(crate) use lines::{MARK, Mark};
pub(crate) use row::{Column, Raw, Row};

/// Rows that are looked at to tell the columns of JSON objects, and what is in columns.
pub(crate) const SAMPLE: usize = 200;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Csv { delimiter: u8 },
    Ndjson,
}

/// What was read of one row.
pub(crate) struct Record {
    /// Where it begins, from 1.
    pub(crate) line: u64,
    /// Where the next one begins.
    pub(crate) next: Mark,
    pub(crate) raw: Raw,
    pub(crate) row: Result<Row, String>,
}

pub(crate) struct Table {
    lines: Lines,
    form: Form,
    header: Vec<String>,
    /// Where the rows begin.
    rows_at: Mark,
    sample: Vec<Row>,
}

impl Table {
    /// Reads the header, and the first rows.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let mut lines = Lines::open(path).with_context(|| format!("cannot read {}", path.display()))?;
        let (form, header, rows_at) = begin(&mut lines, path)?;
        lines.go_to(rows_at)?;
        let mut table = Self { lines, form, header, rows_at, sample: Vec::new() };
        let mut sample = Vec::new();
        while sample.len() < SAMPLE {
            let Some(record) = table.next()? else { break };
            sample.extend(record.row);
        }
        if form == Form::Ndjson {
            table.header = row::columns(&sample);
        }
        table.sample = sample;
        table.go_to(rows_at)?;
        Ok(table)
    }

    /// The columns; of JSON objects those of the first rows.
    pub(crate) fn header(&self) -> &[String] {
        &self.header
    }

    pub(crate) fn form(&self) -> Form {
        self.form
    }

    /// Whether it begins with the mark of UTF-8.
    pub(crate) fn is_marked(&self) -> bool {
        self.lines.marked
    }

    /// Where the first row begins.
    pub(crate) fn rows_at(&self) -> Mark {
        self.rows_at
    }

    /// The first good rows.
    pub(crate) fn sample(&self) -> &[Row] {
        &self.sample
    }

    /// The column of that name. One that JSON objects do not have at first may come yet.
    pub(crate) fn column(&self, name: &str) -> Option<Column> {
        let at = self.header.iter().position(|column| column == name);
        let at = at.or_else(|| (self.form == Form::Ndjson).then_some(usize::MAX))?;
        Some(Column { name: name.to_owned(), at })
    }

    pub(crate) fn go_to(&mut self, mark: Mark) -> Result<()> {
        Ok(self.lines.go_to(mark)?)
    }

    /// The next row that is not blank.
    pub(crate) fn next(&mut self) -> Result<Option<Record>> {
        loop {
            let record = match self.form {
                Form::Csv { delimiter } => self.next_cells(delimiter)?,
                Form::Ndjson => self.lines.next()?.map(row::of_json),
            };
            match record {
                Some(record) if record.raw.is_blank() => {}
                other => return Ok(other),
            }
        }
    }

    fn next_cells(&mut self, delimiter: u8) -> Result<Option<Record>> {
        let record = cells::next(&mut self.lines, delimiter)?;
        Ok(record.map(|record| row::of_cells(record, &self.header)))
    }
}

/// The form, a CSV's header, and where the rows begin.
fn begin(lines: &mut Lines, path: &Path) -> Result<(Form, Vec<String>, Mark)> {
    let mut before = Mark::default();
    let name = path.display();
    let first = loop {
        let Some(line) = lines.next()? else { bail!("{name} is empty") };
        if !line.bytes.iter().all(u8::is_ascii_whitespace) {
            break line;
        }
        before = line.next;
    };
    let utf16 = first.bytes.starts_with(b"\xff\xfe") || first.bytes.starts_with(b"\xfe\xff");
    ensure!(!utf16, "{name} is written in UTF-16: save it as UTF-8 (in Excel: CSV UTF-8)");
    match first.bytes.trim_ascii_start().first() {
        Some(b'{') => return Ok((Form::Ndjson, Vec::new(), before)),
        Some(b'[') => {
            bail!("{name} is one list: write each of its objects on a line of its own (jq -c '.[]')")
        }
        _ => {}
    }
    ensure!(
        !first.cut,
        "{name}:{}: the first line does not end: rows are lines, ended by a line feed",
        first.number
    );
    let delimiter = cells::delimiter(&first.bytes);
    lines.put_back(vec![first]);
    let Some(record) = cells::next(lines, delimiter)? else { bail!("{name} is empty") };
    let number = record.line.number;
    let cells = record.cells.map_err(|why| anyhow::anyhow!("{name}:{number}: the header: {why}"))?;
    let header = header(&cells).with_context(|| format!("{name}:{number}: the header"))?;
    Ok((Form::Csv { delimiter }, header, record.line.next))
}

fn header(cells: &csv::ByteRecord) -> Result<Vec<String>> {
    let mut header: Vec<String> = Vec::with_capacity(cells.len());
    for (cell, number) in cells.iter().zip(1..) {
        let Ok(name) = std::str::from_utf8(cell) else {
            bail!("column {number} is not written in UTF-8: save the file so (in Excel: CSV UTF-8)")
        };
        let name = name.trim();
        ensure!(
            name.is_empty() || !header.iter().any(|known| known == name),
            "there are two columns {name:?}: rename one"
        );
        header.push(name.to_owned());
    }
    Ok(header)
}

/// Beside the file: `accounts.csv` and `progress` are `accounts.csv.progress`.
pub(crate) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests;
