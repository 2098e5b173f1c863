//! Words within a process: each channel has its hearers.

use bytes::Bytes;
use tokio::sync::broadcast::{Receiver, Sender, error::RecvError};

/// Words that may wait for a hearer; of more the oldest are lost.
const WAITING: usize = 1_024;

/// What is spoken about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Channel {
    /// Write keys. Heard by every process that takes from buckets.
    Keys,
    /// Commands that have their answer.
    Answers,
}

/// What is said on a channel, from the moment somebody began to hear.
#[derive(Debug)]
pub struct Hearing(Receiver<Bytes>);

/// Who hears within this process.
#[derive(Debug)]
pub(crate) struct Ears {
    keys: Sender<Bytes>,
    answers: Sender<Bytes>,
}

impl Channel {
    pub(crate) const ALL: [Self; 2] = [Self::Keys, Self::Answers];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Keys => "keys",
            Self::Answers => "answers",
        }
    }
}

impl Hearing {
    /// What is said from now on, for another hearer.
    pub fn again(&self) -> Self {
        Self(self.0.resubscribe())
    }

    /// The next word; those that came faster than they were heard are passed over. None once nobody can speak any more.
    pub async fn next(&mut self) -> Option<Bytes> {
        loop {
            match self.0.recv().await {
                Ok(word) => return Some(word),
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
        }
    }
}

impl Default for Ears {
    fn default() -> Self {
        Self { keys: Sender::new(WAITING), answers: Sender::new(WAITING) }
    }
}

impl Ears {
    fn of(&self, channel: Channel) -> &Sender<Bytes> {
        match channel {
            Channel::Keys => &self.keys,
            Channel::Answers => &self.answers,
        }
    }

    pub(crate) fn is_heard(&self, channel: Channel) -> bool {
        self.of(channel).receiver_count() > 0
    }
}

impl crate::Board for Ears {
    fn say(&self, channel: Channel, word: Bytes) {
        // Nobody may be listening.
        let _ = self.of(channel).send(word);
    }

    fn hear(&self, channel: Channel) -> Hearing {
        Hearing(self.of(channel).subscribe())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Board;

    #[tokio::test]
    async fn what_is_said_is_heard_on_its_channel_and_what_is_too_much_is_lost() {
        let ears = Ears::default();
        ears.say(Channel::Keys, Bytes::from_static(b"nobody hears this"));
        let (mut keys, mut answers) = (ears.hear(Channel::Keys), ears.hear(Channel::Answers));
        ears.say(Channel::Answers, Bytes::from_static(b"a"));
        for number in 0..2 * WAITING {
            ears.say(Channel::Keys, number.to_string().into());
        }
        assert_eq!(answers.next().await.as_deref(), Some(&b"a"[..]));
        assert_eq!(keys.next().await, Some(WAITING.to_string().into()));
        drop(ears);
        assert_eq!(answers.next().await, None);
    }
}
