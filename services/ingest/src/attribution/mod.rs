//! What attribution keeps of a contact, and what it tells the store.

mod item;
mod state;

pub use item::{Belongs, Item, Quarantined};
pub use state::ContactState;
pub(crate) use state::{Held, PARKED_FOR_MS, Trait};
