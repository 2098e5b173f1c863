//! A view as it is stored: its version, the instant, the score from above, the account. What is derived is left out.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Holding, Scope, View};
use crate::{
    account::{Account, DecodeError},
    decision::Score,
    time::Instant,
};

/// Without segments that are waited for, ...
const VERSION: u8 = 1;
/// ... with them, behind the rest, ...
const HOLDING: u8 = 2;
/// ... and with segments that the account is in behind those.
const MEMBERS: u8 = 3;

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
        if !self.members.is_empty() {
            return postcard::to_extend(&(stored, &self.holding, &self.members), vec![MEMBERS])
                .unwrap_or_default();
        }
        if self.holding.is_empty() {
            return postcard::to_extend(&stored, vec![VERSION]).unwrap_or_default();
        }
        postcard::to_extend(&(stored, &self.holding), vec![HOLDING]).unwrap_or_default()
    }

    /// The view that was encoded.
    ///
    /// # Errors
    /// When the bytes are of a later format, or damaged.
    pub fn decode(scope: Scope, bytes: &[u8]) -> Result<Self, DecodeError> {
        let (version, bytes) = bytes.split_first().ok_or(DecodeError::Damaged)?;
        let (stored, holding, members): (Stored, Holding, BTreeSet<String>) = match *version {
            VERSION => postcard::from_bytes(bytes).map(|it| (it, Holding::default(), BTreeSet::new())),
            HOLDING => postcard::from_bytes(bytes).map(|(it, holding)| (it, holding, BTreeSet::new())),
            MEMBERS => postcard::from_bytes(bytes),
            other => return Err(DecodeError::UnknownFormat(other)),
        }
        .map_err(|_| DecodeError::Damaged)?;
        let account = Account::decode(&stored.account)?;
        let Stored { exists, review, now, health, .. } = stored;
        Ok(Self { scope, account, health, members, exists, now, review, holding, cache: None })
    }
}
