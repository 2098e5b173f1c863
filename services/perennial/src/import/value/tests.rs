use serde_json::{Value, json};

use super::*;

fn check(kind: &Type, cell: &str, expected: &str) {
    let read = kind.read(&cell.into(), None).map(|value| value.to_string());
    assert_eq!(read.as_deref(), Ok(expected), "{kind:?} {cell}");
}

fn refused(kind: &Type, cell: &str, why: &str) {
    let read = kind.read(&cell.into(), None);
    assert!(read.as_ref().is_err_and(|said| said.contains(why)), "{kind:?} {cell}: {read:?}");
}

#[test]
fn numbers_are_read_as_people_write_them() {
    let point = Type::Number(Decimal::Point);
    for (cell, expected) in [
        ("12", "12"),
        ("-12.50", "-12.50"),
        ("1,234,567.8", "1234567.8"),
        ("007", "7"),
        ("85 %", "85"),
        ("+3", "3"),
        (".5", "0.5"),
        ("(12)", "-12"),
        ("1 234", "1234"),
    ] {
        check(&point, cell, expected);
    }
    check(&Type::Number(Decimal::Comma), "1.234,5", "1234.5");
    for cell in ["", "12x", "1,23", "12,34,567", "1.2.3", "1e5", "-", "NaN", ",123"] {
        refused(&point, cell, "is no number");
    }
    refused(&point, "1.234,50", "then say `decimal: comma`");
    refused(&point, "9223372036854", "too large");
}

#[test]
fn money_becomes_minor_units_exactly() {
    let money = Type::Money(Decimal::Point, None);
    for (cell, expected) in [
        ("$1,200", "120000"),
        ("1200.5", "120050"),
        ("€ 0.07", "7"),
        ("USD 99.90", "9990"),
        ("0", "0"),
        ("-5", "-500"),
        ("12.3400", "1234"),
        ("1'000.00 CHF", "100000"),
        ("($5.00)", "-500"),
    ] {
        check(&money, cell, expected);
    }
    check(&Type::Money(Decimal::Comma, None), "1.200,50 €", "120050");
    check(&Type::Money(Decimal::Point, Some(0)), "1,200", "1200");
    refused(&money, "1.234", "more than 2 digits");
    refused(&money, "a lot", "is no number");
    refused(&money, "12k", "is no number");
}

#[test]
fn money_has_as_many_digits_as_its_currency() {
    let read = |currency| Type::Money(Decimal::Point, None).read(&"1200".into(), Some(currency));
    assert_eq!(
        (read("JPY"), read("usd"), read("KWD")),
        (Ok(json!(1200)), Ok(json!(120_000)), Ok(json!(1_200_000)))
    );
}

#[test]
fn days_are_read_in_their_order() {
    for (order, cell) in [
        (Order::Ymd, "2026-01-31"),
        (Order::Ymd, "2026/1/31"),
        (Order::Dmy, "31.01.2026"),
        (Order::Dmy, "31/1/26"),
        (Order::Mdy, "1/31/2026"),
        (Order::Mdy, "2026-01-31"),
        (Order::Ymd, "31 Jan 2026"),
        (Order::Ymd, "January 31st, 2026"),
        (Order::Ymd, "2026-01-31T10:30:00Z"),
        (Order::Ymd, "2026-01-31T23:30:00+02:00"),
        (Order::Dmy, "31.1.2026 10:30"),
    ] {
        check(&Type::Date(order), cell, r#""2026-01-31""#);
    }
    for cell in ["31.01.2026", "soon", "2026-02-30", "2026", "2026-01-31 at noon: then"] {
        refused(&Type::Date(Order::Ymd), cell, "is no day, read as ymd");
    }
}

#[test]
fn times_are_instants_by_their_offset_or_their_zone() {
    let berlin = TimeZone::get("Europe/Berlin").unwrap();
    for (order, zone, cell, expected) in [
        (Order::Ymd, &TimeZone::UTC, "2026-01-31T10:30:00Z", "2026-01-31T10:30:00Z"),
        (Order::Ymd, &berlin, "2026-01-31T10:30:00Z", "2026-01-31T10:30:00Z"),
        (Order::Ymd, &berlin, "2026-01-31 10:30", "2026-01-31T09:30:00Z"),
        (Order::Mdy, &TimeZone::UTC, "1/31/2026, 4:05 PM", "2026-01-31T16:05:00Z"),
        (Order::Mdy, &TimeZone::UTC, "1/31/2026 12:05 AM", "2026-01-31T00:05:00Z"),
        (Order::Dmy, &TimeZone::UTC, "31.01.2026 4:05:06.5", "2026-01-31T04:05:06.5Z"),
        (Order::Ymd, &berlin, "2026-07-01", "2026-06-30T22:00:00Z"),
        (Order::Ymd, &berlin, "2026-01-31 10:30:00 UTC", "2026-01-31T10:30:00Z"),
        (Order::Ymd, &berlin, "1769855400", "2026-01-31T10:30:00Z"),
        (Order::Ymd, &berlin, "1769855400123", "2026-01-31T10:30:00.123Z"),
    ] {
        check(&Type::Time(order, zone.clone()), cell, &format!("{expected:?}"));
    }
    for cell in ["yesterday", "2026-01-31 25:00", "2026-01-31 13:00 PM", "10:30"] {
        refused(&Type::Time(Order::Ymd, TimeZone::UTC), cell, "is no time");
    }
}

#[test]
fn yes_and_no_have_many_words_and_a_list_its_separator() {
    for (cell, expected) in
        [("Yes", "true"), ("x", "true"), ("1", "true"), ("FALSE", "false"), ("n", "false")]
    {
        check(&Type::Truth, cell, expected);
    }
    refused(&Type::Truth, "maybe", "neither yes nor no");
    check(&Type::List(";".to_owned()), "a; b c;;d", r#"["a","b c","d"]"#);
}

#[test]
fn json_keeps_what_it_says() {
    let check = |kind: &Type, value: Value, expected: Result<Value, &str>| {
        let read = kind.read(&value, None);
        assert_eq!(read.as_ref().map_err(String::as_str), expected.as_ref().map_err(|why| *why), "{value}");
    };
    check(&Type::Number(Decimal::Comma), json!(null), Ok(Value::Null));
    check(&Type::Truth, json!(true), Ok(json!(true)));
    check(&Type::Number(Decimal::Comma), json!(1.5), Ok(json!(1.5)));
    check(&Type::Money(Decimal::Comma, None), json!(1.5), Ok(json!(150)));
    check(&Type::Text, json!(12), Ok(json!("12")));
    check(&Type::List(";".to_owned()), json!(["a", 1]), Ok(json!(["a", "1"])));
    check(&Type::Text, json!([1]), Err("a list stands where one value is expected"));
    check(&Type::Number(Decimal::Point), json!({}), Err("an object stands where one value is expected"));
}
