//! Endpoints, and messages, as they run: every name in them is known to exist.

use serde::{Deserialize, Serialize};

use crate::{condition::ContactCondition, decision::Channel, measure::MeasureIx};

/// Where notifications go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    pub name: String,
    pub address: Address,
}

/// How an endpoint is reached. Of Slack and of e-mail it is not in the catalogue where: that is secret, or personal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// `http` or `https`.
    Web {
        url: String,
    },
    Slack,
    Email,
}

impl Address {
    pub fn channel(&self) -> Channel {
        match self {
            Self::Web { .. } => Channel::Webhook,
            Self::Slack => Channel::Slack,
            Self::Email => Channel::Email,
        }
    }
}

/// What is said to somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub name: String,
    pub asks: Asks,
    pub texts: Texts,
}

/// What a message needs to know of the account.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Asks {
    pub traits: Vec<String>,
    /// By name.
    pub measures: Vec<(String, MeasureIx)>,
    pub segments: Vec<String>,
    pub contacts: Option<AskedContacts>,
}

/// Contacts that fulfil a condition, those seen last first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedContacts {
    pub condition: ContactCondition,
    pub most: usize,
    pub traits: Vec<String>,
}

/// Templates. What they mean is the sender's business.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Texts {
    pub subject: Option<String>,
    pub text: String,
    pub slack: Option<String>,
    pub html: Option<String>,
}
