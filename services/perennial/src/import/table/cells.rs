//! Comma-separated values, by the record.
//!
//! Invariant: a quote that is never closed costs its own line and no other.

use std::io;

use csv::{ByteRecord, ReaderBuilder};

use super::lines::{Line, Lines, MOST};

/// A record's cells, or why there are none.
pub(super) struct Record {
    pub(super) line: Line,
    pub(super) cells: Result<ByteRecord, &'static str>,
}

/// What separates the cells of a header: of comma, semicolon and tabulator the one that it has most of.
pub(super) fn delimiter(header: &[u8]) -> u8 {
    let count = |delimiter: u8| {
        let mut quoted = false;
        let mut count = 0;
        for byte in header {
            quoted ^= *byte == b'"';
            count += usize::from(!quoted && *byte == delimiter);
        }
        count
    };
    // Of several equal ones the last is taken: the comma.
    [b'\t', b';', b','].into_iter().max_by_key(|delimiter| count(*delimiter)).unwrap_or(b',')
}

/// The next record, which goes on over its line's end where a quote is open.
pub(super) fn next(lines: &mut Lines, delimiter: u8) -> io::Result<Option<Record>> {
    let Some(first) = lines.next()? else { return Ok(None) };
    let mut open = opens(&first.bytes, delimiter, false);
    let mut whole = first.clone();
    let mut taken = Vec::new();
    while open && !whole.cut {
        let line = lines.next()?.filter(|line| (whole.bytes.len() + line.bytes.len()) as u64 <= MOST);
        let Some(line) = line else { break };
        open = opens(&line.bytes, delimiter, true);
        whole.bytes.push(b'\n');
        whole.bytes.extend(&line.bytes);
        (whole.next, whole.cut) = (line.next, line.cut);
        taken.push(line);
    }
    if open && !whole.cut {
        lines.put_back(taken);
        return Ok(Some(Record { line: first, cells: Err("a quote in it is never closed") }));
    }
    let cells = if whole.cut {
        Err("it is longer than 256 KB, and cut here")
    } else {
        Ok(split(&whole.bytes, delimiter))
    };
    Ok(Some(Record { line: whole, cells }))
}

/// The cells of one record.
pub(super) fn split(record: &[u8], delimiter: u8) -> ByteRecord {
    let mut cells = ByteRecord::new();
    let mut reader = ReaderBuilder::new().has_headers(false).delimiter(delimiter).from_reader(record);
    // Reading from memory cannot fail.
    let _ = reader.read_byte_record(&mut cells);
    cells
}

/// Whether a quote is open at the line's end. One that does not stand at a cell's beginning is a letter like others.
fn opens(line: &[u8], delimiter: u8, mut quoted: bool) -> bool {
    let mut begins = !quoted;
    let mut closed = false;
    for byte in line {
        match (*byte, quoted) {
            (b'"', true) => (quoted, closed) = (false, true),
            // Two are one, which closes nothing.
            (b'"', false) if begins || closed => (quoted, closed) = (true, false),
            _ => closed = false,
        }
        begins = !quoted && *byte == delimiter;
    }
    quoted
}

#[cfg(test)]
mod tests {
    use super::{delimiter, opens};

    #[test]
    fn the_delimiter_is_what_the_header_has_most_of() {
        for (header, expected) in
            [("a,b,c", b','), ("a;b;c", b';'), ("a\tb,c\td", b'\t'), ("\"a;b;c;d\",b", b','), ("a", b',')]
        {
            assert_eq!(delimiter(header.as_bytes()), expected, "{header}");
        }
    }

    #[test]
    fn a_quote_opens_at_a_cells_beginning_only() {
        let check = |line: &str, quoted, expected| {
            assert_eq!(opens(line.as_bytes(), b',', quoted), expected, "{line}");
        };
        check(r#"a,"b"#, false, true);
        check(r#"a,"b""#, false, false);
        check(r#"a,"b """#, false, true);
        check(r#"a,"b "" c""#, false, false);
        check(r#"a,5" pipe,c"#, false, false);
        check(r#"b",c"#, true, false);
        check("b,c", true, true);
        check(r#"""","#, false, true);
        check(r#"","#, true, false);
    }
}
