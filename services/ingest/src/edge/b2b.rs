//! Segment's B2B events that say something of the account itself, beside being usage.
//!
//! Each sets traits at its event time, so the order of arrival does not matter: a later word of the workspace, by a group
//! call or by another such event, holds. Source: Segment's spec for B2B SaaS.

use domain::value::{Decimal, Value};

use super::{names, values::put};

/// Traits of a trial, with the names that Segment gives its properties.
const OF_A_TRIAL: [&str; 3] = ["trial_end_date", "trial_plan_name", "trial_start_date"];

/// Segment's spec has it as a text.
const EMPLOYEES: &str = "employees";

/// What a usage event, of whose properties these are kept, says of its account: sorted by name.
pub(crate) fn traits_of_account(event: &str, properties: &[(String, Value)]) -> Vec<(String, Value)> {
    match event {
        "Account Created" => created(properties),
        "Account Deleted" => vec![("lifecycle_stage".to_owned(), Value::Text("churned".to_owned()))],
        "Trial Started" => trial(true, properties),
        "Trial Ended" => trial(false, properties),
        _ => Vec::new(),
    }
}

/// As a group call's.
fn created(properties: &[(String, Value)]) -> Vec<(String, Value)> {
    let mut traits = of_account(properties.to_vec());
    if let Ok(at) = traits.binary_search_by(|(name, _)| name.as_str().cmp("account_name")) {
        let (_, name) = traits.remove(at);
        put(&mut traits, "name", name);
    }
    traits
}

fn trial(on: bool, properties: &[(String, Value)]) -> Vec<(String, Value)> {
    let told = properties.iter().filter(|(name, _)| OF_A_TRIAL.contains(&name.as_str()));
    let mut traits = of_account(told.cloned().collect());
    put(&mut traits, "trial", Value::Bool(on));
    traits
}

/// Traits of an account as we spell them, without what may name somebody who works there: sorted by name.
pub(crate) fn of_account(said: Vec<(String, Value)>) -> Vec<(String, Value)> {
    let mut traits = Vec::with_capacity(said.len());
    for (name, value) in said {
        let spelled = names::spelled(&name);
        let value = if spelled == EMPLOYEES { counted(value) } else { value };
        if !names::personal_of_account(&name) && !names::personal_value(&value) {
            put(&mut traits, &spelled, value);
        }
    }
    traits
}

/// A text that is written as a number is that number.
fn counted(value: Value) -> Value {
    let number = value.as_text().and_then(|text| Decimal::parse(text.trim()).ok());
    number.map_or(value, Value::Decimal)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(event: &str, properties: &[(&str, &str)], expected: &str) {
        let properties: Vec<(String, Value)> = properties
            .iter()
            .map(|(name, text)| ((*name).to_owned(), Value::Text((*text).to_owned())))
            .collect();
        let said: Vec<String> = traits_of_account(event, &properties)
            .into_iter()
            .map(|(name, value)| format!("{name}={}", value.to_json().to_string().replace('"', "")))
            .collect();
        assert_eq!(said.join(" "), expected, "{event}");
    }

    #[test]
    fn an_account_that_was_created_has_the_traits_of_a_group_call() {
        let said = [("account_name", "Acme"), ("Plan", "pro"), ("phone", "1"), ("referrer", "ada@x.example")];
        check("Account Created", &said, "name=Acme plan=pro");
    }

    #[test]
    fn employees_are_a_number_though_segments_clients_send_a_text() {
        let of = |text: &str| of_account(vec![("Employees".to_owned(), Value::Text(text.to_owned()))]);
        for (text, number) in [("583", 583), (" 2300000 ", 2_300_000)] {
            let number = Decimal::from_int(number).map(Value::Decimal);
            assert_eq!(
                of(text).pop().map(|(name, value)| (name, Some(value))),
                Some(("employees".into(), number))
            );
        }
        assert_eq!(of("50-100"), [("employees".to_owned(), Value::Text("50-100".to_owned()))]);
    }

    #[test]
    fn an_account_that_was_deleted_has_churned() {
        check("Account Deleted", &[("account_name", "Acme")], "lifecycle_stage=churned");
    }

    #[test]
    fn a_trial_that_began_or_ended_is_told_with_its_dates() {
        let said = [("plan", "x"), ("trial_end_date", "2024-02-01"), ("trial_start_date", "2024-01-01")];
        check("Trial Started", &said, "trial=true trial_end_date=2024-02-01 trial_start_date=2024-01-01");
        check("Trial Ended", &said[1..2], "trial=false trial_end_date=2024-02-01");
        check("Trial Ended", &[], "trial=false");
    }

    #[test]
    fn any_other_event_is_usage_and_no_more() {
        for event in
            ["Signed Up", "Signed In", "Signed Out", "Invite Sent", "Account Added User", "account created"]
        {
            check(event, &[("plan", "pro")], "");
        }
    }
}
