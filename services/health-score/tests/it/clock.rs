//! Waiting for a workspace's clock.

use contracts::health::AwaitClockRequest;
use tonic::Code;

use crate::support::{DAY, World};

/// It may have been made just now, before this service has heard of it.
#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_a_workspace_that_is_not_heard_of_yet_is_asked_to_repeat() -> anyhow::Result<()> {
    let mut world = World::start().await?;
    let asked = AwaitClockRequest { workspace: "new".into(), to_at: DAY };
    let refused = world.client.await_clock(asked).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable, "{refused}");
    assert!(refused.message().starts_with("nothing is heard of workspace \"new\" yet"), "{refused}");
    world.stop().await
}
