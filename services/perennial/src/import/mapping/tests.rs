use super::*;
use crate::document::Document;
use crate::import::table::Table;

fn open(text: &str) -> Table {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.csv");
    std::fs::write(&path, text).unwrap();
    Table::open(&path).unwrap()
}

fn yaml(guess: &Guess) -> String {
    let text = guess.mapping.yaml("a.csv", &guess.left_out).unwrap();
    text.lines()
        .filter(|line| !line.starts_with("# ") || line.starts_with("# left"))
        .skip_while(|line| line.starts_with('#'))
        .collect::<Vec<_>>()
        .join("\n")
}

fn check(kind: Kind, text: &str, expected: &str) {
    assert_eq!(yaml(&Guess::of(kind, &open(text))), expected, "{text}");
}

fn refused(kind: Kind, mapping: &str) -> String {
    let columns = ["Account ID".to_owned(), "Company".to_owned(), "When".to_owned()];
    let document = Document::parse("m.yaml", mapping.to_owned()).unwrap();
    read(&document, kind, Some(&columns)).err().map(|problem| problem.to_string()).unwrap_or_default()
}

#[test]
fn an_account_is_guessed_from_the_usual_names_and_what_stands_below_them() {
    check(
        Kind::Accounts,
        "Account ID,Company,ARR,Renewal Date,CSM,Employees,Auto-Renew,Goals,Country,Health Notes,Fax\n\
         A1,Acme,\"$12,000.00\",31/12/2026,Ada,250,yes,grow; save,DE,fine,\n\
         A2,Bolt,\"$9,000\",01/02/2027,Bob,90,no,grow,US,so so,\n",
        "kind: accounts\n\
         id: Account ID\n\
         traits:\n  \
           address.country: Country\n  \
           arr_minor:\n    as: money\n    column: ARR\n  \
           auto_renew:\n    as: truth\n    column: Auto-Renew\n  \
           employees:\n    as: number\n    column: Employees\n  \
           goals:\n    as: list\n    column: Goals\n  \
           health_notes: Health Notes\n  \
           name: Company\n  \
           owner: CSM\n  \
           renewal_date:\n    as: date\n    column: Renewal Date\n    order: dmy\n\
         # left out: Fax",
    );
}

#[test]
fn a_contact_without_an_id_has_its_address_for_one() {
    check(
        Kind::Contacts,
        "First Name,E-Mail,Account ID,Job Title,Is Champion\nAda,ada@a.example,A1,VP,true\n",
        "kind: contacts\n\
         id: E-Mail\n\
         account: Account ID\n\
         traits:\n  \
           champion:\n    as: truth\n    column: Is Champion\n  \
           email: E-Mail\n  \
           firstName: First Name\n  \
           title: Job Title",
    );
}

#[test]
fn of_a_contract_only_its_terms_are_taken() {
    check(
        Kind::Contracts,
        "Contract No;Account ID;Start;End Date;Notice Period;ARR;Status;Notes\n\
         C-1;A1;01.04.2026;31.03.2027;30;1.200,50 EUR;active;nice\n",
        "kind: contracts\n\
         id: Contract No\n\
         account: Account ID\n\
         terms:\n  \
           arr_minor:\n    as: money\n    column: ARR\n    decimal: comma\n  \
           end_date:\n    as: date\n    column: End Date\n    order: dmy\n  \
           notice_days:\n    as: number\n    column: Notice Period\n  \
           start_date:\n    as: date\n    column: Start\n    order: dmy\n  \
           status: Status\n\
         # left out: Notes",
    );
}

#[test]
fn history_has_its_event_time_and_whose_it_is() {
    check(
        Kind::History,
        "Date;User ID;Account ID;Event;Amount;Order No\n31.01.2026 10:00;u1;A1;Ordered;1.234,50;0012\n",
        "kind: history\n\
         event: Event\n\
         time:\n  as: time\n  column: Date\n  order: dmy\n\
         contact: User ID\n\
         account: Account ID\n\
         properties:\n  \
           amount:\n    as: number\n    column: Amount\n    decimal: comma\n  \
           order_no: Order No",
    );
    check(
        Kind::History,
        r#"{"event": "Ordered", "userId": "u1", "timestamp": "2026-01-31T10:00:00Z", "messageId": "m1", "context": {"groupId": "A1"}, "properties": {"total": 5}}"#,
        "kind: history\n\
         event: event\n\
         time:\n  as: time\n  column: timestamp\n\
         contact: userId\n\
         account: context.groupId\n\
         message_id: messageId\n\
         properties: properties",
    );
}

#[test]
fn columns_that_nobody_knows_are_what_all_their_values_are() {
    let guess = |cells: &str| {
        let guess = Guess::of(
            Kind::Accounts,
            &open(&format!("Account ID;Some Thing\n1;{}\n", cells.replace('|', "\n2;"))),
        );
        let Values::Each(values) = guess.mapping.values else { panic!("{cells}") };
        values
            .first_key_value()
            .map(|(name, source)| format!("{name} {}", source.kind.name()))
            .unwrap_or_default()
    };
    for (cells, expected) in [
        ("1|2.5", "some_thing number"),
        ("1,5|2,25", "some_thing number"),
        ("0012|0013", "some_thing text"),
        ("yes|No", "some_thing truth"),
        ("0|1", "some_thing number"),
        ("€5|€1.50", "some_thing_minor money"),
        ("2026-01-31|2026-02-01", "some_thing date"),
        ("2026-01-31 10:00|2026-02-01 11:00", "some_thing time"),
        ("1|many", "some_thing text"),
        ("1-10|11-50", "some_thing text"),
        ("", ""),
    ] {
        assert_eq!(guess(cells), expected, "{cells}");
    }
}

#[test]
fn what_cannot_be_told_is_said() {
    let notes = |text: &str| Guess::of(Kind::Accounts, &open(text)).notes.join("\n");
    assert!(
        notes("Account ID,Renewal Date\n1,01/02/2026\n")
            .contains("Renewal Date: nothing tells the day from the month")
    );
    assert_eq!(notes("Account ID,Renewal Date\n1,01/02/2026\n2,13/02/2026\n"), "");
    assert!(
        notes("Account ID,CSM Email\n1,ada@us.example\n")
            .contains("CSM Email: of an account no e-mail addresses")
    );
    let missing = Guess::of(Kind::Accounts, &open("Company\nAcme\n")).mapping.missing();
    assert_eq!(missing.unwrap(), "id is missing: which column is it?");
}

#[test]
fn the_columns_of_rows_that_were_set_aside_are_left_alone() {
    check(
        Kind::Accounts,
        "Account ID,rejected_line,rejected_reason\n1,5,wrong\n",
        "kind: accounts\nid: Account ID\ntraits: {}",
    );
}

#[test]
fn what_is_written_is_read_back_as_the_same() {
    let table = open(
        "Account ID;Company;ARR;Renewal Date;Goals;Since: when?;Last seen\n1;Acme;1.200,50 €;31.12.2026;a|b;01.02.2020;31.12.2025 10:00\n",
    );
    let guess = Guess::of(Kind::Accounts, &table);
    let text = guess.mapping.yaml("a.csv", &guess.left_out).unwrap();
    let document = Document::parse("m.yaml", text.clone()).unwrap();
    let read = read(&document, Kind::Accounts, Some(table.header())).map_err(|problem| problem.to_string());
    assert_eq!(read, Ok(guess.mapping), "{text}");
}

#[test]
fn a_mistake_in_a_mapping_is_shown_where_it_stands() {
    let check = |kind, mapping: &str, said: &str| {
        let shown = refused(kind, mapping);
        assert!(shown.contains(said), "{mapping}\n{shown}");
    };
    let accounts = Kind::Accounts;
    assert_eq!(
        refused(
            accounts,
            "id: Account ID\ntraits: {name: Company, seen: {column: When, as: date, order: dmy}}"
        ),
        ""
    );
    check(
        accounts,
        "id: Account ID\ntrait: {}",
        "m.yaml:2:1: trait: unknown key `trait`; did you mean `traits`?",
    );
    check(
        accounts,
        "id: Acount ID",
        "m.yaml:1:5: id: the file has no column `Acount ID`; did you mean `Account ID`?",
    );
    check(
        accounts,
        "id: Account ID\ntraits:\n  name: {colum: Company}",
        "m.yaml:3:10: traits.name.colum: unknown key `colum`; did you mean `column`?",
    );
    check(
        accounts,
        "id: Account ID\ntraits:\n  name: {column: Company, as: txt}",
        "unknown word `txt`; did you mean `text`?",
    );
    check(accounts, "id: Account ID\ntraits:\n  name: {column: Company, order: dmy}", "a text has no order");
    check(
        accounts,
        "id: Account ID\ntraits:\n  seen: {column: When, as: time, zone: Mars}",
        "there is no time zone \"Mars\"",
    );
    check(
        accounts,
        "id: Account ID\ntraits:\n  seen: {column: When, as: date, order: dym}",
        "unknown word `dym`; there are ymd, dmy, mdy",
    );
    check(accounts, "id: {column: Account ID, as: number}", "id.as: it is a text");
    check(accounts, "traits: {name: Company}", "id is missing: which column is it?");
    check(accounts, "kind: contacts\nid: Account ID", "this is no mapping of accounts");
    check(
        Kind::Contracts,
        "id: Account ID\naccount: Account ID\nterms: {end_dat: Company}",
        "a contract has no `end_dat`; did you mean `end_date`?",
    );
    check(Kind::History, "event: {always: Ordered}\ntime: When", "whose history is it?");
    assert_eq!(refused(Kind::History, "event: {always: Ordered}\ntime: When\naccount: Account ID"), "");
}
