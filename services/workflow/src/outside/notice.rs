//! A notification to people, as it is about to be written: what it tells, whom it is for, and what it belongs to.

use std::collections::BTreeMap;

use domain::catalogue::messages::Texts;
use messages::{Owner, People, Told};
use serde_json::Value as Json;

use super::{Due, directory::Directory, lanes::Lane, ledger::Ledger};
use crate::store::{MemberRow, Request, SlackAddress};

/// What Postgres has for it.
#[derive(Clone, Default)]
pub(super) struct Particulars {
    pub(super) slack: Option<SlackAddress>,
    pub(super) owner: Option<MemberRow>,
    /// Templates, as JSON.
    pub(super) texts: Option<String>,
    /// The first message of its thread.
    pub(super) first: Option<String>,
}

/// What it asks for there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) lane: Lane,
    pub(super) owner: Option<String>,
    pub(super) message: Option<String>,
    pub(super) thread: String,
}

pub(super) struct Notice {
    pub(super) asked: Asked,
    pub(super) particulars: Particulars,
    /// `None`: the built-in ones.
    pub(super) texts: Option<Texts>,
    pub(super) told: Told,
    /// Who and what it is about, in a line.
    pub(super) about: String,
}

impl Notice {
    pub(super) async fn prepare(
        ledger: &Ledger,
        directory: &Directory,
        lane: &Lane,
        request: &Request,
    ) -> Self {
        let body: Json = serde_json::from_str(&request.body).unwrap_or_default();
        let asked = Asked::of(lane, &body);
        let particulars = ledger.particulars(&asked).await;
        let names = names(directory, &lane.workspace, &body).await;
        let people = People { owner: owner(&asked, particulars.owner.as_ref()), contacts: names };
        let texts = particulars.texts.as_deref().and_then(|texts| serde_json::from_str(texts).ok());
        Self { told: Told::new(&body, &people), about: about(&body), asked, particulars, texts }
    }
}

impl Asked {
    /// What belongs together is about one CTA, or else of one episode, or of one run.
    fn of(lane: &Lane, body: &Json) -> Self {
        let data = &body["data"];
        let text = |json: &Json| json.as_str().map(str::to_owned);
        let thread = [&data["cta"], &data["trigger"]["episode"], &data["run"]].into_iter().find_map(text);
        Self {
            lane: lane.clone(),
            owner: text(&data["owner"]),
            message: text(&data["message"]),
            thread: thread.unwrap_or_default(),
        }
    }
}

async fn names(directory: &Directory, workspace: &str, body: &Json) -> BTreeMap<String, String> {
    let contacts = body["data"]["contacts"].as_array().into_iter().flatten();
    let contacts: Vec<String> =
        contacts.filter_map(|contact| contact["contact"].as_str().map(str::to_owned)).collect();
    if contacts.is_empty() { BTreeMap::new() } else { directory.names(workspace, &contacts).await }
}

fn owner(asked: &Asked, known: Option<&MemberRow>) -> Option<Owner> {
    let there = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    Some(Owner {
        id: asked.owner.clone()?,
        name: known.and_then(|member| there(&member.name)),
        slack_member: known.and_then(|member| there(&member.slack_member)),
    })
}

fn about(body: &Json) -> String {
    let part = |key: &str| body["data"][key].as_str().unwrap_or_default().to_owned();
    format!("{} · {} · {}", part("playbook"), part("account"), body["timestamp"].as_str().unwrap_or_default())
}

/// Whether it was written as its message says; if not, why, for whoever looks at the attempt.
pub(super) fn fault_in_words(due: &Due, fault: Option<&messages::RenderError>) -> String {
    let Some(fault) = fault else { return String::new() };
    let notification = uuid::Uuid::from_u128(due.attempt.notification.0);
    tracing::warn!(%notification, %fault, "a message cannot be rendered: the built-in one is sent");
    format!("sent as the built-in message: {fault}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn thread(data: Json) -> String {
        let lane = Lane { workspace: "acme".into(), endpoint: "alerts".into() };
        Asked::of(&lane, &json!({"data": data})).thread
    }

    #[test]
    fn what_belongs_together_is_about_a_cta_or_of_an_episode_or_of_a_run() {
        let trigger = json!({"segment": "red", "episode": "2"});
        assert_eq!(thread(json!({"cta": "1", "trigger": trigger, "run": "3"})), "1");
        assert_eq!(thread(json!({"cta": null, "trigger": trigger, "run": "3"})), "2");
        assert_eq!(thread(json!({"cta": null, "trigger": {"event": "E"}, "run": "3"})), "3");
    }
}
