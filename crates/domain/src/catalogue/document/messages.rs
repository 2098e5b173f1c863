//! Endpoints, and the messages that go there, as people write them.

use serde::{Deserialize, Serialize};

use super::ConditionDoc;

/// Exactly one of these. What is secret about an address is no part of the catalogue.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EndpointDoc {
    pub url: Option<String>,
    pub slack: Option<SlackDoc>,
    pub email: Option<EmailDoc>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlackDoc {}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmailDoc {}

/// What is said, as templates, and what these know of the account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MessageDoc {
    pub purpose: Option<String>,
    #[serde(default)]
    pub facts: FactsDoc,
    /// Of an e-mail.
    pub subject: Option<String>,
    pub text: String,
    /// Instead of `text`, in Slack.
    pub slack: Option<String>,
    /// Beside `text`, in an e-mail.
    pub html: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FactsDoc {
    pub traits: Vec<String>,
    pub measures: Vec<String>,
    pub segments: Vec<String>,
    pub contacts: Option<ContactsDoc>,
}

/// Contacts that fulfil a condition, those seen last first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContactsDoc {
    #[serde(rename = "where")]
    pub where_: ConditionDoc,
    pub most: u32,
    #[serde(default)]
    pub traits: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NotifyDoc {
    pub endpoint: String,
    /// Absent: the built-in one.
    pub message: Option<String>,
    /// Whom an e-mail goes to. Absent: the owner.
    pub to: Option<ToDoc>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToDoc {
    Owner,
}
