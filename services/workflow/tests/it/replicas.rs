//! Commands to replicas, of which one has the account.

use std::{collections::BTreeSet, time::Duration};

use anyhow::Context;
use contracts::cta::{Command, ReassignCtaRequest};
use ephemera::{Channel, Ephemera, Options};
use testkit::servers::OwnRedis;
use tokio::time::timeout;

use crate::{
    receiver::Receiver,
    support::{WORKSPACE, World, config},
};

const SOON: Duration = Duration::from_secs(30);

/// Done, and its answer returned.
async fn reassign(world: &mut World, cta: &str, id: u128) -> anyhow::Result<()> {
    let command_id = uuid::Uuid::from_u128(id).to_string();
    let owner = format!("owner {id}");
    let command = Command { workspace: WORKSPACE.into(), cta: cta.into(), by: "ann".into(), command_id };
    let asked = ReassignCtaRequest { command: Some(command), owner: owner.clone() };
    let answer = world.client.reassign_cta(asked).await?.into_inner().cta.context("no CTA")?;
    assert_eq!(answer.owner, owner);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_hears_from_another_that_its_command_has_an_answer_and_needs_not_to() -> anyhow::Result<()>
{
    let (mut redis, receiver) = (OwnRedis::start()?, Receiver::start([]).await?);
    let mut one = World::start_sharing(config(), &receiver.url(), &redis).await?;
    let mut other = one.beside().await?;
    one.order(1).await?;
    let cta = one.cta().await?.cta;

    let (metrics, tasks) = (chassis::metrics::Metrics::new(), chassis::Tasks::new());
    let url = redis.url().parse::<ephemera::Url>().map_err(|why| anyhow::anyhow!("{why}"))?;
    let third = Ephemera::in_redis(Options::at(url), &metrics, &tasks);
    let mut answers = third.board.hear(Channel::Answers);
    let mut heard = BTreeSet::new();
    for id in 1..=20 {
        reassign(if id % 2 == 0 { &mut one } else { &mut other }, &cta, id).await?;
        // It may be too early for who has just begun to listen.
        if let Ok(word) = timeout(Duration::from_millis(100), answers.next()).await {
            heard.insert(u128::from_be_bytes(word.context("nobody speaks")?[..].try_into()?));
        }
    }
    assert!(heard.len() > 5 && heard.iter().all(|id| (1..=20).contains(id)), "{heard:?}");

    redis.flush()?;
    reassign(&mut one, &cta, 21).await?;
    redis.kill()?;
    for world in [&mut one, &mut other] {
        world.soon("perennial_redis_up 0").await?;
    }
    reassign(&mut one, &cta, 22).await?;
    timeout(SOON, reassign(&mut other, &cta, 23)).await??;
    tasks.stop();
    tasks.finish(Duration::from_secs(10)).await?;
    other.leave().await?;
    one.stop().await
}
