//! Scorecards: measures in groups, weighed, into one score with a band, and the reasons for it.
//!
//! Invariant: everything is whole numbers or exact fractions; contributions sum to the overall, drivers to its
//! change.

mod assess;
mod change;
mod curve;

pub(crate) use assess::room;
pub use assess::{Assessment, Known, Worth};
pub use change::health_change;
pub use curve::{Curve, Points};

use crate::{
    condition::ConditionId,
    decision::Band,
    measure::MeasureIx,
    planted::{self, Bug},
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scorecard {
    pub name: String,
    /// `None`: every account.
    pub applies: Option<ConditionId>,
    /// At least one, and each has a measure.
    pub groups: Vec<Group>,
    /// Thousandths of the weight that must be known for a score.
    pub needs_known: u32,
    pub bands: Bands,
    pub caps: Vec<Cap>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    pub weight: u32,
    pub measures: Vec<Weighted>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Weighted {
    pub measure: MeasureIx,
    pub weight: u32,
    pub curve: Curve,
}

/// Where bands begin. Yellow is below green.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bands {
    pub yellow: u32,
    pub green: u32,
    /// How far below its band's start a score may fall before it leaves it.
    pub hysteresis: u32,
}

/// While its condition is true the overall is at most this.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cap {
    pub name: String,
    pub when: ConditionId,
    pub at_most: u32,
}

/// Bounds that keep every sum of a scorecard within 128 bits.
pub const GROUPS_MOST: usize = 8;
pub const MEASURES_MOST: usize = 40;
pub const WEIGHT_MOST: u32 = 100;
/// Points of a curve.
pub const CURVE_POINTS_MOST: usize = 64;

impl Scorecard {
    pub fn weighted(&self) -> impl Iterator<Item = &Weighted> {
        self.groups.iter().flat_map(|group| &group.measures)
    }
}

impl Group {
    fn total(&self) -> u32 {
        self.measures.iter().map(|measure| measure.weight).sum()
    }
}

impl Bands {
    /// The band of a score: the plain cut, unless it has not fallen far enough out of the one it was in.
    pub fn band(&self, points: u32, before: Option<Band>) -> Band {
        let plain = self.cut(points);
        match before {
            Some(before)
                if plain < before
                    && points + self.hysteresis >= self.start(before)
                    && !planted::is(Bug::HysteresisForgotten) =>
            {
                before
            }
            _ => plain,
        }
    }

    fn cut(&self, points: u32) -> Band {
        if points >= self.green {
            Band::Green
        } else if points >= self.yellow {
            Band::Yellow
        } else {
            Band::Red
        }
    }

    fn start(&self, band: Band) -> u32 {
        match band {
            Band::Red => 0,
            Band::Yellow => self.yellow,
            Band::Green => self.green,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_score_leaves_its_band_downwards_only_beyond_the_hysteresis() {
        let bands = Bands { yellow: 40, green: 70, hysteresis: 3 };
        let check = |points: u32, before: Option<Band>, expected: Band| {
            assert_eq!(bands.band(points, before), expected, "{points} after {before:?}");
        };
        check(70, None, Band::Green);
        check(69, None, Band::Yellow);
        check(69, Some(Band::Green), Band::Green);
        check(67, Some(Band::Green), Band::Green);
        check(66, Some(Band::Green), Band::Yellow);
        check(38, Some(Band::Green), Band::Red);
        check(37, Some(Band::Yellow), Band::Yellow);
        check(36, Some(Band::Yellow), Band::Red);
        check(40, Some(Band::Red), Band::Yellow);
        check(70, Some(Band::Red), Band::Green);
    }
}
