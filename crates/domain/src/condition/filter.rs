//! Filters on the properties of an event.

use crate::{usage::series::Filter, value::Value};

impl Filter {
    /// Whether it surely holds. `properties` are sorted by name.
    pub fn holds(&self, properties: &[(String, Value)]) -> bool {
        let found = properties.binary_search_by(|(name, _)| name.as_str().cmp(&self.property));
        self.comparison.holds(found.ok().map(|at| &properties[at].1)) == Some(true)
    }
}
