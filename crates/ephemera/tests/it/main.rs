//! What replicas share in a real Redis, and what becomes of them when it is killed, hangs or is flushed.

mod support;

use std::time::{Duration, Instant};

use bytes::Bytes;
use ephemera::{Channel, Taking};

use crate::support::{Replica, World, bucket, soon};

#[tokio::test(flavor = "multi_thread")]
async fn replicas_take_from_one_bucket() -> anyhow::Result<()> {
    let world = World::start()?;
    let (one, other) = (world.replica().await?, world.replica().await?);
    let acme = [bucket("acme", 10)];
    for _ in 0..50 {
        for replica in [&one, &other] {
            assert_eq!(replica.buckets.take(&acme, 1).await, Taking::Taken);
        }
    }
    // What came in meanwhile is taken too.
    assert_eq!(one.buckets.take(&acme, 10_000).await, Taking::Taken);
    let Taking::Empty { bucket: 0, wait } = other.buckets.take(&acme, 1).await else {
        panic!("it is empty for everybody");
    };
    assert!(wait > Duration::from_secs(900) && wait < Duration::from_secs(1_001), "{wait:?}");
    assert_eq!(other.counted("quota_takes", "alone"), 0, "{}", other.metrics.text());
    one.stop().await?;
    other.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_buckets_both_are_taken_from_or_neither() -> anyhow::Result<()> {
    let world = World::start()?;
    let replica = world.replica().await?;
    let both = [bucket("{acme}", 1_000), bucket("{acme}:key", 1)];
    assert_eq!(replica.buckets.take(&both, 5_000).await, Taking::Taken);
    for _ in 0..20 {
        let Taking::Empty { bucket, .. } = replica.buckets.take(&both, 5_000).await else {
            panic!("the second is empty");
        };
        assert_eq!(bucket, 1);
    }
    assert_eq!(replica.buckets.take(&both[..1], 1).await, Taking::Taken);
    replica.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_fills_up_by_itself() -> anyhow::Result<()> {
    let world = World::start()?;
    let replica = world.replica().await?;
    let acme = [bucket("acme", 100)];
    assert_eq!(replica.buckets.take(&acme, 1_100).await, Taking::Taken);
    let begun = Instant::now();
    while replica.buckets.take(&acme, 1).await != Taking::Taken {
        assert!(begun.elapsed() < Duration::from_secs(20), "it stays empty");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(begun.elapsed() > Duration::from_millis(900), "{:?}", begun.elapsed());
    replica.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flush_fills_every_bucket_and_nothing_else_happens() -> anyhow::Result<()> {
    let world = World::start()?;
    let replica = world.replica().await?;
    let acme = [bucket("acme", 1)];
    assert_eq!(replica.buckets.take(&acme, 3_600).await, Taking::Taken);
    assert_ne!(replica.buckets.take(&acme, 1).await, Taking::Taken);
    world.redis().flush()?;
    assert_eq!(replica.buckets.take(&acme, 1).await, Taking::Taken);
    assert_eq!(world.redis().ask("SCRIPT FLUSH")?, "+OK");
    assert_eq!(replica.buckets.take(&acme, 1).await, Taking::Taken);
    replica.stop().await
}

/// Of 100 a second each of two replicas has 50: a bucket of 500 is 10 seconds deep.
#[tokio::test(flavor = "multi_thread")]
async fn without_redis_each_replica_has_its_share_and_with_it_again_they_share() -> anyhow::Result<()> {
    let mut world = World::start()?;
    let (one, other) = (world.replica().await?, world.replica().await?);
    let acme = [bucket("acme", 100)];
    soon("both know of each other", || one.replicas() == 2 && other.replicas() == 2).await;
    world.kill()?;
    for replica in [&one, &other] {
        soon("it is seen to be away", || replica.up() == 0).await;
        assert_eq!(replica.buckets.take(&acme, 1_000).await, Taking::Taken);
        let Taking::Empty { wait, .. } = replica.buckets.take(&acme, 1).await else {
            panic!("its share is a half");
        };
        assert!(wait > Duration::from_secs(9) && wait < Duration::from_secs(11), "{wait:?}");
    }
    world.start_again()?;
    for replica in [&one, &other] {
        soon("it is seen to be back", || replica.up() == 1).await;
    }
    assert_eq!(one.buckets.take(&acme, 100_000).await, Taking::Taken);
    assert_ne!(other.buckets.take(&acme, 1).await, Taking::Taken);
    one.stop().await?;
    other.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_hangs_holds_up_nobody() -> anyhow::Result<()> {
    let world = World::start()?;
    let replica = world.replica_with(ephemera::Options::at(world.url())).await?;
    world.redis().hang()?;
    let begun = Instant::now();
    for _ in 0..100 {
        assert_eq!(replica.buckets.take(&[bucket("acme", 1_000)], 1).await, Taking::Taken);
        replica.board.say(Channel::Keys, Bytes::from_static(b"word"));
    }
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    soon("it is seen to hang", || replica.up() == 0).await;
    world.redis().go_on()?;
    soon("it is seen to go on", || replica.up() == 1).await;
    replica.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_says_all_hear_also_after_redis_was_killed() -> anyhow::Result<()> {
    let mut world = World::start()?;
    let (one, other) = (world.replica().await?, world.replica().await?);
    let (mut here, mut there) = (one.board.hear(Channel::Answers), other.board.hear(Channel::Answers));
    said_and_heard(&one, &mut there, "first").await;
    assert_eq!(here.next().await.as_deref(), Some(&b"first"[..]));
    world.kill()?;
    soon("it is seen to be away", || one.up() == 0 && other.up() == 0).await;
    one.board.say(Channel::Answers, Bytes::from_static(b"alone"));
    while here.next().await.as_deref() != Some(&b"alone"[..]) {}
    world.start_again()?;
    said_and_heard(&one, &mut there, "last").await;
    one.stop().await?;
    other.stop().await
}

/// Says it until it is heard: who listens is told to Redis in the background.
async fn said_and_heard(replica: &Replica, hearing: &mut ephemera::Hearing, word: &'static str) {
    let begun = Instant::now();
    loop {
        replica.board.say(Channel::Answers, Bytes::from_static(word.as_bytes()));
        let heard = tokio::time::timeout(Duration::from_millis(100), hearing.next()).await;
        if heard.is_ok_and(|heard| heard.as_deref() == Some(word.as_bytes())) {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{word} is not heard");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_starts_without_redis_and_finds_it_later() -> anyhow::Result<()> {
    let mut world = World::start()?;
    world.kill()?;
    let replica = world.lonely(ephemera::Options::at(world.url()));
    assert_eq!(replica.buckets.take(&[bucket("acme", 1)], 3_600).await, Taking::Taken);
    assert_ne!(replica.buckets.take(&[bucket("acme", 1)], 1).await, Taking::Taken);
    soon("it is complained of", || replica.counted("redis_errors", "away") > 0).await;
    world.start_again()?;
    soon("it is found", || replica.up() == 1).await;
    assert_eq!(replica.buckets.take(&[bucket("acme", 1)], 1).await, Taking::Taken);
    replica.stop().await
}

#[test]
fn what_is_wrong_with_a_url_is_said_without_its_password() {
    for wrong in ["", "localhost", "rediss://:hush@host", "redis://:hush@host/x", "http://me:hush@host"] {
        let said = wrong.parse::<ephemera::Url>().expect_err(wrong);
        assert!(said.contains("redis://") && !said.contains("hush"), "{said}");
    }
    let url: ephemera::Url = "redis://me:hush@host:7/1".parse().expect("a URL");
    assert_eq!(format!("{url} {url:?}"), "host:7 host:7");
}
