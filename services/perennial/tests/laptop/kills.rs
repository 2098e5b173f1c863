//! `kill -9` under load.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures_util::future::try_join;
use testkit::sim::Rng;
use tokio::time::timeout;

use crate::{
    evidence::Outcome,
    metrics,
    process::{Home, Perennial, alone},
    stage::Stage,
};

const SEED: u64 = 1997;
const KILLS: usize = 50;
/// Whoever joins a group takes its time.
const KILLS_ON_KAFKA: usize = 8;
/// One kill in so many takes Postgres down as well.
const POSTGRES: u64 = 8;
/// Calls in flight when the one that is waited for is answered.
const IN_FLIGHT: usize = 16;
/// A webhook that nobody reports is sent again ten seconds later than this, in seconds.
const LONGEST_CALL: u32 = 1;
/// Webhooks under way at once, to two endpoints.
const UNDER_WAY: usize = 16;
/// So few that every worker begins again from a checkpoint, time after time.
const CHECKPOINT_RECORDS: u32 = 100;
/// A moment that does not come is not waited for longer.
const MOMENT: Duration = Duration::from_secs(20);
/// How long `/metrics` may take of what is about to be killed.
const GLANCE: Duration = Duration::from_millis(200);

/// When a life ends.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// So long after its beginning, whether it answers yet or not.
    Age(Duration),
    /// After so many more answers.
    Answers(usize),
    /// After so many more webhooks.
    Webhooks(usize),
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_killed_fifty_times_loses_nothing_and_decides_nothing_twice() -> Result<()> {
    let _alone = alone().await;
    let begun = Instant::now();
    let (undisturbed, repeated) = run(Home::new(LONGEST_CALL)?, 0).await?;
    println!("never killed: {:?}", begun.elapsed());
    assert_eq!(repeated, 0, "webhooks are repeated without a kill");
    assert_same(&killed(Home::new(LONGEST_CALL)?, KILLS).await?, &undisturbed);
    let on_kafka = killed(Home::new(LONGEST_CALL)?.on_kafka().await?, KILLS_ON_KAFKA).await?;
    assert_same(&on_kafka, &undisturbed);
    Ok(())
}

fn assert_same(killed: &Outcome, undisturbed: &Outcome) {
    assert_eq!(killed.segments, undisturbed.segments);
    assert_eq!(killed.ctas, undisturbed.ctas);
    assert!(killed.webhooks == undisturbed.webhooks, "the webhooks are others");
    assert_eq!(killed.stories.len(), undisturbed.stories.len());
    for (account, story) in &undisturbed.stories {
        assert_eq!(killed.stories.get(account), Some(story), "{account}");
    }
}

/// What became of a shop whose processes are killed so often; fails if that is not what the oracle computes.
async fn killed(home: Home, kills: usize) -> Result<Outcome> {
    let begun = Instant::now();
    let (killed, repeated) = run(home, kills).await?;
    println!("killed {kills} times: {:?}, {repeated} webhooks were repeated", begun.elapsed());
    assert!(repeated <= kills * UNDER_WAY, "more than those under way were repeated");
    Ok(killed)
}

/// What became of the shop, and how many webhooks were repeated.
async fn run(home: Home, kills: usize) -> Result<(Outcome, usize)> {
    let stage = Stage::new(home.checkpointing(CHECKPOINT_RECORDS)).await?;
    let found =
        disturbed(&stage, kills).await.with_context(|| format!("it said:\n{}\n", stage.home.complaints()))?;
    stage.close().await?;
    Ok(found)
}

async fn disturbed(stage: &Stage, kills: usize) -> Result<(Outcome, usize)> {
    let script = stage.script();
    let ((), process) = try_join(script.play(), live(stage, kills)).await?;
    stage.settle().await?;
    let found = stage.examine().await?;
    let (status, took) = process.terminate().await?;
    ensure!(status.success(), "it ended with {status} after {took:?}");
    Ok(found)
}

/// As many lives as it is killed, and one more, in which everything is let through.
async fn live(stage: &Stage, kills: usize) -> Result<Perennial<'_>> {
    let mut dice = Rng::new(SEED);
    let mut checkpoints = 0;
    for kill in 1..=kills {
        let moment = moment(&mut dice, kill);
        let mut process = Perennial::spawn(&stage.home)?;
        // A moment that does not come ends the life all the same.
        timeout(MOMENT, wait_for(moment, &mut process, stage)).await.unwrap_or(Ok(()))?;
        if let Ok(Ok(metrics)) = timeout(GLANCE, stage.client.metrics()).await {
            metrics::check_sound(&metrics)?;
            checkpoints += metrics::sum(&metrics, "perennial_worker_checkpoints_total")?;
        }
        let postgres_too = dice.below(POSTGRES) == 0;
        println!(
            "seed {SEED}, kill {kill}: {moment:?}, Postgres too: {postgres_too}; {} answers, {} webhooks, {checkpoints} checkpoints \
             so far",
            stage.gate.answered(),
            stage.receiver.count()
        );
        if postgres_too {
            stage.home.kill_postgres()?;
        }
        process.kill()?;
    }
    ensure!(checkpoints >= kills as u64, "only {checkpoints} checkpoints in {kills} lives");
    stage.gate.open();
    Perennial::start(&stage.home).await
}

/// The first lives are short: the workspaces are being made.
fn moment(dice: &mut Rng, kill: usize) -> Moment {
    let up_to = |dice: &mut Rng, most| 1 + usize::try_from(dice.below(most)).unwrap_or_default();
    match dice.below(8) {
        _ if kill == 1 => Moment::Answers(1),
        _ if kill < 6 => Moment::Answers(up_to(dice, 2)),
        0 => Moment::Age(Duration::from_millis(dice.below(1_500))),
        1 => Moment::Webhooks(up_to(dice, 40)),
        _ => Moment::Answers(up_to(dice, 260)),
    }
}

async fn wait_for(moment: Moment, process: &mut Perennial<'_>, stage: &Stage) -> Result<()> {
    match moment {
        Moment::Age(age) => tokio::time::sleep(age).await,
        Moment::Answers(answers) => {
            let goal = stage.gate.answered() + answers;
            stage.gate.allow(answers + IN_FLIGHT);
            process.ready().await?;
            stage.gate.reach(goal).await;
        }
        Moment::Webhooks(calls) => {
            let goal = stage.receiver.count() + calls;
            stage.gate.allow(calls + IN_FLIGHT);
            process.ready().await?;
            stage.receiver.reach(goal).await;
        }
    }
    Ok(())
}
