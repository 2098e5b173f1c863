use super::*;

fn open(text: &[u8]) -> Result<Table> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("a.csv");
    std::fs::write(&path, text)?;
    Table::open(&path)
}

/// Each row by its line: its cells, or what is wrong.
fn rows(text: &[u8]) -> Vec<String> {
    let mut table = open(text).unwrap();
    let mut rows = Vec::new();
    while let Some(record) = table.next().unwrap() {
        let told = match record.row {
            Ok(Row::Cells(cells)) => cells.join("|"),
            Ok(Row::Object(object)) => serde_json::Value::from(object).to_string(),
            Err(why) => format!("wrong: {why}"),
        };
        rows.push(format!("{}: {told}", record.line));
    }
    rows
}

fn check(text: &str, header: &[&str], expected: &[&str]) {
    let table = open(text.as_bytes()).unwrap();
    assert_eq!(table.header(), header, "{text}");
    assert_eq!(rows(text.as_bytes()), expected, "{text}");
}

#[test]
fn rows_are_cells_by_commas_semicolons_or_tabulators() {
    check("Id,Name\n1,Acme\n2,\"Smith, Jones\"\n", &["Id", "Name"], &["2: 1|Acme", "3: 2|Smith, Jones"]);
    check("Id;Name\r\n1;Acme, Inc\r\n", &["Id", "Name"], &["2: 1|Acme, Inc"]);
    check("Id\tName\n1\tAcme", &["Id", "Name"], &["2: 1|Acme"]);
}

#[test]
fn a_mark_of_utf_8_blank_lines_and_empty_cells_at_the_end_are_no_rows_and_no_mistakes() {
    check(
        "\u{feff}Id,Name,City\n\n1,Acme\n,,\n2,Ümläut,Köln,\n",
        &["Id", "Name", "City"],
        &["3: 1|Acme|", "5: 2|Ümläut|Köln"],
    );
}

#[test]
fn a_quoted_cell_may_go_over_lines_and_the_next_row_is_where_it_stands() {
    check("Id,Note\n1,\"a\nb \"\"c\"\"\"\n2,d\n", &["Id", "Note"], &["2: 1|a\nb \"c\"", "4: 2|d"]);
    check("Id,Size\n1,5\" pipe\n2,6\" pipe\n", &["Id", "Size"], &["2: 1|5\" pipe", "3: 2|6\" pipe"]);
}

#[test]
fn what_is_wrong_with_a_row_costs_no_other() {
    let wrong = "wrong: a quote in it is never closed";
    check("Id,Note\n1,\"a\n2,b\n3,c\n", &["Id", "Note"], &[&format!("2: {wrong}"), "3: 2|b", "4: 3|c"]);
    let more = "2: wrong: it has 1 cells more than the header: quote a cell that holds the delimiter";
    check("Id,Name\n1,Acme, Inc\n2,b\n", &["Id", "Name"], &[more, "3: 2|b"]);
    let long = format!("Id,Name\n1,{}\n2,b\n", "x".repeat(300_000));
    assert_eq!(rows(long.as_bytes()), ["2: wrong: it is longer than 256 KB, and cut here", "3: 2|b"]);
    let latin = rows(b"Id,Name\n1,M\xfcller\n2,b\n");
    assert!(latin[0].starts_with("2: wrong: Name: byte 0xFC is not UTF-8"), "{latin:?}");
    assert_eq!(latin[1], "3: 2|b");
}

#[test]
fn json_objects_stand_a_line_each_and_their_columns_are_paths() {
    let text =
        "{\"id\": 1, \"address\": {\"city\": \"Köln\"}}\n\n{\"id\": \n[1]\n{\"id\": 2.50, \"new\": null}\n";
    check(
        text,
        &["address.city", "id", "new"],
        &[
            r#"1: {"address":{"city":"Köln"},"id":1}"#,
            "3: wrong: it is no JSON: EOF while parsing a value at column 7",
            "4: wrong: it is no JSON object",
            r#"5: {"id":2.50,"new":null}"#,
        ],
    );
    let table = open(text.as_bytes()).unwrap();
    let city = table.column("address.city").unwrap();
    assert_eq!(table.sample()[0].get(&city), Some("Köln".into()));
}

#[test]
fn reading_goes_on_where_it_was() {
    let text = "Id,Name\n1,\"a\nb\"\n2,c\n3,d\n";
    let mut table = open(text.as_bytes()).unwrap();
    let first = table.next().unwrap().unwrap();
    table.next().unwrap();
    table.go_to(first.next).unwrap();
    assert_eq!(table.next().unwrap().unwrap().line, 4);
}

#[test]
fn a_file_that_has_no_rows_says_why() {
    let refused = |text: &[u8]| format!("{:#}", open(text).err().unwrap());
    assert!(refused(b"").contains("is empty"));
    assert!(refused(b"\n\n").contains("is empty"));
    assert!(refused(b"\xff\xfeI\0d\0").contains("UTF-16"));
    assert!(refused(b"[{\"id\": 1}]").contains("jq -c"));
    assert!(refused(b"Id,Name,Id\n").contains("a.csv:1: the header: there are two columns \"Id\""));
}
