//! Slack: a message of blocks, to an incoming webhook's address or by a bot into a channel, where messages that belong
//! together are one thread.

use reqwest::Method;
use serde_json::{Value as Json, json};

use super::{
    call::{Answer, Caller},
    outcome::Outcome,
};
use crate::store::SlackAddress;

/// Characters of one block's text, as Slack has it.
const BLOCK_MOST: usize = 3_000;
/// Characters of all blocks: Slack refuses more than about 13,200.
const MOST: usize = 12_000;
/// Characters of what a phone shows.
const PREVIEW_MOST: usize = 300;
/// What goes better another time; all other errors of Slack's do not.
const PASSING: [&str; 7] = [
    "ratelimited",
    "rate_limited",
    "internal_error",
    "fatal_error",
    "service_unavailable",
    "request_timeout",
    "team_added_to_org",
];

/// What is sent.
pub(super) struct Post<'a> {
    pub(super) endpoint: &'a str,
    pub(super) text: &'a str,
    pub(super) about: &'a str,
    /// Of the message that it answers.
    pub(super) thread: Option<&'a str>,
}

/// What came of it, and the message's own `ts`, if Slack says one.
pub(super) async fn post(
    caller: &Caller,
    api: &str,
    address: Option<&SlackAddress>,
    post: &Post<'_>,
) -> (Outcome, Option<String>) {
    let endpoint = post.endpoint;
    match address {
        None => {
            let how = format!(
                "nobody said where {endpoint} is: perennial endpoints set {endpoint} --slack-webhook URL"
            );
            (Outcome::hopeless(None, how), None)
        }
        Some(SlackAddress::Webhook { url }) => {
            let answer = caller.json(Method::POST, url, None, &payload(post)).await;
            (of_webhook(endpoint, answer), None)
        }
        Some(SlackAddress::Channel { token, channel }) => {
            let mut payload = payload(post);
            payload["channel"] = json!(channel);
            if let Some(thread) = post.thread {
                payload["thread_ts"] = json!(thread);
            }
            let url = format!("{}/chat.postMessage", api.trim_end_matches('/'));
            of_api(endpoint, caller.json(Method::POST, &url, Some(token), &payload).await)
        }
    }
}

pub(super) fn payload(post: &Post<'_>) -> Json {
    let mut blocks: Vec<Json> = parts(post.text)
        .into_iter()
        .map(|text| json!({"type": "section", "text": {"type": "mrkdwn", "text": text}}))
        .collect();
    let about = post.about.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    blocks.push(json!({"type": "context", "elements": [{"type": "mrkdwn", "text": about}]}));
    let first = post.text.lines().next().unwrap_or_default();
    let preview: String = first.chars().take(PREVIEW_MOST).collect();
    json!({"text": preview, "blocks": blocks, "unfurl_links": false, "unfurl_media": false})
}

/// In blocks as long as may be, cut between lines where that can be.
fn parts(text: &str) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    let mut left = MOST;
    for line in text.lines() {
        let mut line: String = line.chars().take(left.min(BLOCK_MOST - 1)).collect();
        left -= line.chars().count();
        line.push('\n');
        match parts.last_mut() {
            Some(last) if last.chars().count() + line.chars().count() <= BLOCK_MOST => last.push_str(&line),
            _ => parts.push(line),
        }
        if left == 0 {
            break;
        }
    }
    // An empty section is refused.
    parts.retain(|part| !part.trim().is_empty());
    parts.iter_mut().for_each(|part| *part = part.trim_end().to_owned());
    parts
}

fn of_webhook(endpoint: &str, answer: Result<Answer, String>) -> Outcome {
    let Answer { status, retry_at, text } = match answer {
        Ok(answer) => answer,
        Err(why) => return Outcome::failed(None, why),
    };
    let code = code(text.trim());
    let said = || format!("Slack says {}{}", code.unwrap_or("no more"), hint(endpoint, code));
    match status {
        200..=299 => Outcome::answered(status),
        // Also of what is gone: the endpoint is to be set anew, and is not disabled.
        400..=428 => Outcome::hopeless(Some(status), said()),
        _ => Outcome { retry_at, ..Outcome::failed(Some(status), said()) },
    }
}

fn of_api(endpoint: &str, answer: Result<Answer, String>) -> (Outcome, Option<String>) {
    let Answer { status, retry_at, text } = match answer {
        Ok(answer) => answer,
        Err(why) => return (Outcome::failed(None, why), None),
    };
    let json: Json = serde_json::from_str(&text).unwrap_or_default();
    if (200..300).contains(&status) && json["ok"] == true {
        return (Outcome::answered(status), json["ts"].as_str().map(str::to_owned));
    }
    let code = json["error"].as_str().and_then(code);
    let said = format!("Slack says {}{}", code.unwrap_or("no more"), hint(endpoint, code));
    // Slack answers 200 to what it refuses.
    let status = Some(status).filter(|status| *status >= 300);
    let outcome = match code {
        Some(code) if !PASSING.contains(&code) => Outcome::hopeless(status, said),
        _ => Outcome { retry_at, ..Outcome::failed(status, said) },
    };
    (outcome, None)
}

/// A word of Slack's, and nothing that anybody else wrote.
fn code(text: &str) -> Option<&str> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    (!text.is_empty() && text.len() <= 60 && text.chars().all(is_word)).then_some(text)
}

/// What to do about it.
fn hint(endpoint: &str, code: Option<&str>) -> String {
    match code {
        Some("channel_not_found" | "not_in_channel") => {
            format!(": invite the bot into the channel, or perennial endpoints set {endpoint} with another")
        }
        Some("is_archived" | "channel_is_archived" | "no_service" | "no_team" | "action_prohibited") => {
            format!(": perennial endpoints set {endpoint} with another address")
        }
        Some("invalid_auth" | "not_authed" | "token_revoked" | "token_expired" | "account_inactive") => {
            format!(": perennial endpoints set {endpoint} with another token")
        }
        Some("missing_scope") => ": the bot needs the scope chat:write".to_owned(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, text: &str) -> Result<Answer, String> {
        Ok(Answer { status, retry_at: Some(7), text: text.to_owned() })
    }

    #[test]
    fn a_webhooks_answer_says_whether_to_try_again() {
        let check = |status, text: &str, permanent, error: &str| {
            let outcome = of_webhook("alerts", answer(status, text));
            assert_eq!((outcome.permanent, outcome.error.as_str()), (permanent, error), "{status} {text}");
        };
        check(200, "ok", false, "");
        check(429, "rate_limited", false, "Slack says rate_limited");
        check(500, "<html>busy</html>", false, "Slack says no more");
        check(400, "invalid_payload", true, "Slack says invalid_payload");
        let anew = "Slack says no_service: perennial endpoints set alerts with another address";
        check(404, "no_service", true, anew);
        assert_eq!(of_webhook("alerts", answer(429, "rate_limited")).retry_at, Some(7));
    }

    #[test]
    fn the_apis_answer_is_what_its_body_says() {
        let check = |status, text: &str| {
            let (outcome, ts) = of_api("alerts", answer(status, text));
            (outcome.status, outcome.permanent, ts, outcome.error)
        };
        let sent = check(200, r#"{"ok": true, "ts": "1.2"}"#);
        assert_eq!(sent, (Some(200), false, Some("1.2".into()), String::new()));
        let refused = check(200, r#"{"ok": false, "error": "invalid_auth"}"#);
        let error = "Slack says invalid_auth: perennial endpoints set alerts with another token";
        assert_eq!(refused, (None, true, None, error.into()));
        let busy = check(429, r#"{"ok": false, "error": "ratelimited"}"#);
        assert_eq!(busy, (Some(429), false, None, "Slack says ratelimited".into()));
        assert_eq!(check(200, "what"), (None, false, None, "Slack says no more".into()));
    }

    #[test]
    fn a_long_text_is_cut_into_blocks_that_slack_takes() {
        let text = format!("first\n{}\n{}", "x".repeat(2_990), "y".repeat(50_000));
        let parts = parts(&text);
        assert!(parts.iter().all(|part| part.chars().count() <= BLOCK_MOST && !part.is_empty()));
        assert_eq!(parts[0].lines().next(), Some("first"));
        assert!(parts.iter().map(|part| part.chars().count()).sum::<usize>() <= MOST + 10);
    }
}
