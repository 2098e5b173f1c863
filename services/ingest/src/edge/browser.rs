//! What clients in browsers need beside the calls: to be let in from other origins, and to be told where calls go.

use std::time::Duration;

use axum::{
    Json,
    extract::{Path, rejection::PathRejection},
    http::{HeaderMap, HeaderName, Method, header},
    response::{IntoResponse, Response},
};
use serde_json::json;
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

use super::{
    Refusal,
    http::{RESET, refuse, text},
};
use crate::keys::WriteKey;

/// Said by the proxy that ends TLS before this process.
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
/// How long a browser need not ask again whether it may send.
const ALLOWED_FOR: Duration = Duration::from_secs(86_400);

/// Any page may send: what opens a workspace is the write key, and no cookie. Pages are shown how long to wait, which
/// browsers keep from them otherwise.
pub(super) fn cross_origin() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(AllowOrigin::mirror_request())
        .allow_methods([Method::GET, Method::POST])
        .allow_headers(AllowHeaders::mirror_request())
        .allow_credentials(true)
        .expose_headers([header::RETRY_AFTER, RESET])
        .max_age(ALLOWED_FOR)
}

/// What Segment's client asks its CDN for before it sends anything. Asks nobody itself, so that with Postgres away
/// pages still begin to collect; whether somebody has the key is told when it sends.
pub(super) async fn settings(key: Result<Path<String>, PathRejection>, headers: HeaderMap) -> Response {
    let Some(key) = key.ok().filter(|Path(key)| WriteKey::parse(key).is_some()) else {
        return refuse(Refusal::Unauthorized("this is not a write key"));
    };
    let Some(host) = text(&headers, header::HOST).filter(|host| !host.is_empty()) else {
        return refuse(Refusal::Malformed("it names no host".into()));
    };
    let secure = text(&headers, FORWARDED_PROTO).is_some_and(|it| it.eq_ignore_ascii_case("https"));
    let calls = json!({
        "apiKey": key.0,
        "apiHost": format!("{host}/v1"),
        "protocol": if secure { "https" } else { "http" },
    });
    // Without a rate of its own the client tells Segment how it fares.
    Json(json!({"integrations": {"Segment.io": calls}, "metrics": {"sampleRate": 0}})).into_response()
}
