//! Questions to Postgres that are asked together: whoever comes while some are under way waits for the next round.

use chassis::{Tasks, postgres::answered};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Duration, sleep},
};

/// Asked in one round.
const AT_ONCE: usize = 500;
/// Before Postgres, being away, is asked again.
const LOOK_LATER: Duration = Duration::from_secs(1);

/// Asks questions `Q` that have answers `A`; clones share the rounds.
pub(super) struct Together<Q, A>(mpsc::Sender<(Q, oneshot::Sender<Option<A>>)>);

impl<Q, A> Clone for Together<Q, A> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<Q: Send + 'static, A: Send + 'static> Together<Q, A> {
    /// `answer` has an answer for each question, in their order; `None` where there is none yet. It ends when nobody
    /// is left to ask.
    pub(super) fn new<Answered>(
        name: &'static str,
        tasks: &Tasks,
        answer: impl Fn(Vec<Q>) -> Answered + Send + 'static,
    ) -> Self
    where
        Answered: Future<Output = sqlx::Result<Vec<Option<A>>>> + Send,
    {
        let (asked, mut queue) = mpsc::channel(AT_ONCE);
        tasks.spawn_once(name, async move {
            let mut round = Vec::with_capacity(AT_ONCE);
            while queue.recv_many(&mut round, AT_ONCE).await > 0 {
                let (questions, waiting): (Vec<Q>, Vec<oneshot::Sender<Option<A>>>) = round.drain(..).unzip();
                let count = questions.len();
                match answered(answer(questions)).await {
                    Ok(answers) => waiting.into_iter().zip(answers).for_each(|(who, answer)| {
                        // Who has gone needs none.
                        let _gone = who.send(answer);
                    }),
                    Err(error) => {
                        tracing::warn!(%error, count, "{name}: Postgres gives no answer, and is asked again");
                        sleep(LOOK_LATER).await;
                    }
                }
            }
            Ok(())
        });
        Self(asked)
    }

    /// The answer, if there is one yet and Postgres gave it.
    pub(super) async fn ask(&self, question: Q) -> Option<A> {
        let (who, answer) = oneshot::channel();
        self.0.send((question, who)).await.ok()?;
        answer.await.ok().flatten()
    }
}
