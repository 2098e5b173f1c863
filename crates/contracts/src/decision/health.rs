//! Health changes between wire and domain.

use domain::decision::{Band, Contribution, Driver, HealthChanged, Score, Source};

use crate::{account as wire, error::Malformed};

impl TryFrom<wire::HealthChanged> for HealthChanged {
    type Error = Malformed;

    fn try_from(it: wire::HealthChanged) -> Result<Self, Malformed> {
        let (score, before) = (score(it.score, it.band())?, score(it.score_before, it.band_before())?);
        Ok(Self {
            initial: it.initial,
            by_catalogue: it.by_catalogue,
            scorecard: it.scorecard,
            score,
            before,
            known_weight: it.known_weight,
            cap: (!it.cap.is_empty()).then_some(it.cap),
            overall: it.overall,
            drivers: it.drivers.into_iter().map(Driver::from).collect(),
            contributions: it.contributions.into_iter().map(Contribution::from).collect(),
        })
    }
}

fn score(points: Option<u32>, band: wire::Band) -> Result<Option<Score>, Malformed> {
    let Some(points) = points else { return Ok(None) };
    let points = u8::try_from(points).ok().filter(|points| *points <= 100);
    let points = points.ok_or_else(|| Malformed::new("health_changed.score", "above 100"))?;
    let band = Band::try_from(band)?;
    Ok(Some(Score { points, band }))
}

impl From<HealthChanged> for wire::HealthChanged {
    fn from(it: HealthChanged) -> Self {
        Self {
            initial: it.initial,
            by_catalogue: it.by_catalogue,
            scorecard: it.scorecard,
            score: it.score.map(|score| score.points.into()),
            band: wire_band(it.score),
            score_before: it.before.map(|score| score.points.into()),
            band_before: wire_band(it.before),
            known_weight: it.known_weight,
            cap: it.cap.unwrap_or_default(),
            overall: it.overall,
            drivers: it.drivers.into_iter().map(wire::Driver::from).collect(),
            contributions: it.contributions.into_iter().map(wire::Contribution::from).collect(),
        }
    }
}

fn wire_band(score: Option<Score>) -> i32 {
    score.map_or(wire::Band::Unspecified, |score| score.band.into()).into()
}

impl TryFrom<wire::Band> for Band {
    type Error = Malformed;

    fn try_from(band: wire::Band) -> Result<Self, Malformed> {
        match band {
            wire::Band::Unspecified => Err(Malformed::new("band", "missing or unknown")),
            wire::Band::Red => Ok(Self::Red),
            wire::Band::Yellow => Ok(Self::Yellow),
            wire::Band::Green => Ok(Self::Green),
        }
    }
}

impl From<Band> for wire::Band {
    fn from(band: Band) -> Self {
        match band {
            Band::Red => Self::Red,
            Band::Yellow => Self::Yellow,
            Band::Green => Self::Green,
        }
    }
}

impl From<wire::Driver> for Driver {
    fn from(it: wire::Driver) -> Self {
        let source = source(it.measure, it.cap);
        Self { source, points: it.points, value: it.value, value_before: it.value_before }
    }
}

impl From<Driver> for wire::Driver {
    fn from(it: Driver) -> Self {
        let (measure, cap) = names(it.source);
        Self { measure, cap, points: it.points, value: it.value, value_before: it.value_before }
    }
}

impl From<wire::Contribution> for Contribution {
    fn from(it: wire::Contribution) -> Self {
        Self { source: source(it.measure, it.cap), points: it.points, value: it.value }
    }
}

impl From<Contribution> for wire::Contribution {
    fn from(it: Contribution) -> Self {
        let (measure, cap) = names(it.source);
        Self { measure, cap, points: it.points, value: it.value }
    }
}

fn source(measure: String, cap: String) -> Source {
    if cap.is_empty() { Source::Measure(measure) } else { Source::Cap(cap) }
}

/// The measure's, and the cap's: one of them is empty.
fn names(source: Source) -> (String, String) {
    match source {
        Source::Measure(name) => (name, String::new()),
        Source::Cap(name) => (String::new(), name),
    }
}
