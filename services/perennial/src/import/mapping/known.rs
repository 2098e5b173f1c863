//! How columns are usually called, for what we know of an account, a contact or an event.
//!
//! Names are compared without case, spaces and punctuation; the first spelling that a file has is taken.

use super::shape::Hint;
use crate::import::kind::{Kind, Slot};

/// A trait that we know, how its column is called elsewhere, and what it holds.
pub(super) struct Known {
    pub(super) name: &'static str,
    pub(super) hint: Hint,
    pub(super) spellings: &'static [&'static str],
}

const fn known(name: &'static str, hint: Hint, spellings: &'static [&'static str]) -> Known {
    Known { name, hint, spellings }
}

const ACCOUNT_ID: &[&str] = &[
    "accountid",
    "accountkey",
    "groupid",
    "contextgroupid",
    "companyid",
    "customerid",
    "clientid",
    "organizationid",
    "organisationid",
    "orgid",
    "accountnumber",
    "customernumber",
    "crmid",
    "externalid",
];
const CONTACT_ID: &[&str] = &["userid", "contactid", "personid", "memberid", "distinctid", "profileid"];

/// Spellings of a slot's column.
pub(super) fn slot(kind: Kind, slot: Slot) -> Vec<&'static str> {
    let (own, more): (&[&str], &[&str]) = match (kind, slot) {
        (Kind::Accounts, Slot::Id) => (ACCOUNT_ID, &["id", "key", "account", "number"]),
        (Kind::Contacts, Slot::Id) => (CONTACT_ID, &["id", "externalid", "key"]),
        (Kind::Contracts, Slot::Id) => (
            &["contractid", "contractno", "contractnumber", "contractkey", "subscriptionid", "agreementid"],
            &["id", "externalid", "key", "number", "contract", "subscription", "opportunityid"],
        ),
        (Kind::Contacts | Kind::Contracts | Kind::History, Slot::Account) => (
            ACCOUNT_ID,
            &["account", "company", "customer", "organization", "organisation", "companyname", "accountname"],
        ),
        (Kind::History, Slot::Contact) => {
            (CONTACT_ID, &["user", "contact", "person", "actor", "email", "useremail"])
        }
        (Kind::History, Slot::Event) => {
            (&["event", "eventname"], &["action", "activity", "activitytype", "eventtype", "name"])
        }
        (Kind::History, Slot::Time) => (
            &[
                "timestamp",
                "time",
                "occurredat",
                "happenedat",
                "eventtime",
                "eventtimestamp",
                "originaltimestamp",
            ],
            &["datetime", "date", "eventdate", "activitydate", "createdat", "created", "createddate"],
        ),
        (Kind::History, Slot::MessageId) => (&["messageid", "eventid", "insertid", "eventuuid"], &[]),
        _ => (&[], &[]),
    };
    [own, more].concat()
}

/// What is known of the traits of a kind.
pub(super) fn traits(kind: Kind) -> &'static [Known] {
    match kind {
        Kind::Accounts => ACCOUNT,
        Kind::Contacts => CONTACT,
        Kind::Contracts => CONTRACT,
        Kind::History => &[],
    }
}

const ACCOUNT: &[Known] = &[
    known(
        "name",
        Hint::Text,
        &[
            "name",
            "accountname",
            "companyname",
            "company",
            "customername",
            "customer",
            "organization",
            "organisation",
            "client",
            "account",
        ],
    ),
    known("industry", Hint::Text, &["industry", "vertical", "branch"]),
    known("sector", Hint::Text, &["sector"]),
    known(
        "employees",
        Hint::Number,
        &["employees", "employeecount", "numberofemployees", "noofemployees", "headcount", "companysize"],
    ),
    known(
        "address.country",
        Hint::Text,
        &["addresscountry", "country", "countrycode", "billingcountry", "billingcountrycode"],
    ),
    known("address.city", Hint::Text, &["addresscity", "city", "billingcity"]),
    known("website", Hint::Text, &["website", "url", "domain", "companydomain"]),
    known(
        "createdAt",
        Hint::Date,
        &["createdat", "created", "createddate", "createdate", "customersince", "signupdate", "signedup"],
    ),
    known(
        "plan",
        Hint::Text,
        &["plan", "planname", "subscriptionplan", "subscription", "edition", "package", "product"],
    ),
    known(
        "annual_revenue_minor",
        Hint::Money,
        &["annualrevenueminor", "annualrevenue", "companyrevenue", "revenue", "turnover"],
    ),
    known("currency", Hint::Text, &["currency", "currencycode", "currencyisocode"]),
    known(
        "arr_minor",
        Hint::Money,
        &["arrminor", "arr", "annualrecurringrevenue", "acv", "annualcontractvalue", "contractvalue"],
    ),
    known("mrr_minor", Hint::Money, &["mrrminor", "mrr", "monthlyrecurringrevenue"]),
    known(
        "seats",
        Hint::Number,
        &["seats", "seatcount", "seatspurchased", "purchasedseats", "licenses", "licences", "licensedseats"],
    ),
    known(
        "term_months",
        Hint::Number,
        &["termmonths", "term", "contractterm", "contracttermmonths", "termlength"],
    ),
    known(
        "renewal_date",
        Hint::Date,
        &[
            "renewaldate",
            "renewal",
            "renewsat",
            "renewson",
            "nextrenewal",
            "nextrenewaldate",
            "contractenddate",
            "contractend",
            "expirationdate",
            "expirydate",
        ],
    ),
    known(
        "notice_days",
        Hint::Number,
        &["noticedays", "noticeperioddays", "noticeperiod", "cancellationnotice"],
    ),
    known("auto_renew", Hint::Truth, &["autorenew", "autorenewal", "autorenews", "isautorenew"]),
    known(
        "owner",
        Hint::Text,
        &[
            "owner",
            "csm",
            "customersuccessmanager",
            "csowner",
            "csmname",
            "accountowner",
            "ownername",
            "accountmanager",
            "csmemail",
            "owneremail",
        ],
    ),
    known(
        "parent_id",
        Hint::Text,
        &["parentid", "parentaccountid", "parentcompanyid", "parentaccount", "parent"],
    ),
    known("goals", Hint::List, &["goals", "goal", "objectives", "desiredoutcomes"]),
    known("technologies", Hint::List, &["technologies", "technology", "techstack", "tools", "integrations"]),
    known("buyer_type", Hint::Text, &["buyertype"]),
    known("csm_sentiment", Hint::Text, &["csmsentiment", "csmpulse", "sentiment", "pulse"]),
    known("lifecycle_stage", Hint::Text, &["lifecyclestage", "lifecycle", "customerstage", "stage"]),
];

const CONTRACT: &[Known] = &[
    known(
        "start_date",
        Hint::Date,
        &[
            "startdate",
            "start",
            "startsat",
            "startson",
            "contractstartdate",
            "contractstart",
            "effectivedate",
        ],
    ),
    known(
        "end_date",
        Hint::Date,
        &[
            "enddate",
            "end",
            "endsat",
            "endson",
            "renewaldate",
            "renewal",
            "renewsat",
            "contractenddate",
            "contractend",
            "expirationdate",
            "expirydate",
        ],
    ),
    known("notice_deadline", Hint::Date, &["noticedeadline", "noticedate", "noticeby", "decisiondate"]),
    known(
        "notice_days",
        Hint::Number,
        &["noticedays", "noticeperioddays", "noticeperiod", "cancellationnotice"],
    ),
    known(
        "term_months",
        Hint::Number,
        &["termmonths", "term", "contractterm", "contracttermmonths", "termlength"],
    ),
    known("auto_renew", Hint::Truth, &["autorenew", "autorenewal", "autorenews", "isautorenew"]),
    known(
        "arr_minor",
        Hint::Money,
        &["arrminor", "arr", "annualrecurringrevenue", "acv", "annualcontractvalue", "annualvalue"],
    ),
    known("currency", Hint::Text, &["currency", "currencycode", "currencyisocode"]),
    known(
        "seats",
        Hint::Number,
        &["seats", "seatcount", "quantity", "licenses", "licences", "licensedseats", "users"],
    ),
    known("product", Hint::Text, &["product", "productname", "plan", "planname", "edition", "package"]),
    known("status", Hint::Text, &["status", "contractstatus", "state"]),
    known("verdict", Hint::Text, &["verdict", "renewalverdict", "customerverdict"]),
];

const CONTACT: &[Known] = &[
    known("email", Hint::Text, &["email", "emailaddress", "workemail", "mail"]),
    known("firstName", Hint::Text, &["firstname", "givenname", "forename", "first"]),
    known("lastName", Hint::Text, &["lastname", "surname", "familyname", "last"]),
    known("name", Hint::Text, &["name", "fullname", "contactname", "displayname"]),
    known("title", Hint::Text, &["title", "jobtitle", "position"]),
    known("role", Hint::Text, &["role", "userrole", "productrole"]),
    known("buying_role", Hint::Text, &["buyingrole", "buyerrole", "decisionrole"]),
    known("champion", Hint::Truth, &["champion", "ischampion"]),
    known("phone", Hint::Text, &["phone", "phonenumber", "businessphone", "mobile", "mobilephone"]),
    known("locale", Hint::Text, &["locale", "language", "preferredlanguage", "lang"]),
    known("timezone", Hint::Text, &["timezone", "tz"]),
    known("preferred_channel", Hint::Text, &["preferredchannel", "channel", "contactpreference"]),
    known("certified", Hint::Truth, &["certified", "iscertified"]),
    known(
        "unsubscribed",
        Hint::Truth,
        &["unsubscribed", "optedout", "optout", "emailoptout", "hasoptedoutofemail"],
    ),
    known("internal", Hint::Truth, &["internal", "isinternal"]),
    known("createdAt", Hint::Date, &["createdat", "created", "createddate", "createdate", "signupdate"]),
];

/// Without case, spaces and punctuation.
pub(super) fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// A name as traits are called here: `Onboarding Score (0-10)` is `onboarding_score_0_10`.
pub(super) fn snake(name: &str) -> String {
    let mut snake = String::new();
    let mut before = ' ';
    for c in name.chars() {
        if c.is_uppercase() && before.is_lowercase() {
            snake.push('_');
        }
        match c {
            c if c.is_alphanumeric() => snake.extend(c.to_lowercase()),
            _ if !snake.ends_with('_') => snake.push('_'),
            _ => {}
        }
        before = c;
    }
    snake.trim_matches('_').to_owned()
}
