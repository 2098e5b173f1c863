use serde_json::json;

use super::*;
use crate::document::Document;
use crate::import::mapping;
use crate::import::table::Record;

fn record(mapping: &str, kind: Kind, text: &str) -> (Plan, Record) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.csv");
    std::fs::write(&path, text).unwrap();
    let mut table = Table::open(&path).unwrap();
    let document = Document::parse("m.yaml", mapping.to_owned()).unwrap();
    let mapping = mapping::read(&document, kind, None).map_err(|problem| problem.to_string()).unwrap();
    let record = table.next().unwrap().unwrap();
    (Plan::new(&mapping, &table), record)
}

/// The call of the only row, or what is wrong with it.
fn call(mapping: &str, kind: Kind, text: &str) -> Result<Value, String> {
    let (plan, record) = record(mapping, kind, text);
    let now = "2026-06-01T00:00:00Z".parse().unwrap();
    let made = plan.call(&record.row?, "import-1", now)?;
    Ok(serde_json::from_str(made.call.text()).unwrap())
}

#[test]
fn an_account_becomes_a_group_call_with_what_its_cells_say() {
    let mapping = "id: Id\ntraits: {name: Name, arr_minor: {column: ARR, as: money}, currency: Cur, source: {always: crm}}";
    assert_eq!(
        call(mapping, Kind::Accounts, "Id,Name,ARR,Cur\nA1, Acme ,1200,JPY\n"),
        Ok(json!({"type": "group", "groupId": "A1", "messageId": "import-1",
            "traits": {"name": "Acme", "arr_minor": 1200, "currency": "JPY", "source": "crm"}}))
    );
    let without = call(mapping, Kind::Accounts, "Id,Name,ARR,Cur\nA1,,,\n").unwrap();
    assert_eq!(without["traits"], json!({"source": "crm"}));
}

#[test]
fn a_contact_becomes_an_identify_call_in_its_account() {
    let mapping = "id: Mail\naccount: Account\ntime: Seen\ntraits: {email: Mail, champion: {column: Champion, as: truth}}";
    assert_eq!(
        call(mapping, Kind::Contacts, "Mail,Account,Champion,Seen\na@x.example,A1,yes,2026-01-31\n"),
        Ok(
            json!({"type": "identify", "userId": "a@x.example", "context": {"groupId": "A1"}, "messageId": "import-1",
            "timestamp": "2026-01-31T00:00:00Z", "traits": {"email": "a@x.example", "champion": true}})
        )
    );
    let alone = call(mapping, Kind::Contacts, "Mail,Account,Champion,Seen\na@x.example,,,\n").unwrap();
    assert_eq!((alone.get("context"), alone.get("timestamp")), (None, None));
}

#[test]
fn a_contract_becomes_a_track_call_that_nobody_made() {
    let mapping = "id: No\naccount: Account\nterms: {end_date: {column: Ends, as: date, order: dmy}, arr_minor: {column: ARR, as: money}}";
    assert_eq!(
        call(mapping, Kind::Contracts, "No,Account,Ends,ARR\nC-1,A1,31/03/2027,\"$1,200.50\"\n"),
        Ok(
            json!({"type": "track", "event": "Contract Updated", "context": {"groupId": "A1"}, "messageId": "import-1",
            "properties": {"contract_id": "C-1", "end_date": "2027-03-31", "arr_minor": 120_050}})
        )
    );
    let without = call(mapping, Kind::Contracts, "No,Account,Ends,ARR\nC-1,,,\n");
    assert_eq!(without, Err("Account: it is empty, and a row of contracts needs its account".to_owned()));
}

#[test]
fn history_becomes_track_calls_of_a_contact_or_of_the_account_alone() {
    let mapping = "event: {always: Ordered}\ntime: At\ncontact: User\naccount: Account\nmessage_id: Id\nproperties: {n: {column: N, as: number}}";
    assert_eq!(
        call(mapping, Kind::History, "At,User,Account,Id,N\n2026-01-31T10:00:00Z,u1,A1,m1,2.50\n"),
        Ok(
            json!({"type": "track", "event": "Ordered", "userId": "u1", "context": {"groupId": "A1"}, "messageId": "m1",
            "timestamp": "2026-01-31T10:00:00Z", "properties": {"n": serde_json::from_str::<Value>("2.50").unwrap()}})
        )
    );
    let of_account = call(mapping, Kind::History, "At,User,Account,Id,N\n2026-01-31,,A1,,\n").unwrap();
    assert_eq!(of_account["anonymousId"], "import A1");
    assert_eq!(of_account["context"], json!({"groupId": "A1", "active": false}));
    assert_eq!(of_account["messageId"], "import-1");
}

#[test]
fn an_object_of_properties_goes_as_it_is() {
    let mapping = "event: event\ntime: at\ncontact: user\nproperties: properties";
    let sent = |properties: &str| {
        call(
            mapping,
            Kind::History,
            &format!(r#"{{"event": "E", "at": 1769855400, "user": 7, "properties": {properties}}}"#),
        )
    };
    let whole = sent(r#"{"a": {"b": [1]}, "c": 1.0}"#).unwrap();
    assert_eq!(whole["properties"].to_string(), r#"{"a":{"b":[1]},"c":1.0}"#);
    assert_eq!((&whole["userId"], &whole["timestamp"]), (&json!("7"), &json!("2026-01-31T10:30:00Z")));
    assert_eq!(sent("null").unwrap()["properties"], json!({}));
    assert_eq!(sent("[1]"), Err("properties: it is no object".to_owned()));
    let nested = |depth: usize| format!("{}1{}", r#"{"a":"#.repeat(depth), "}".repeat(depth));
    assert!(sent(&nested(59)).is_ok());
    assert_eq!(sent(&nested(60)), Err("it is nested deeper than 60".to_owned()));
}

#[test]
fn a_row_that_ingest_would_refuse_is_refused_by_its_column() {
    let mapping = "event: What\ntime: At\ncontact: User\nproperties: {n: {column: N, as: number}}";
    let check = |cells: &str, why: &str| {
        let refused = call(mapping, Kind::History, &format!("What,At,User,N\n{cells}\n")).unwrap_err();
        assert!(refused.starts_with(why), "{refused}");
    };
    check("E,2026-01-31,u1,many", "N: \"many\" is no number");
    check(",2026-01-31,u1,1", "What: it is empty, and a row of history needs its event");
    check("E,,u1,1", "At: it is empty");
    check("E,2026-01-31,,1", "neither a contact nor an account");
    check("E,2026-06-02,u1,1", "At: 2026-06-02T00:00:00Z lies in the future");
    check("E,1969-12-31,u1,1", "At: 1969-12-31T00:00:00Z lies before 1970");
    check(&format!("{},2026-01-31,u1,1", "e".repeat(256)), "What: it has at most 255 bytes");
    check(&format!("E,2026-01-31,{},1", "u".repeat(1025)), "User: a contact's id has at most 1024 bytes");
    let long = format!("Id,Note\nA1,{}\n", "x".repeat(33_000));
    let refused = call("id: Id\ntraits: {note: Note}", Kind::Accounts, &long).unwrap_err();
    assert!(refused.starts_with("it becomes a call of 33"), "{refused}");
}
