//! Why something is not taken: a whole request, or one event of it.

use std::{fmt, time::Duration};

use chassis::{Code, Problem};
use eventlog::LogError;

use super::{
    call::Contact,
    limits::{MAX_BODY, MAX_CALLS, MAX_CONTEXTS, MAX_DEPTH, MAX_MESSAGE_ID},
    values,
};

/// A whole request is refused. The client may send it again only where that could help (`retry_after`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// No write key, or one that nobody has.
    Unauthorized(&'static str),
    /// Not JSON, or not in the form of a call or batch.
    Malformed(String),
    /// JSON nested deeper than is read.
    TooDeep,
    /// More bytes than are taken, as they came or decompressed.
    TooLarge(String),
    /// The body did not come within this time.
    TooSlow(Duration),
    /// A compression that is not understood.
    UnknownEncoding(String),
    UnknownPath(String),
    /// A call of ours by another method than POST: method and path.
    NotPosted(String),
    /// A mistake of ours, which is in the log.
    Internal,
    /// For a passing reason: to be sent again after so many seconds.
    Busy {
        code: &'static str,
        message: String,
        retry_after_s: u32,
    },
}

impl Refusal {
    /// Busy, in the way most things are: away for a moment.
    pub(crate) fn away(what: &str) -> Self {
        let message = format!("{what} is away for a moment: send this again");
        Self::Busy { code: "UNAVAILABLE", message, retry_after_s: 1 }
    }

    /// Somebody is still to make the workspace, or its catalogue is on its way to every partition.
    pub(crate) fn no_workspace(workspace: &str) -> Self {
        let message = format!("the workspace {workspace:?} is not there yet, or is being made");
        Self::Busy { code: "UNAVAILABLE", message, retry_after_s: 1 }
    }

    /// Where Postgres did not answer: away, or else asked for something that it will never do.
    pub(crate) fn of_postgres(error: &sqlx::Error) -> Self {
        if chassis::postgres::is_away(error) {
            tracing::warn!(%error, "refused for now, Postgres is away: {error}");
            return Self::away("Postgres");
        }
        tracing::error!(%error, "refused, Postgres refuses: {error}");
        Self::Internal
    }

    /// The same where the log did not take something.
    pub(crate) fn of_log(error: &LogError) -> Self {
        match error {
            LogError::Transient(_) => {
                tracing::warn!(%error, "refused for now: {error}");
                Self::away("the log")
            }
            LogError::Poison(_) => {
                tracing::error!(%error, "refused: {error}");
                Self::Internal
            }
        }
    }

    pub(crate) fn body_too_large() -> Self {
        Self::TooLarge(format!("a body has at most {MAX_BODY} bytes, decompressed too"))
    }

    pub(crate) fn too_many_calls(calls: usize) -> Self {
        Self::TooLarge(format!("a batch has at most {MAX_CALLS} calls, not {calls}: send it in parts"))
    }

    pub(crate) fn context_too_large(bytes: usize, calls: usize) -> Self {
        Self::TooLarge(format!(
            "the batch's context has {bytes} bytes and lies under each of its {calls} calls: together at most \
             {MAX_CONTEXTS} are taken; put into each call what is about it"
        ))
    }

    /// Upper snake case, for programs.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Unauthorized(_) => "UNAUTHORIZED",
            Self::Malformed(_) => "MALFORMED",
            Self::TooDeep => "TOO_DEEP",
            Self::TooLarge(_) => "TOO_LARGE",
            Self::TooSlow(_) => "TOO_SLOW",
            Self::UnknownEncoding(_) => "UNKNOWN_ENCODING",
            Self::UnknownPath(_) => "NOT_FOUND",
            Self::NotPosted(_) => "METHOD_NOT_ALLOWED",
            Self::Internal => "INTERNAL",
            Self::Busy { code, .. } => code,
        }
    }
}

impl From<Refusal> for Problem {
    /// Never a code that makes a client drop events for a passing reason.
    fn from(refusal: Refusal) -> Self {
        let code = match &refusal {
            Refusal::Malformed(_) | Refusal::TooDeep | Refusal::UnknownEncoding(_) => Code::InvalidArgument,
            Refusal::Unauthorized(_) => Code::Unauthenticated,
            Refusal::UnknownPath(_) => Code::NotFound,
            Refusal::NotPosted(_) => Code::MethodNotAllowed,
            Refusal::TooLarge(_) => Code::PayloadTooLarge,
            Refusal::TooSlow(_) => Code::RequestTimeout,
            Refusal::Internal => Code::Internal,
            Refusal::Busy { .. } => Code::ResourceExhausted,
        };
        let problem = Self::new(code, refusal.code(), refusal.to_string());
        match refusal {
            Refusal::Busy { retry_after_s, .. } => problem.retry_after(retry_after_s),
            _ => problem,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unauthorized(why) => f.write_str(why),
            Self::Malformed(why) => write!(f, "this is not a call: {why}"),
            Self::TooDeep => write!(f, "JSON nested deeper than {MAX_DEPTH}"),
            Self::UnknownEncoding(encoding) => {
                write!(f, "content encoding {encoding:?} is not understood: send gzip, or none")
            }
            Self::UnknownPath(path) => write!(
                f,
                "there is nothing at {path}; calls go to POST /v1/identify, /v1/track, /v1/page, /v1/screen, \
                 /v1/group, /v1/alias, /v1/batch and /v1/import"
            ),
            Self::NotPosted(call) => write!(f, "{call} takes no events: send them with POST"),
            Self::Internal => f.write_str("something went wrong here; it has been logged"),
            Self::TooSlow(within) => {
                write!(f, "the body did not come within {} seconds: send this again", within.as_secs())
            }
            Self::TooLarge(why) | Self::Busy { message: why, .. } => f.write_str(why),
        }
    }
}

/// Why one event goes to quarantine: a code for programs, a reason for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unfit {
    pub(crate) code: &'static str,
    pub(crate) reason: String,
    /// Who sent it, where its text does not say so as a call does.
    pub(crate) sender: Option<Box<Sender>>,
}

/// Where something that is refused comes from, and whose it seems to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sender {
    pub(crate) source: String,
    pub(crate) message_id: String,
    pub(crate) contact: Option<Contact>,
}

impl Sender {
    /// As it can be kept: what it says may be what it is refused for.
    pub(crate) fn kept(self) -> Self {
        let message_id: String = self.message_id.chars().take(MAX_MESSAGE_ID).collect();
        let message_id = values::clean(&message_id);
        let contact = self.contact.and_then(|contact| contact.bounded().ok());
        Self { message_id, contact, ..self }
    }
}

impl Unfit {
    pub(crate) fn new(code: &'static str, reason: impl Into<String>) -> Self {
        Self { code, reason: reason.into(), sender: None }
    }

    pub(crate) fn by(self, sender: Sender) -> Self {
        Self { sender: Some(Box::new(sender)), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(refusal: Refusal, code: &str, status: u16) {
        assert_eq!(refusal.code(), code, "{refusal:?}");
        let problem = Problem::from(refusal);
        assert_eq!((problem.reason, problem.code.http().as_u16()), (code, status));
        assert_eq!(problem.retry_after.is_some(), status == 429);
    }

    #[test]
    fn clients_are_asked_to_wait_only_for_what_passes() {
        check(Refusal::of_postgres(&sqlx::Error::PoolTimedOut), "UNAVAILABLE", 429);
        check(Refusal::of_postgres(&sqlx::Error::RowNotFound), "INTERNAL", 500);
        check(Refusal::of_postgres(&sqlx::Error::ColumnNotFound("c".into())), "INTERNAL", 500);
        check(Refusal::of_log(&LogError::Transient("starting".into())), "UNAVAILABLE", 429);
        check(Refusal::of_log(&LogError::Poison("too large".into())), "INTERNAL", 500);
    }
}
