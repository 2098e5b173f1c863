//! A view as it is stored: its version, the instant, the score from above, the account. What is derived is left out.

use serde::{Deserialize, Serialize};

use super::{Scope, View};
use crate::{
    account::{Account, DecodeError},
    decision::Score,
    time::Instant,
};

const VERSION: u8 = 1;

#[derive(Serialize, Deserialize)]
struct Stored {
    exists: bool,
    review: bool,
    now: Instant,
    health: Option<Score>,
    account: Vec<u8>,
}

impl View {
    /// Its bytes, version first.
    pub fn encode(&self) -> Vec<u8> {
        let stored = Stored {
            exists: self.exists,
            review: self.review,
            now: self.now,
            health: self.health,
            account: self.account.encode(),
        };
        // Writing plain data to memory cannot fail.
        postcard::to_extend(&stored, vec![VERSION]).unwrap_or_default()
    }

    /// The view that was encoded.
    ///
    /// # Errors
    /// When the bytes are of a later format, or damaged.
    pub fn decode(scope: Scope, bytes: &[u8]) -> Result<Self, DecodeError> {
        let (version, bytes) = bytes.split_first().ok_or(DecodeError::Damaged)?;
        if *version != VERSION {
            return Err(DecodeError::UnknownFormat(*version));
        }
        let stored: Stored = postcard::from_bytes(bytes).map_err(|_| DecodeError::Damaged)?;
        let account = Account::decode(&stored.account)?;
        let Stored { exists, review, now, health, .. } = stored;
        Ok(Self { scope, account, health, exists, now, review, cache: None })
    }
}
