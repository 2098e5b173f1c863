//! What went wrong, and what to do about it, in words.

use std::process::ExitCode;

use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::clients::Unreachable;
use crate::myself;

/// Prints the error for people.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    eprintln!("error: {}", in_words(error));
    ExitCode::FAILURE
}

/// The message and, where there is one, a hint.
pub(crate) fn in_words(error: &anyhow::Error) -> String {
    if let Some(unreachable) = error.downcast_ref::<Unreachable>() {
        return format!(
            "{unreachable}\n  Is `{} up` running? Another address: --grpc http://HOST:PORT",
            myself::called()
        );
    }
    if let Some(status) = error.chain().find_map(|cause| cause.downcast_ref::<Status>()) {
        return of_status(status);
    }
    chained(error)
}

/// Each cause behind what came of it, but for one that was told there already.
fn chained(error: &anyhow::Error) -> String {
    let mut told = String::new();
    for cause in error.chain().map(ToString::to_string).filter(|cause| !cause.is_empty()) {
        if !told.ends_with(&cause) {
            told = if told.is_empty() { cause } else { format!("{told}: {cause}") };
        }
    }
    told
}

fn of_status(status: &Status) -> String {
    let message = if status.message().is_empty() { status.code().description() } else { status.message() };
    let mut lines = vec![message.to_owned()];
    let violations = violations(status).into_iter().map(|(field, why)| format!("{field}: {why}"));
    lines.extend(violations.filter(|it| it != status.message()).map(|it| format!("  {it}")));
    if let Some(retry) = status.get_details_retry_info().and_then(|info| info.retry_delay) {
        lines.push(format!("  Try again in {} s.", retry.as_secs().max(1)));
    }
    let reason = status.get_details_error_info().map(|info| info.reason).unwrap_or_default();
    lines.extend(hint(status.code(), &reason, &myself::called()).map(|hint| format!("  {hint}")));
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

fn hint(code: Code, reason: &str, program: &str) -> Option<String> {
    let hint = match (code, reason) {
        (Code::NotFound, "WORKSPACE_NOT_FOUND") => {
            return Some(format!(
                "`{program} workspaces ls` shows those there are; --workspace chooses one."
            ));
        }
        (Code::Aborted, _) => {
            return Some(format!("Somebody else was faster: look again (`{program} diff`), then repeat."));
        }
        (Code::Unavailable | Code::DeadlineExceeded, _) => {
            "Nothing is lost: repeat it. What the service logs says which part is away."
        }
        (Code::Unimplemented, _) => {
            "What answers there does not know this call: is it the right --grpc address?"
        }
        (Code::Cancelled, "") => "What answers there may not speak gRPC: is it the right --grpc address?",
        _ => return None,
    };
    Some(hint.to_owned())
}

#[cfg(test)]
mod tests {
    use tonic::{Code, Status};
    use tonic_types::{ErrorDetails, StatusExt};

    use super::in_words;

    #[test]
    fn a_cause_is_told_once() {
        let error = anyhow::anyhow!("refused").context("asking: refused").context("starting");
        assert_eq!(in_words(&error), "starting: asking: refused");
    }

    #[test]
    fn a_status_that_says_nothing_is_told_by_its_code() {
        let said = in_words(&Status::new(Code::Unimplemented, "").into());
        assert!(said.contains("not implemented") && said.contains("--grpc"), "{said}");
    }

    #[test]
    fn who_names_no_workspace_hears_how_to_see_those_there_are() {
        let details = ErrorDetails::with_error_info("WORKSPACE_NOT_FOUND", "perennial", []);
        let status = Status::with_error_details(Code::NotFound, "there is no workspace \"typo\"", details);
        let said = in_words(&status.into());
        assert!(said.starts_with("there is no workspace \"typo\" (WORKSPACE_NOT_FOUND)\n"), "{said}");
        assert!(said.contains("workspaces ls"), "{said}");
    }
}
