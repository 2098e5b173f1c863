//! One client in round after round: in each its requests meet something else, and it says what it gave up.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use chassis::Tasks;
use tokio::sync::{Semaphore, watch};

use super::{
    program::{Client, Program, Told},
    proxy::{Attempt, Edge, Fault, Plan, Proxy},
};

/// Calls that an SDK makes in a round.
pub(super) const CALLS: [&str; 7] = ["identify", "group", "track", "page", "screen", "alias", "other"];
/// The last round, after which nothing follows.
pub(super) const LAST: &str = "at last";

/// What becomes of a round's calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Kept,
    /// Refused for good: sent once, and given up.
    Refused,
    /// Sent again and again, and given up.
    GivenUp,
    /// Some are kept and some are not: the SDK says which.
    Either,
}

/// A client, what stands before it, and everything it was heard to say.
pub struct Sender {
    pub client: Client,
    program: Program,
    proxy: Proxy,
    pub(super) rounds: Vec<Round>,
}

pub(super) struct Round {
    pub(super) name: String,
    pub(super) outcome: Outcome,
    pub(super) told: Told,
}

impl Sender {
    /// The client, sending under this key to where the edge is at the time.
    pub async fn start(
        client: Client,
        key: &str,
        edge: watch::Receiver<Option<Edge>>,
        tasks: &Tasks,
    ) -> Result<Self> {
        let proxy = Proxy::start(edge, tasks).await?;
        let program = Program::start(client, &proxy.url(), key)?;
        Ok(Self { client, program, proxy, rounds: Vec::new() })
    }

    /// A round for each thing that may happen to requests.
    pub async fn meets_everything(&mut self) -> Result<()> {
        let once = self.client.requests();
        self.round("plainly", None, Outcome::Kept).await?;
        for (name, fault) in [
            ("busy", Fault::Busy(1)),
            ("broken", Fault::Broken),
            ("away", Fault::Away),
            ("reset", Fault::Reset),
            ("unheard", Fault::Unheard),
        ] {
            self.round(name, Some(Plan { fault, requests: once }), Outcome::Kept).await?;
        }
        if !self.client.tells_failures() {
            return Ok(());
        }
        for (name, fault, outcome) in [
            ("malformed", Fault::Malformed, Outcome::Refused),
            ("stranger", Fault::Stranger, Outcome::Refused),
            ("large", Fault::TooLarge, Outcome::Refused),
            ("gone", Fault::Away, Outcome::GivenUp),
        ] {
            self.round(name, Some(Plan { fault, requests: usize::MAX }), outcome).await?;
        }
        Ok(())
    }

    /// Round after round until the edge is back, and a last one. A permit tells of every round.
    pub async fn goes_on(&mut self, told: &Semaphore, back: &AtomicBool) -> Result<()> {
        for number in 0.. {
            let was_back = back.load(Ordering::SeqCst);
            self.round(&format!("again {number}"), None, Outcome::Either).await?;
            told.add_permits(1);
            if was_back {
                break;
            }
        }
        self.round(LAST, None, Outcome::Kept).await
    }

    /// Ends the client as a program ends that has nothing more to say.
    pub async fn end(self) -> Result<()> {
        self.program.end().await
    }

    async fn round(&mut self, name: &str, plan: Option<Plan>, outcome: Outcome) -> Result<()> {
        let said = || format!("{}: {name}", self.client.name());
        self.proxy.plan(plan);
        let told = self.program.round(name).await.with_context(said)?;
        let attempts = self.proxy.attempts();
        ensure!(
            told.made.len() == CALLS.len() && told.ids.len() == CALLS.len(),
            "a call is missing: {told:?}"
        );
        let sound = self.check(plan, outcome, &told, &attempts);
        sound.with_context(|| format!("{}: {told:?} {attempts:?}", said()))?;
        self.rounds.push(Round { name: name.to_owned(), outcome, told });
        Ok(())
    }

    fn check(&self, plan: Option<Plan>, outcome: Outcome, told: &Told, attempts: &[Attempt]) -> Result<()> {
        let failed = told.failed.len();
        match outcome {
            Outcome::Kept => ensure!(failed == 0, "{failed} were given up"),
            Outcome::Refused | Outcome::GivenUp => {
                ensure!(failed == CALLS.len(), "only {failed} were given up")
            }
            Outcome::Either => return Ok(()),
        }
        for id in told.ids.keys() {
            let of_it: Vec<_> = attempts.iter().filter(|attempt| attempt.messages.contains(id)).collect();
            check_repeats(outcome, &of_it).with_context(|| id.clone())?;
            if let Some(Plan { fault: Fault::Busy(seconds), .. }) = plan
                && self.client.is_segments()
            {
                check_wait(Duration::from_secs(seconds.into()), &of_it).with_context(|| id.clone())?;
            }
        }
        Ok(())
    }
}

/// What was refused is not sent again; what failed for a passing reason is, under the same id.
fn check_repeats(outcome: Outcome, attempts: &[&Attempt]) -> Result<()> {
    let (times, in_vain) = (attempts.len(), attempts.iter().filter(|it| it.answer != Some(200)).count());
    match outcome {
        Outcome::Kept => ensure!(times == in_vain + 1, "sent {times} times, {in_vain} of them in vain"),
        Outcome::Refused => ensure!(times == 1, "sent {times} times, though it was refused"),
        Outcome::GivenUp | Outcome::Either => ensure!(times > 1, "given up at once"),
    }
    Ok(())
}

/// Nobody comes back sooner than they were asked to.
fn check_wait(wait: Duration, attempts: &[&Attempt]) -> Result<()> {
    for pair in attempts.windows(2) {
        let waited = pair[1].at.duration_since(pair[0].at);
        ensure!(waited >= wait, "sent again after {waited:?}");
    }
    Ok(())
}
