//! What names a person, and therefore stays out of the log.
//!
//! Names of traits and properties are compared without case and punctuation, so `firstName`, `first_name` and
//! `First Name` are one. A nested value is personal when any part of its path is.

use domain::value::{Decimal, Value};

/// Traits and properties that name a person or say how to reach one.
const PERSONAL: [&str; 36] = [
    "address",
    "avatar",
    "birthdate",
    "birthday",
    "dateofbirth",
    "displayname",
    "email",
    "emailaddress",
    "familyname",
    "fax",
    "firstname",
    "fullname",
    "givenname",
    "gravatar",
    "homephone",
    "ip",
    "ipaddress",
    "lastname",
    "login",
    "mail",
    "middlename",
    "mobile",
    "mobilephone",
    "name",
    "nickname",
    "phone",
    "phonenumber",
    "photo",
    "picture",
    "postaladdress",
    "socialsecuritynumber",
    "ssn",
    "surname",
    "telephone",
    "userid",
    "username",
];

/// Traits of an account that may name a person who works there; the company's own name is no person's.
const PERSONAL_OF_ACCOUNT: [&str; 9] =
    ["avatar", "email", "emailaddress", "fax", "mobile", "phone", "phonenumber", "street", "telephone"];

/// Segment's reserved traits of a group, each as we spell it.
const RESERVED: [&str; 12] = [
    "address",
    "avatar",
    "createdAt",
    "description",
    "email",
    "employees",
    "id",
    "industry",
    "name",
    "phone",
    "plan",
    "website",
];

/// Whether a contact's trait or a usage property of this name is kept out of the log, whatever its value.
pub(crate) fn personal(path: &str) -> bool {
    path.split('.').any(|part| listed(&PERSONAL, part))
}

/// Whether an account's trait of this name is kept out of the log.
pub(crate) fn personal_of_account(path: &str) -> bool {
    path.split('.').any(|part| listed(&PERSONAL_OF_ACCOUNT, part))
}

/// An account's trait as we spell it: reserved ones in Segment's way, whatever case or form they came in.
pub(crate) fn spelled(name: &str) -> String {
    let (head, tail) = name.split_once('.').map_or((name, None), |(head, tail)| (head, Some(tail)));
    let plain = plain(head);
    let known = RESERVED.iter().find(|reserved| reserved.eq_ignore_ascii_case(&plain));
    match (known, tail) {
        (None, _) => name.to_owned(),
        (Some(known), None) => (*known).to_owned(),
        (Some(known), Some(tail)) => format!("{known}.{tail}"),
    }
}

/// Whether a text is, or holds, an e-mail address, a phone number or a URL with a query.
pub(crate) fn shaped_like_a_person(text: &str) -> bool {
    is_phone(text) || words(text).any(|word| is_email(word) || has_query(word))
}

/// Whether a value is, or holds, a text shaped like that.
pub(crate) fn personal_value(value: &Value) -> bool {
    match value {
        Value::Text(text) => shaped_like_a_person(text),
        Value::List(items) => items.iter().any(personal_value),
        Value::Null | Value::Bool(_) | Value::Decimal(_) => false,
    }
}

/// A usage property under a personal name, if it is one that can name somebody: counts and yes or no stay.
pub(crate) fn names_somebody(name: &str, value: &Value) -> bool {
    personal(name) && can_name(value)
}

/// Whether two names are one: case and punctuation do not count.
pub(crate) fn same(one: &str, other: &str) -> bool {
    plain(one) == plain(other)
}

/// Whether a number is a whole one of seven digits or more: under a personal name it is a phone number, a date of birth
/// or an id, and no count.
fn as_long_as_a_phone_number(number: Decimal) -> bool {
    const ONE: u64 = 1_000_000;
    let size = number.0.unsigned_abs();
    size.is_multiple_of(ONE) && size / ONE >= 1_000_000
}

/// The part of an e-mail address that names a company and not a person, in lower case.
pub(crate) fn email_domain(address: &str) -> Option<String> {
    let (_, domain) = address.trim().rsplit_once('@')?;
    is_email(address.trim()).then(|| domain.to_ascii_lowercase())
}

fn can_name(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) => false,
        Value::Text(_) => true,
        Value::Decimal(number) => as_long_as_a_phone_number(*number),
        Value::List(items) => items.iter().any(can_name),
    }
}

fn listed(list: &[&str], name: &str) -> bool {
    list.binary_search(&plain(name).as_str()).is_ok()
}

fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| c.is_whitespace() || "<>,;\"'()[]|".contains(c)).filter(|word| !word.is_empty())
}

fn is_email(word: &str) -> bool {
    let word = word.trim_start_matches("mailto:").trim_end_matches('.');
    let Some((who, domain)) = word.rsplit_once('@') else { return false };
    !who.is_empty() && domain.split('.').count() > 1 && domain.split('.').all(|label| !label.is_empty())
}

fn has_query(word: &str) -> bool {
    let Some((before, query)) = word.split_once('?') else { return false };
    before.contains("://") || (query.contains('=') && (before.is_empty() || before.contains('/')))
}

/// Digits and the punctuation of phone numbers, nothing else; not a date, an address of a machine or a plain number.
fn is_phone(text: &str) -> bool {
    let text = text.trim();
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let marked = text.starts_with('+') || text.contains('(');
    let spaced =
        text.contains([' ', '-', '/', '.']) && text.matches('.').count() != 3 && !text.contains("..");
    text.bytes().all(|b| b.is_ascii_digit() || b" +()-./".contains(&b))
        && ((marked && (7..=19).contains(&digits))
            || (spaced && (9..=19).contains(&digits) && !is_number(text)))
}

fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    digits.matches('.').count() <= 1 && digits.bytes().all(|b| b.is_ascii_digit() || b == b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_are_sorted_for_searching() {
        assert!(PERSONAL.is_sorted() && PERSONAL_OF_ACCOUNT.is_sorted() && RESERVED.is_sorted());
    }

    #[test]
    fn a_name_is_personal_in_any_case_and_form() {
        for name in [
            "email",
            "E-Mail",
            "firstName",
            "first_name",
            "First Name",
            "LAST_NAME",
            "address.city",
            "a.phone",
        ] {
            assert!(personal(name), "{name}");
        }
        for name in ["title", "role", "locale", "plan", "emails_sent", "named_users", "revenue"] {
            assert!(!personal(name), "{name}");
        }
    }

    #[test]
    fn a_company_may_have_a_name_but_no_phone() {
        assert!(!personal_of_account("name") && !personal_of_account("address.country"));
        assert!(personal_of_account("phone") && personal_of_account("address.street"));
    }

    #[test]
    fn reserved_traits_of_a_group_are_understood_in_any_spelling() {
        for name in ["createdAt", "created_at", "CreatedAt", "CREATED_AT"] {
            assert_eq!(spelled(name), "createdAt");
        }
        assert_eq!(spelled("Address.country"), "address.country");
        assert_eq!(spelled("Plan"), "plan");
        assert_eq!(spelled("Health_Goal"), "Health_Goal");
    }

    #[test]
    fn addresses_phone_numbers_and_queries_are_recognised_by_their_shape() {
        for text in [
            "ada@example.com",
            "write to Ada <ada.l@mail.example.co.uk>, please",
            "mailto:ada@example.com",
            "+49 170 1234567",
            "(030) 1234567",
            "555-123-4567",
            "+15551234567",
            "4111 1111 1111 1111",
            "https://example.com/?q=ada",
            "see http://example.com/a?b",
            "/reset?token=abc",
            "?email=x",
        ] {
            assert!(shaped_like_a_person(text), "{text}");
        }
        for text in [
            "",
            "Report Exported",
            "2024-01-31",
            "31/01/2024",
            "2024-01-31T10:00:00Z",
            "192.168.100.100",
            "1234567890",
            "-1234567890.5",
            "https://example.com/pricing",
            "what? 1=1",
            "@ada",
            "a@b",
            "v1.2.3",
            "3 of 12",
            "019283ab-cdef-7000-8000-0123456789ab",
        ] {
            assert!(!shaped_like_a_person(text), "{text}");
        }
    }

    #[test]
    fn of_an_address_the_domain_is_kept() {
        assert_eq!(email_domain(" Ada@Example.COM"), Some("example.com".to_owned()));
        assert_eq!(email_domain("nobody"), None);
    }
}
