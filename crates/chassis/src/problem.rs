//! What can go wrong for a caller: one closed set of codes, at gRPC and at HTTP.

use std::fmt;

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

/// The closed set. gRPC and HTTP have the same, under their own numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    InvalidArgument,
    Unauthenticated,
    PermissionDenied,
    NotFound,
    MethodNotAllowed,
    RequestTimeout,
    AlreadyExists,
    FailedPrecondition,
    Aborted,
    PayloadTooLarge,
    ResourceExhausted,
    Unavailable,
    DeadlineExceeded,
    Internal,
    Unimplemented,
}

impl Code {
    pub fn http(self) -> StatusCode {
        match self {
            Self::InvalidArgument | Self::FailedPrecondition => StatusCode::BAD_REQUEST,
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::PermissionDenied => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::AlreadyExists | Self::Aborted => StatusCode::CONFLICT,
            Self::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Unimplemented => StatusCode::NOT_IMPLEMENTED,
        }
    }

    pub fn grpc(self) -> tonic::Code {
        match self {
            Self::InvalidArgument | Self::PayloadTooLarge => tonic::Code::InvalidArgument,
            Self::Unauthenticated => tonic::Code::Unauthenticated,
            Self::PermissionDenied => tonic::Code::PermissionDenied,
            Self::NotFound => tonic::Code::NotFound,
            Self::AlreadyExists => tonic::Code::AlreadyExists,
            Self::FailedPrecondition => tonic::Code::FailedPrecondition,
            Self::Aborted => tonic::Code::Aborted,
            Self::ResourceExhausted => tonic::Code::ResourceExhausted,
            Self::Unavailable => tonic::Code::Unavailable,
            Self::RequestTimeout | Self::DeadlineExceeded => tonic::Code::DeadlineExceeded,
            Self::Internal => tonic::Code::Internal,
            Self::MethodNotAllowed | Self::Unimplemented => tonic::Code::Unimplemented,
        }
    }
}

/// An answer that is an error: its kind, its reason in capitals for programs, a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub code: Code,
    pub reason: &'static str,
    pub message: String,
    /// Fields of the request that are wrong, and how.
    pub violations: Vec<(String, String)>,
    /// Further facts for programs.
    pub details: Vec<(&'static str, String)>,
    /// Seconds after which trying again makes sense.
    pub retry_after: Option<u32>,
}

impl Problem {
    pub fn new(code: Code, reason: &'static str, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { code, reason, message, violations: Vec::new(), details: Vec::new(), retry_after: None }
    }

    #[must_use]
    pub fn violation(mut self, field: impl Into<String>, what: impl Into<String>) -> Self {
        self.violations.push((field.into(), what.into()));
        self
    }

    #[must_use]
    pub fn with(mut self, key: &'static str, value: impl Into<String>) -> Self {
        self.details.push((key, value.into()));
        self
    }

    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// A field of the request is wrong.
    pub fn invalid(field: &str, what: impl Into<String>) -> Self {
        let what = what.into();
        Self::new(Code::InvalidArgument, "INVALID", format!("{field}: {what}")).violation(field, what)
    }

    /// There is no such thing.
    pub fn not_found(what: impl fmt::Display) -> Self {
        Self::new(Code::NotFound, "NOT_FOUND", format!("there is no {what}"))
    }

    /// The request is well made, but not for the state that things are in.
    pub fn precondition(reason: &'static str, message: impl Into<String>) -> Self {
        Self::new(Code::FailedPrecondition, reason, message)
    }

    /// Something needed is away; trying again makes sense.
    pub fn away(message: impl Into<String>) -> Self {
        Self::new(Code::Unavailable, "AWAY", message).retry_after(1)
    }

    /// A mistake of ours: logged here, in full; the caller learns no more than that.
    pub fn internal(error: &dyn fmt::Display) -> Self {
        tracing::error!(%error, "internal error: {error}");
        Self::new(Code::Internal, "INTERNAL", "something went wrong here; it has been logged")
    }

    fn body(&self) -> Value {
        let status = self.code.http();
        let mut body = json!({
            "type": "about:blank",
            "title": status.canonical_reason(),
            "status": status.as_u16(),
            "detail": self.message,
            "code": self.reason,
            "message": self.message,
        });
        if !self.violations.is_empty() {
            body["violations"] = self
                .violations
                .iter()
                .map(|(field, what)| json!({"field": field, "message": what}))
                .collect();
        }
        for (key, value) in &self.details {
            body[*key] = json!(value);
        }
        body
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.reason, self.message)
    }
}

impl std::error::Error for Problem {}

/// Postgres's `character_not_in_repertoire`.
const NO_CHARACTER: &str = "22021";

/// Postgres away, or too slow, may be tried again; a character that it does not hold is the caller's mistake; anything
/// else is one of ours.
impl From<sqlx::Error> for Problem {
    fn from(error: sqlx::Error) -> Self {
        if crate::postgres::is_away(&error) {
            tracing::warn!(%error, "Postgres is away: {error}");
            return Self::away("the database is away");
        }
        if error.as_database_error().and_then(|error| error.code()).as_deref() == Some(NO_CHARACTER) {
            return Self::invalid("request", "holds the character U+0000, which no name has");
        }
        Self::internal(&error)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.code.http(), Json(self.body())).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_has_code_and_message_for_the_sdks() {
        let problem = Problem::new(Code::ResourceExhausted, "TOO_FAST", "slow down").with("limit", "10");
        let body = problem.body();
        assert_eq!(body["code"], "TOO_FAST");
        assert_eq!(body["message"], "slow down");
        assert_eq!(body["status"], 429);
        assert_eq!(body["limit"], "10");
        let response = problem.retry_after(3).into_response();
        assert_eq!(response.headers()["retry-after"], "3");
        assert_eq!(response.headers()["content-type"], "application/problem+json");
    }
}
