//! Words between whoever stores the answer to a command and whoever waits for it, perhaps in another process.
//!
//! Invariant: the answer is what Postgres has. A word only says that it is worth a look, and one that is lost costs a
//! moment.

use std::time::Duration;

use domain::{decision::Decision, ids::CommandId};
use engine::{Decided, Projected};
use ephemera::{Board, Channel, Hearing};
use tokio::time::timeout;

use crate::shown::Shown;

/// The first look without a word; each further one twice as long after the one before, ...
const FIRST_LOOK: Duration = Duration::from_millis(10);
/// ... up to this.
const LAST_LOOK: Duration = Duration::from_millis(250);

/// Waits for one command's answer.
pub(crate) struct Waiting {
    hearing: Hearing,
    word: [u8; 16],
    pause: Duration,
}

/// Says which commands have their answer.
pub(crate) fn tell(board: &dyn Board, stored: &[Projected<Decision, Shown>]) {
    for Decided { decision, .. } in stored.iter().filter_map(Projected::decided) {
        if let Decision::Answer(answer) = decision {
            board.say(Channel::Answers, word(answer.command).to_vec().into());
        }
    }
}

fn word(command: CommandId) -> [u8; 16] {
    command.0.to_be_bytes()
}

impl Waiting {
    /// To be begun before the command is given.
    pub(crate) fn new(hearing: Hearing, command: CommandId) -> Self {
        Self { hearing, word: word(command), pause: FIRST_LOOK }
    }

    /// Returns when it is time for a look: at the word, or after a while.
    pub(crate) async fn look(&mut self) {
        // Either way.
        let _ = timeout(self.pause, told(&mut self.hearing, self.word)).await;
        self.pause = (self.pause * 2).min(LAST_LOOK);
    }
}

async fn told(hearing: &mut Hearing, word: [u8; 16]) {
    while let Some(heard) = hearing.next().await {
        if heard[..] == word {
            return;
        }
    }
    // Nobody speaks any more.
    std::future::pending().await
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use ephemera::Ephemera;

    use super::*;

    const LONG: Duration = Duration::from_secs(600);

    #[tokio::test]
    async fn a_word_about_the_command_ends_the_pause_and_no_other() {
        let board = Ephemera::in_process().board;
        let mut waiting = Waiting::new(board.hear(Channel::Answers), CommandId(2));
        waiting.pause = LONG;
        for command in [1, 3] {
            board.say(Channel::Answers, word(CommandId(command)).to_vec().into());
        }
        board.say(Channel::Answers, b"another build's".to_vec().into());
        assert!(timeout(FIRST_LOOK, waiting.look()).await.is_err());
        waiting.pause = LONG;
        board.say(Channel::Answers, word(CommandId(2)).to_vec().into());
        let looked = timeout(LONG / 2, waiting.look()).await;
        assert!(looked.is_ok());
    }

    #[tokio::test]
    async fn without_a_word_there_are_looks_ever_less_often() {
        let mut waiting = Waiting::new(Ephemera::in_process().board.hear(Channel::Answers), CommandId(2));
        let begun = Instant::now();
        for pause in [10, 20, 40, 80, 160, 250, 250] {
            assert_eq!(waiting.pause, Duration::from_millis(pause));
            waiting.look().await;
        }
        assert!(begun.elapsed() >= Duration::from_millis(810));
    }
}
