//! What pages in browsers need of the edge, asked for as they do.

use contracts::log::ClockKind;
use reqwest::{Method, RequestBuilder, header};
use serde_json::{Value as Json, json};

use crate::support::{Answer, Ingest, answer};

const ORIGIN: &str = "https://app.example.com";

fn from_page(ingest: &Ingest, method: Method, path: &str) -> RequestBuilder {
    ingest.http.request(method, ingest.url(path)).header(header::ORIGIN, ORIGIN)
}

fn check_open_to_the_page(answer: &Answer) {
    assert_eq!(answer.headers["access-control-allow-origin"], ORIGIN, "{answer:?}");
    assert_eq!(answer.headers["access-control-allow-credentials"], "true", "{answer:?}");
    let shown = answer.headers["access-control-expose-headers"].to_str().unwrap_or_default();
    assert!(shown.contains("retry-after") && shown.contains("x-ratelimit-reset"), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_any_origin_may_send_whatever_headers_its_client_has() -> anyhow::Result<()> {
    let ingest = Ingest::start().await?;
    let ask = from_page(&ingest, Method::OPTIONS, "/v1/t")
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization,x-retry-count");
    let allowed = answer(ask).await?;
    assert_eq!(allowed.status, 200);
    assert_eq!(allowed.headers["access-control-allow-origin"], ORIGIN);
    assert_eq!(allowed.headers["access-control-allow-headers"], "authorization,x-retry-count");
    assert!(allowed.headers["access-control-allow-methods"].to_str()?.contains("POST"));
    ingest.stop().await
}

/// What a page may not read looks to its client like a network that is away: it would send again what was refused.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_reads_every_answer_and_how_long_to_wait() -> anyhow::Result<()> {
    let mut ingest = Ingest::start().await?;
    let key = ingest.workspace("acme", ClockKind::Wall).await?;
    let post = |key: &str, body: &'static str| {
        let text =
            from_page(&ingest, Method::POST, "/v1/t").header("content-type", "text/plain;charset=UTF-8");
        answer(text.basic_auth(key, Some("")).body(body))
    };
    let track = r#"{"type": "track", "userId": "ada", "event": "E"}"#;
    for (key, body, status) in [(key.as_str(), track, 200), (&key, "{", 400), ("pk_wrong", track, 401)] {
        let answer = post(key, body).await?;
        assert_eq!(answer.status, status, "{answer:?}");
        check_open_to_the_page(&answer);
    }
    ingest.switch.turn_off();
    let busy = post(&key, track).await?;
    assert_eq!((busy.status, &busy.headers["retry-after"]), (429, &"1".parse()?));
    check_open_to_the_page(&busy);
    ingest.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_is_told_where_its_calls_go_also_while_postgres_is_away() -> anyhow::Result<()> {
    let mut ingest = Ingest::start().await?;
    let key = ingest.workspace("acme", ClockKind::Wall).await?;
    ingest.database.pool.close().await;
    let path = format!("/v1/projects/{key}/settings");
    let get = || from_page(&ingest, Method::GET, &path);
    let told = async |request: RequestBuilder| -> anyhow::Result<Json> {
        let answer = answer(request).await?;
        assert_eq!(answer.status, 200, "{answer:?}");
        check_open_to_the_page(&answer);
        Ok(answer.json())
    };
    let settings = told(get()).await?;
    let host = format!("{}/v1", ingest.address());
    let calls = json!({"apiKey": key, "apiHost": host, "protocol": "http"});
    assert_eq!(settings["integrations"], json!({"Segment.io": calls}));
    assert_eq!(settings["metrics"], json!({"sampleRate": 0}));
    let behind = get().header("host", "in.example.com").header("x-forwarded-proto", "https");
    let calls = &told(behind).await?["integrations"]["Segment.io"];
    assert_eq!((&calls["apiHost"], &calls["protocol"]), (&json!("in.example.com/v1"), &json!("https")));
    for none in ["pk_wrong", "%FF", "x%2Fy"] {
        let path = format!("/v1/projects/{none}/settings");
        let answer = answer(from_page(&ingest, Method::GET, &path)).await?;
        assert_eq!((answer.status, answer.json()["code"].as_str()), (401, Some("UNAUTHORIZED")), "{none}");
    }
    Ok(())
}
