//! What came of telling somebody, whichever way.

use domain::{decision::AttemptReported, time::Instant};

use super::Due;

/// Characters of an error, in the log.
const MAX_ERROR: usize = 300;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    /// Of HTTP or of SMTP; `None`: no answer, or none that says so by its status.
    pub(super) status: Option<u16>,
    /// Nothing secret and nobody's address: it stands in the log.
    pub(super) error: String,
    pub(super) permanent: bool,
    /// Milliseconds UTC.
    pub(super) retry_at: Option<i64>,
}

impl Outcome {
    pub(super) fn answered(status: u16) -> Self {
        Self { status: Some(status), ..Self::default() }
    }

    /// It failed, and may go well another time.
    pub(super) fn failed(status: Option<u16>, error: impl Into<String>) -> Self {
        Self { status, error: error.into(), ..Self::default() }
    }

    /// It would fail again.
    pub(super) fn hopeless(status: Option<u16>, error: impl Into<String>) -> Self {
        Self { permanent: true, ..Self::failed(status, error) }
    }

    pub(super) fn is_success(&self) -> bool {
        self.status.is_some_and(|status| (200..300).contains(&status))
    }

    pub(super) fn report(self, due: &Due, began_at: i64) -> AttemptReported {
        AttemptReported {
            notification: due.attempt.notification,
            attempt: due.attempt.attempt,
            begun: true,
            permanent: self.permanent,
            status: self.status,
            error: self.error.chars().take(MAX_ERROR).collect(),
            retry_at: self.retry_at.map(Instant),
            began_at: Instant(began_at),
            took_ms: u32::try_from(chassis::clock::now() - began_at).unwrap_or_default(),
        }
    }
}
