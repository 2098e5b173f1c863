//! A sorted map that keeps the smallest keys up to a limit, and says when it has turned one away.
//!
//! Which keys are kept depends on the keys alone: one that is kept has been kept since it first came, and one that
//! was turned away never comes back. So the contents do not depend on the order of arrival.

use std::borrow::Borrow;

#[derive(Debug, Clone)]
pub(crate) struct Bounded<K, V, const LIMIT: usize> {
    /// Rising by key.
    pub(crate) entries: Vec<(K, V)>,
    /// Whether more than `LIMIT` keys have come.
    pub(crate) saturated: bool,
    /// Where the latest slot was: it is asked for again at once by whatever depends on it. Not part of the contents.
    latest: usize,
}

impl<K, V, const LIMIT: usize> Bounded<K, V, LIMIT> {
    /// Entries rise by key.
    pub(crate) fn new(entries: Vec<(K, V)>, saturated: bool) -> Self {
        Self { entries, saturated, latest: 0 }
    }
}

impl<K, V, const LIMIT: usize> Default for Bounded<K, V, LIMIT> {
    fn default() -> Self {
        Self::new(Vec::new(), false)
    }
}

impl<K: PartialEq, V: PartialEq, const LIMIT: usize> PartialEq for Bounded<K, V, LIMIT> {
    fn eq(&self, other: &Self) -> bool {
        self.entries == other.entries && self.saturated == other.saturated
    }
}

impl<K: Eq, V: Eq, const LIMIT: usize> Eq for Bounded<K, V, LIMIT> {}

impl<K, V: Default, const LIMIT: usize> Bounded<K, V, LIMIT> {
    pub(crate) fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        match self.entries.get(self.latest) {
            Some((latest, value)) if latest.borrow() == key => Some(value),
            _ => self.place(key).ok().map(|place| &self.entries[place].1),
        }
    }

    /// The value of this key, new if need be; `None` when the key is turned away.
    pub(crate) fn slot<Q>(&mut self, key: &Q) -> Option<&mut V>
    where
        Q: Ord + ?Sized + ToOwned,
        Q::Owned: Into<K>,
        K: Borrow<Q>,
    {
        let place = match self.place(key) {
            Ok(place) => place,
            Err(place) => {
                let full = self.entries.len() >= LIMIT;
                self.saturated |= full;
                if full && place == LIMIT {
                    return None;
                }
                if full {
                    self.entries.pop();
                }
                self.entries.insert(place, (key.to_owned().into(), V::default()));
                place
            }
        };
        self.latest = place;
        Some(&mut self.entries[place].1)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.entries.iter().map(|(key, value)| (key, value))
    }

    fn place<Q: Ord + ?Sized>(&self, key: &Q) -> Result<usize, usize>
    where
        K: Borrow<Q>,
    {
        self.entries.binary_search_by(|(known, _)| known.borrow().cmp(key))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(keys: &[u8]) -> Bounded<u8, u32, 4> {
        let mut bounded = Bounded::default();
        for key in keys {
            if let Some(count) = bounded.slot(key) {
                *count += 1;
            }
        }
        bounded
    }

    proptest! {
        #[test]
        fn which_keys_stay_does_not_depend_on_their_order(keys in proptest::collection::vec(0..12_u8, 0..40)) {
            let (mut rising, mut falling) = (keys.clone(), keys.clone());
            rising.sort_unstable();
            falling.sort_unstable_by(|a, b| b.cmp(a));
            prop_assert_eq!(of(&keys), of(&rising));
            prop_assert_eq!(of(&keys), of(&falling));
            rising.dedup();
            prop_assert_eq!(of(&keys).saturated, rising.len() > 4);
        }
    }
}
