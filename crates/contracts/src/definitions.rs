//! Catalogue versions between wire and domain.

use domain::catalogue::{self, Catalogue, Clock};
use eventlog::proto::{CatalogueVersion, ClockKind};

use crate::error::Malformed;

/// Compiles a catalogue version's document for its workspace's clock and time zone.
pub fn compile(version: &CatalogueVersion, document: &[u8]) -> Result<Catalogue, Malformed> {
    let document =
        serde_json::from_slice(document).map_err(|fault| Malformed::new("document", fault.to_string()))?;
    let clock = match version.clock() {
        ClockKind::Wall => Clock::Wall,
        ClockKind::Log => Clock::Log,
        ClockKind::Unspecified => return Err(Malformed::new("clock", "missing or unknown")),
    };
    catalogue::compile(&document, &version.time_zone, clock).map_err(|problems| {
        let problems: Vec<String> =
            problems.iter().map(|problem| format!("{}: {}", problem.path, problem.message)).collect();
        Malformed::new("document", problems.join("; "))
    })
}
