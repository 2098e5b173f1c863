//! What went wrong, and what to do about it, in words.

use std::process::ExitCode;

use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::clients::Unreachable;

/// Prints the error for people.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    eprintln!("error: {}", in_words(error));
    ExitCode::FAILURE
}

/// The message and, where there is one, a hint.
pub(crate) fn in_words(error: &anyhow::Error) -> String {
    if let Some(unreachable) = error.downcast_ref::<Unreachable>() {
        return format!(
            "{unreachable}\n  Is `perennial up` running? Another address: --grpc http://HOST:PORT"
        );
    }
    if let Some(status) = error.chain().find_map(|cause| cause.downcast_ref::<Status>()) {
        return of_status(status);
    }
    format!("{error:#}")
}

fn of_status(status: &Status) -> String {
    let mut lines = vec![status.message().to_owned()];
    for violation in violations(status) {
        lines.push(format!("  {}: {}", violation.0, violation.1));
    }
    if let Some(retry) = status.get_details_retry_info().and_then(|info| info.retry_delay) {
        lines.push(format!("  Try again in {} s.", retry.as_secs().max(1)));
    }
    let reason = status.get_details_error_info().map(|info| info.reason).unwrap_or_default();
    lines.extend(hint(status.code(), &reason).map(|hint| format!("  {hint}")));
    if !reason.is_empty() {
        lines[0] = format!("{} ({reason})", lines[0]);
    }
    lines.join("\n")
}

/// The fields that were refused, each with the reason.
pub(crate) fn violations(status: &Status) -> Vec<(String, String)> {
    let details = status.get_details_bad_request();
    let violations = details.into_iter().flat_map(|bad| bad.field_violations);
    violations.map(|violation| (violation.field, violation.description)).collect()
}

fn hint(code: Code, reason: &str) -> Option<&'static str> {
    match (code, reason) {
        (Code::NotFound, reason) if reason.contains("WORKSPACE") => {
            Some("`perennial workspaces ls` shows those there are; --workspace chooses one.")
        }
        (Code::Aborted, _) => Some("Somebody else was faster: look again (`perennial diff`), then repeat."),
        (Code::Unavailable | Code::DeadlineExceeded, _) => {
            Some("Nothing is lost: repeat it. `/readyz` on the HTTP port says which part is away.")
        }
        (Code::Unimplemented, _) => {
            Some("What answers there does not know this call: is it the right --grpc address?")
        }
        _ => None,
    }
}
