//! One row, of cells or an object.

use csv::ByteRecord;
use serde_json::{Map, Value};

use super::lines::Line;
use super::{Record, cells};

/// How deep an object's columns are named by their path.
const DEPTH: usize = 8;
/// Columns that JSON objects may have; more are no table's.
const COLUMNS: usize = 1_000;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Row {
    Cells(Vec<String>),
    Object(Map<String, Value>),
}

/// As it came, to be set aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Raw {
    Cells(ByteRecord),
    Text(Vec<u8>),
}

/// A column: of cells by its place, of an object by its name or its path (`address.city`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(super) at: usize,
}

impl Row {
    /// Nothing where the cell is empty, or the object has no such thing.
    pub(crate) fn get(&self, column: &Column) -> Option<Value> {
        match self {
            Self::Cells(cells) => {
                let cell = cells.get(column.at)?.trim();
                (!cell.is_empty()).then(|| Value::String(cell.to_owned()))
            }
            Self::Object(object) => at(object, &column.name).cloned(),
        }
    }
}

impl Raw {
    pub(super) fn is_blank(&self) -> bool {
        match self {
            Self::Cells(cells) => cells.iter().all(|cell| cell.trim_ascii().is_empty()),
            Self::Text(text) => text.trim_ascii().is_empty(),
        }
    }
}

fn at<'a>(object: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    object.get(path).or_else(|| {
        let (head, tail) = path.split_once('.')?;
        at(object.get(head)?.as_object()?, tail)
    })
}

/// The paths of the leaves of objects, in the order in which they are first seen; an object that a whole one may be
/// made of (`properties`, `traits`) stands for itself.
pub(super) fn columns(rows: &[Row]) -> Vec<String> {
    let mut found = Vec::new();
    for row in rows {
        if let Row::Object(object) = row {
            collect(object, "", 0, &mut found);
        }
    }
    found
}

fn collect(object: &Map<String, Value>, path: &str, depth: usize, found: &mut Vec<String>) {
    for (key, value) in object {
        let name = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        match value {
            Value::Object(inner) if depth < DEPTH && !super::super::kind::is_whole(&name) => {
                collect(inner, &name, depth + 1, found);
            }
            _ if found.len() < COLUMNS && !found.contains(&name) => found.push(name),
            _ => {}
        }
    }
}

pub(super) fn of_cells(record: cells::Record, header: &[String]) -> Record {
    let (raw, row) = match record.cells {
        Ok(cells) => {
            let row = texts(&cells, header);
            (Raw::Cells(cells), row)
        }
        Err(why) => (Raw::Text(record.line.bytes), Err(why.to_owned())),
    };
    Record { line: record.line.number, next: record.line.next, raw, row }
}

/// As many as the header has; what is missing at the end is empty, as spreadsheets leave it out.
fn texts(cells: &ByteRecord, header: &[String]) -> Result<Row, String> {
    if let Some(more) = cells.len().checked_sub(header.len()).filter(|more| *more > 0)
        && cells.iter().skip(header.len()).any(|cell| !cell.trim_ascii().is_empty())
    {
        return Err(format!(
            "it has {more} cells more than the header: quote a cell that holds the delimiter"
        ));
    }
    let mut texts = Vec::with_capacity(header.len());
    for (cell, name) in cells.iter().zip(header) {
        let text = std::str::from_utf8(cell).map_err(|error| {
            let byte = cell.get(error.valid_up_to()).copied().unwrap_or_default();
            format!("{name}: byte {byte:#04X} is not UTF-8: save the file as UTF-8 (in Excel: CSV UTF-8)")
        })?;
        texts.push(text.to_owned());
    }
    texts.resize(header.len(), String::new());
    Ok(Row::Cells(texts))
}

pub(super) fn of_json(line: Line) -> Record {
    let row = if line.cut {
        Err("it is longer than 256 KB, and cut here".to_owned())
    } else {
        match serde_json::from_slice(&line.bytes) {
            Ok(Value::Object(object)) => Ok(Row::Object(object)),
            Ok(_) => Err("it is no JSON object".to_owned()),
            // It is one line, and stands in the file elsewhere.
            Err(error) => Err(format!("it is no JSON: {error}").replace(" at line 1 column ", " at column ")),
        }
    };
    Record { line: line.number, next: line.next, raw: Raw::Text(line.bytes), row }
}
