//! E-mail to the team: plain text and HTML, with an id of its own that stays, by an SMTP server that the process is told.

use std::time::Duration;

use anyhow::Context;
use domain::ids::NotificationId;
use lettre::{
    AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    message::{
        Mailbox, MultiPart,
        header::{HeaderName, HeaderValue},
    },
    transport::smtp::Error,
};
use messages::Letter;

use super::outcome::Outcome;
use crate::{config::Mail, store::MemberRow};

/// What a server answers where it is us that it does not know or trust: the letter may go when that is mended.
const ABOUT_US: [u16; 4] = [530, 534, 535, 538];

/// Sends. Clones share what they were told.
#[derive(Clone, Default)]
pub(crate) struct Mailer(Option<Told>);

#[derive(Clone)]
struct Told {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

/// What is sent.
pub(super) struct Sending<'a> {
    pub(super) notification: NotificationId,
    pub(super) endpoint: &'a str,
    pub(super) owner: Option<&'a str>,
    pub(super) member: Option<&'a MemberRow>,
    pub(super) letter: &'a Letter,
    /// The letter that it answers.
    pub(super) first: Option<&'a str>,
}

impl Mailer {
    /// # Errors
    /// When the server's URL, or whom letters are from, cannot be read.
    pub(crate) fn new(mail: Option<&Mail>, longest_call: Duration) -> anyhow::Result<Self> {
        let Some(mail) = mail else { return Ok(Self(None)) };
        // The error might show the password.
        let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(&mail.smtp_url);
        let builder = builder.ok().context(
            "--smtp-url must be smtps://USER:PASSWORD@HOST or smtp://USER:PASSWORD@HOST:587?tls=required",
        )?;
        let from =
            mail.from.parse().ok().context("--mail-from must be an address: Perennial <cs@example.com>")?;
        Ok(Self(Some(Told { transport: builder.timeout(Some(longest_call)).build(), from })))
    }

    /// What came of it, and the letter's Message-ID.
    pub(super) async fn send(&self, sending: &Sending<'_>) -> (Outcome, String) {
        let Some(told) = &self.0 else {
            let how = "nobody said how e-mail is sent: start workflow with --smtp-url and --mail-from";
            return (Outcome::hopeless(None, how), String::new());
        };
        let id = told.message_id(sending.notification);
        let to = match recipient(sending) {
            Ok(to) => to,
            Err(how) => return (Outcome::hopeless(None, how), id),
        };
        let Ok(message) = told.message(sending, &id, to) else {
            return (Outcome::hopeless(None, "the letter cannot be written"), id);
        };
        (told.outcome(message).await, id)
    }
}

impl Told {
    fn message_id(&self, notification: NotificationId) -> String {
        format!("<{}@perennial.{}>", uuid::Uuid::from_u128(notification.0), self.from.email.domain())
    }

    fn message(&self, sending: &Sending<'_>, id: &str, to: Mailbox) -> Result<Message, lettre::error::Error> {
        let mut builder = Message::builder()
            .from(self.from.clone())
            .to(to)
            .subject(sending.letter.subject.clone())
            .message_id(Some(id.to_owned()))
            .date_now()
            .raw_header(HeaderValue::new(
                HeaderName::new_from_ascii_str("Auto-Submitted"),
                "auto-generated".into(),
            ));
        if let Some(first) = sending.first.filter(|first| *first != id) {
            builder = builder.in_reply_to(first.to_owned()).references(first.to_owned());
        }
        let Letter { text, html, .. } = sending.letter;
        builder.multipart(MultiPart::alternative_plain_html(text.clone(), html.clone()))
    }

    async fn outcome(&self, message: Message) -> Outcome {
        match self.transport.send(message).await {
            Ok(response) => Outcome::answered(response.code().into()),
            Err(error) => refused(&error),
        }
    }
}

fn recipient(sending: &Sending<'_>) -> Result<Mailbox, String> {
    let Some(owner) = sending.owner else {
        return Err(format!(
            "nobody owns the account, nor its CTA: {} has no one to write to",
            sending.endpoint
        ));
    };
    let known = sending.member.filter(|member| !member.email.is_empty());
    let missing = || format!("{owner} has no address: perennial team set {owner:?} --email ADDRESS");
    let member = known.ok_or_else(missing)?;
    let address = member.email.parse().map_err(|_| missing())?;
    Ok(Mailbox::new(Some(member.name.clone()).filter(|name| !name.is_empty()), address))
}

fn refused(error: &Error) -> Outcome {
    let status = error.status().map(u16::from);
    let mut text = without_addresses(&error.to_string());
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        text = format!("{text}: {}", without_addresses(&next.to_string()));
        cause = next.source();
    }
    let about_us = status.is_some_and(|status| ABOUT_US.contains(&status));
    match error.is_permanent() && !about_us {
        true => Outcome::hopeless(status, text),
        false => Outcome::failed(status, text),
    }
}

/// What a server says may name whom it was for.
fn without_addresses(text: &str) -> String {
    let word = |word: &str| if word.contains('@') { "(address)".to_owned() } else { word.to_owned() };
    text.split_whitespace().map(word).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_is_kept_without_addresses() {
        let said = "5.1.1 <ana@example.com>: Recipient address rejected";
        assert_eq!(without_addresses(said), "5.1.1 (address) Recipient address rejected");
    }

    #[test]
    fn settings_that_cannot_be_read_are_refused_without_their_password() {
        let refused = |smtp_url: &str, from: &str| {
            let mail = Mail { smtp_url: smtp_url.into(), from: from.into() };
            Mailer::new(Some(&mail), Duration::from_secs(1)).err().map(|error| format!("{error:#}"))
        };
        assert_eq!(refused("smtps://u:secret@mail.example.com", "CS <cs@example.com>"), None);
        for (url, from) in [("http://u:secret@host", "cs@example.com"), ("smtp://host", "nobody")] {
            assert!(refused(url, from).is_some_and(|error| !error.contains("secret")), "{url} {from}");
        }
    }
}
