//! Webhooks, called as the Standard Webhooks specification says.

use contracts::{
    account::NotificationState,
    cta::{EnableEndpointRequest, Notification},
};

use crate::{
    receiver::{Answer, Receiver},
    support::{WORKSPACE, World, catalogue, config},
};

/// It is settled, and its attempts, written down beside that, had these answers.
fn is_delivered_by(notification: &Notification, statuses: &[u32]) -> bool {
    let seen = notification.attempts.iter().map(|attempt| attempt.status);
    notification.state() == NotificationState::Delivered && seen.eq(statuses.iter().copied())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_calls_the_webhook_and_says_why() -> anyhow::Result<()> {
    let mut receiver = Receiver::start([]).await?;
    let mut world = World::start(config(), &receiver.url()).await?;
    world.order(1).await?;
    let call = receiver.call().await?;
    let notification = world.notification(|it| is_delivered_by(it, &[204])).await?;
    assert_eq!(call.id(), notification.notification);
    assert_eq!(call.body, notification.body);
    assert_eq!(call.headers["content-type"], "application/json");
    let body: serde_json::Value = serde_json::from_str(&call.body)?;
    assert_eq!(body["type"], "playbook.notification");
    assert_eq!(body["data"]["trigger"]["event"], "Order Completed");
    assert_eq!(body["data"]["cta"], world.cta().await?.cta);
    world.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_call_is_made_again_under_the_same_id() -> anyhow::Result<()> {
    let mut receiver = Receiver::start([Answer::Status(500)]).await?;
    let mut world = World::start(config(), &receiver.url()).await?;
    world.order(1).await?;
    let (first, second) = (receiver.call().await?, receiver.call().await?);
    assert_eq!(first.id(), second.id());
    assert_eq!(first.body, second.body);
    let settled = world.notification(|it| is_delivered_by(it, &[500, 204])).await?;
    let pause = settled.attempts[1].began_at - settled.attempts[0].began_at;
    assert!(pause >= 5_000, "{pause} ms");
    world.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_retry_after_asks_for_is_honoured() -> anyhow::Result<()> {
    let busy = Answer::With(503, "retry-after", "8".into());
    let mut receiver = Receiver::start([busy]).await?;
    let mut world = World::start(config(), &receiver.url()).await?;
    world.order(1).await?;
    let settled = world.notification(|it| it.state() == NotificationState::Delivered).await?;
    let pause = settled.attempts[1].began_at - settled.attempts[0].began_at;
    assert!(pause >= 8_000, "{pause} ms");
    assert_eq!(receiver.rest().len(), 2);
    world.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_is_gone_is_not_called_until_it_is_enabled() -> anyhow::Result<()> {
    let mut receiver = Receiver::start([Answer::Status(410)]).await?;
    let mut world = World::start(config(), &receiver.url()).await?;
    world.order(1).await?;
    world.notification(|it| it.state() == NotificationState::Gone).await?;
    assert!(world.endpoint().await?.disabled_at > 0);
    world.order(2).await?;
    let is_refused = |it: &Notification| {
        it.state() == NotificationState::Gone && it.attempts[0].error.starts_with("not called")
    };
    world.notification(is_refused).await?;
    assert_eq!(receiver.rest().len(), 1);
    let enable = EnableEndpointRequest { workspace: WORKSPACE.into(), endpoint: "crm".into() };
    world.client.enable_endpoint(enable).await?;
    world.order(3).await?;
    world.notification(|it| it.state() == NotificationState::Delivered).await?;
    assert_eq!(receiver.rest().len(), 1);
    world.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_an_answer_and_not_followed() -> anyhow::Result<()> {
    let mut receiver = Receiver::start([Answer::With(302, "location", "/elsewhere".into())]).await?;
    let mut world = World::start(config(), &receiver.url()).await?;
    world.order(1).await?;
    let tried = world.notification(|it| it.attempts.iter().any(|a| a.status != 0)).await?;
    assert_eq!(tried.attempts[0].status, 302);
    let paths: Vec<_> = receiver.rest().into_iter().map(|call| call.path).collect();
    assert_eq!(paths, ["/hook"]);
    world.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_hangs_is_left_after_the_longest_call() -> anyhow::Result<()> {
    let mut receiver = Receiver::start([Answer::Hang]).await?;
    let mut world = World::start(config(), &receiver.url()).await?;
    world.order(1).await?;
    let first = receiver.call().await?;
    let settled = world.notification(|it| it.state() == NotificationState::Delivered).await?;
    assert_eq!(receiver.call().await?.id(), first.id());
    let hung = &settled.attempts[0];
    assert!(hung.status == 0 && hung.error.starts_with("no answer in time"), "{hung:?}");
    assert!(hung.took_ms >= 1_000, "{hung:?}");
    world.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_that_are_not_public_are_not_called() -> anyhow::Result<()> {
    let mut receiver = Receiver::start([]).await?;
    let port = receiver.port();
    let hosts = ["127.0.0.1", "localhost", "[::1]", "0x7f.1", "[::ffff:127.0.0.1]"];
    let strict = workflow::Config { allow_loopback: false, ..config() };
    let mut world = World::start(strict, "http://10.0.0.1/").await?;
    let mut seen = Vec::new();
    for (n, host) in (1_u32..).zip(hosts) {
        let version = u64::from(n) + 1;
        world.apply(version, &catalogue(&format!("http://{host}:{port}/"))).await?;
        world.endpoint_at(&format!("http://{host}:{port}/")).await?;
        world.order(n.into()).await?;
        let is_tried = |it: &Notification| {
            !seen.contains(&it.notification) && it.attempts.iter().any(|a| !a.error.is_empty())
        };
        let tried = world.notification(is_tried).await?;
        seen.push(tried.notification);
        let error = &tried.attempts[0].error;
        assert!(error.contains("the address is not public"), "{host}: {error}");
    }
    assert_eq!(receiver.rest().len(), 0);
    world.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_keeps_its_secret_and_what_is_delivered_stays_so() -> anyhow::Result<()> {
    let mut receiver = Receiver::start([]).await?;
    let mut world = World::start(config(), &receiver.url()).await?;
    let secret = world.endpoint().await?.secret;
    assert!(secret.starts_with("whsec_") && secret.len() > 40, "{secret}");
    world.order(1).await?;
    world.notification(|it| it.state() == NotificationState::Delivered).await?;
    let mut world = world.restart().await?;
    let moved = format!("{}/v2", receiver.url());
    world.apply(2, &catalogue(&moved)).await?;
    world.endpoint_at(&moved).await?;
    world.order(2).await?;
    let (first, second) = (receiver.call().await?, receiver.call().await?);
    assert_ne!(first.id(), second.id());
    assert_eq!((first.path.as_str(), second.path.as_str()), ("/hook", "/hook/v2"));
    world.notification(|it| it.state() == NotificationState::Delivered).await?;
    assert_eq!(world.endpoint().await?.secret, secret);
    assert_eq!(receiver.rest().len(), 0);
    world.stop().await
}
