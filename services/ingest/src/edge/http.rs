//! Segment's HTTP API, as its clients and RudderStack's rely on it: exactly 200 for what was taken, `code` and
//! `message` in every error, 429 with `Retry-After` where waiting helps.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::{Path, State, rejection::PathRejection},
    http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use chassis::{
    Problem,
    trace::{KeyValue, answered, describe, follow_headers},
};
use domain::time::Instant;
use tracing::{Instrument, Span};

use super::{Edge, Refusal, Request, Route, Shown, Taken, browser, hearing::whole, limits::BODY_WITHIN};

/// The answer to what was taken: exactly 200 with this, or clients send again.
const TAKEN: &str = r#"{"success": true}"#;

/// When waiting is over, beside `Retry-After`.
pub(super) const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

const WELCOME: &str = "\
Perennial takes events here, as Segment's and RudderStack's clients send them.

  curl -u WRITE_KEY: http://HOST/v1/track -d '{
    \"userId\": \"ada\", \"event\": \"Report Exported\", \"context\": {\"groupId\": \"acme\"}}'

Calls: POST /v1/identify, /v1/track, /v1/page, /v1/screen, /v1/group, /v1/alias, /v1/batch and /v1/import;
from browsers /v1/i, /v1/t, /v1/p, /v1/s, /v1/g, /v1/a and /v1/b.
";

pub(crate) fn router(edge: Arc<Edge>) -> Router {
    Router::new()
        .route("/", get(|| async { WELCOME }))
        .route("/v1/{call}", post(take).fallback(not_posted))
        .route("/v1/projects/{key}/settings", get(browser::settings))
        .fallback(unknown)
        .layer(browser::cross_origin())
        .with_state(edge)
}

async fn take(
    State(edge): State<Arc<Edge>>,
    call: Result<Path<String>, PathRejection>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Response {
    // A path that is no text is none of ours.
    let call = call.map_or(String::new(), |Path(call)| call);
    let Some(route) = Route::parse(&call) else {
        return refuse(Refusal::UnknownPath(format!("POST {}", uri.path())));
    };
    let span = span(&call, &headers);
    let response = match edge.answer(taken(&edge, route, &headers, body)).instrument(span.clone()).await {
        Ok(_) => ([(header::CONTENT_TYPE, "application/json")], TAKEN).into_response(),
        Err(refusal) => refuse(refusal),
    };
    let status = response.status();
    answered(&span, status.as_u16(), status.is_server_error());
    response
}

/// Named as OpenTelemetry's semantic conventions for HTTP say.
fn span(call: &str, headers: &HeaderMap) -> Span {
    let span = tracing::error_span!(
        "ingest",
        call,
        otel.name = "POST /v1/{call}",
        otel.kind = "server",
        trace_id = tracing::field::Empty
    );
    follow_headers(&span, headers);
    describe(&span, || {
        vec![
            KeyValue::new("http.request.method", "POST"),
            KeyValue::new("http.route", "/v1/{call}"),
            KeyValue::new("url.path", format!("/v1/{call}")),
            KeyValue::new("url.scheme", "http"),
        ]
    });
    span
}

async fn taken(edge: &Edge, route: Route, headers: &HeaderMap, body: Body) -> Result<Taken, Refusal> {
    let shown = shown(text(headers, header::AUTHORIZATION));
    let (access, verdict) = match edge.look_at(&shown).await {
        Ok(access) => (access, Ok(())),
        Err(refusal) => (None, Err(refusal)),
    };
    let mut held = edge.rooms.enter(access.is_some());
    let body = whole(body, verdict, &mut held, BODY_WITHIN).await?;
    let request = Request {
        route,
        shown,
        access,
        encoding: text(headers, header::CONTENT_ENCODING),
        body,
        held,
        received: Instant(chassis::clock::now()),
    };
    let taken = edge.take_body(request).await?;
    tracing::debug!(accepted = taken.accepted, quarantined = taken.quarantined, "took events");
    Ok(taken)
}

async fn unknown(method: Method, uri: Uri) -> Response {
    refuse(Refusal::UnknownPath(format!("{method} {}", uri.path())))
}

/// A call of ours by another method than POST; what is none of ours is unknown by any.
async fn not_posted(method: Method, uri: Uri) -> Response {
    if uri.path().strip_prefix("/v1/").and_then(Route::parse).is_none() {
        return unknown(method, uri).await;
    }
    let mut response = refuse(Refusal::NotPosted(format!("{method} {}", uri.path())));
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
    response
}

pub(super) fn refuse(refusal: Refusal) -> Response {
    let wait = match &refusal {
        Refusal::Busy { retry_after_s, .. } => Some(i64::from(*retry_after_s) * 1_000),
        _ => None,
    };
    let unauthorized = matches!(refusal, Refusal::Unauthorized(_));
    let unheard = matches!(refusal, Refusal::TooLarge(_) | Refusal::TooSlow(_));
    let mut response = Problem::from(refusal).into_response();
    if let Some(wait) = wait {
        // Milliseconds since 1970: what Segment's Node client subtracts its clock from.
        let reset = (chassis::clock::now() + wait).to_string();
        if let Ok(reset) = HeaderValue::from_str(&reset) {
            response.headers_mut().insert(RESET, reset);
        }
    }
    if unheard {
        // What is left of the body stands in the way of the next request.
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    if unauthorized {
        response
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"Perennial\""));
    }
    response
}

pub(super) fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// `Basic base64(key + ":")` with or without the colon, or `Bearer`.
fn shown(authorization: Option<&str>) -> Shown {
    let Some((scheme, value)) = authorization.and_then(|it| it.trim().split_once(' ')) else {
        return Shown::Nothing;
    };
    let value = value.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Shown::Token(value.to_owned());
    }
    let decoded = STANDARD.decode(value).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    match decoded {
        Some(pair) if scheme.eq_ignore_ascii_case("basic") => {
            let key = pair.split_once(':').map_or(pair.as_str(), |(key, _)| key);
            if key.is_empty() { Shown::Nothing } else { Shown::Key(key.to_owned()) }
        }
        _ => Shown::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_comes_as_the_user_name_with_or_without_a_colon() {
        let key = || Shown::Key("k1".into());
        assert_eq!(shown(Some("Basic azE6")), key());
        assert_eq!(shown(Some("basic azE=")), key());
        assert_eq!(shown(Some("Basic azE6cGFzc3dvcmQ=")), key());
        assert_eq!(shown(Some("Bearer k1")), Shown::Token("k1".into()));
        for nothing in
            [None, Some(""), Some("Basic"), Some("Basic %%"), Some("Basic Og=="), Some("Digest azE6")]
        {
            assert_eq!(shown(nothing), Shown::Nothing, "{nothing:?}");
        }
    }
}
