//! Many senders at once, some of whom mean no good.

use std::time::{Duration, Instant};

use contracts::log::ClockKind;
use tokio::{io::AsyncWriteExt, net::TcpStream};

use crate::support::{Answer, Ingest, answer};

const TRACK: &str = r#"{"userId": "ada", "event": "E"}"#;
const SOON: Duration = Duration::from_secs(20);

/// Begins a body of 4 MB without a key, says 3 MB of it, and no more.
async fn half_said(ingest: &Ingest) -> anyhow::Result<TcpStream> {
    let mut stream = TcpStream::connect(ingest.address()).await?;
    let head = format!("POST /v1/track HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n", 4 << 20);
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(&vec![b' '; 3 << 20]).await?;
    Ok(stream)
}

async fn without_a_key(ingest: &Ingest) -> anyhow::Result<Answer> {
    answer(ingest.http.post(ingest.url("/v1/track")).body(TRACK)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_senders_without_a_key_cost_a_bounded_room_and_nobody_who_has_one() -> anyhow::Result<()> {
    let mut ingest = Ingest::start().await?;
    let key = ingest.workspace("acme", ClockKind::Wall).await?;
    let mut senders = Vec::new();
    for _ in 0..16 {
        senders.push(half_said(&ingest).await?);
    }
    // The room of strangers has 32 MB: what is left is less than one of these bodies.
    let large = || ingest.http.post(ingest.url("/v1/track")).body(vec![b' '; 4 << 20]);
    let begun = Instant::now();
    let refused = loop {
        let answer = answer(large()).await?;
        if answer.status == 429 {
            break answer;
        }
        assert!(begun.elapsed() < SOON, "there is always room: {answer:?}");
    };
    assert_eq!(refused.json()["code"], "TOO_BUSY");
    assert!(!refused.json()["message"].as_str().unwrap_or_default().is_empty());
    assert_eq!(refused.headers["retry-after"], "1");
    let whole = format!("{TRACK}{}", " ".repeat(3 << 20));
    let taken = ingest.post(&key, "/v1/track", whole).await?;
    assert_eq!(taken.status, 200, "{taken:?}");
    drop(senders);
    let begun = Instant::now();
    while answer(large()).await?.status != 400 {
        assert!(begun.elapsed() < SOON, "no room is given back");
    }
    assert_eq!(without_a_key(&ingest).await?.status, 401);
    ingest.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_is_refused_whatever_the_body() -> anyhow::Result<()> {
    let mut ingest = Ingest::start().await?;
    ingest.workspace("acme", ClockKind::Wall).await?;
    for size in [0, 1, 4 << 20, 5 << 20] {
        let answer = ingest.post("pk_wrong", "/v1/track", vec![b'['; size]).await?;
        assert_eq!((answer.status, answer.json()["code"].as_str()), (401, Some("UNAUTHORIZED")), "{size}");
    }
    ingest.stop().await
}
