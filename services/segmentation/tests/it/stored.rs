//! Accounts stored by an earlier build are read by this one.

use anyhow::{Context as _, ensure};
use chassis::Saver;
use domain::{
    catalogue::{Catalogue, Clock, compile},
    decision::{Band, Decision, HealthChanged, Score},
    fact::{Fact, FactKind},
    ids::FactId,
    time::Instant,
    value::Value,
};
use engine::{Context, Fold, Step};
use eventlog::{Key, proto::Header};
use segmentation::SegmentFold;
use serde_json::json;

use crate::support::DAY;

/// What format 1 looks like, from the day it was first written.
const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/state_v1.bin");

fn catalogue() -> anyhow::Result<Catalogue> {
    let document = json!({
        "measures": {"seats": {"trait": {"name": "seats"}}},
        "segments": {
            "large": {"when": {"measure": "seats", "at_least": 100}},
            "failing": {"when": {"health": "band", "is": "red"}},
            "settled": {"when": {"trait": "seats", "is": 250, "for_days": 5}},
        },
    });
    compile(&document, "UTC", Clock::Log).ok().context("a catalogue without problems")
}

fn at<'a>(key: &'a Key, catalogue: &'a Catalogue, instant: i64) -> Context<'a, Catalogue> {
    Context { key, catalogue, catalogue_version: 1, instant, appended_at: instant, partition: 0, offset: 7 }
}

#[test]
fn an_account_goes_on_where_it_was_stored() -> anyhow::Result<()> {
    let (fold, key, catalogue) = (segment_fold(), Key::new("acme", "globex"), catalogue()?);
    let mut state = fold.fresh(&key);
    let seats = Value::from_json(&json!(250)).ok().context("a number")?;
    let kind = FactKind::AccountTraits(vec![("seats".into(), seats)]);
    let fact = Fact { id: FactId(1), event_at: Instant(DAY), kind };
    let score = Some(Score { points: 12, band: Band::Red });
    let health = HealthChanged {
        initial: false,
        by_catalogue: false,
        scorecard: "card".into(),
        score,
        before: None,
        known_weight: 1000,
        cap: None,
        overall: 12_000,
        drivers: Vec::new(),
        contributions: Vec::new(),
    };
    let (header, day) = (Header::default(), at(&key, &catalogue, DAY));
    let step = Step::Fact(&fact, &header);
    fold.take(&day, &mut state, &step, &[Decision::Health(health)]);
    let decided = fold.decide(&day, &mut state, &step);
    ensure!(decided.len() == 2, "{decided:?}");
    decided.iter().for_each(|decision| fold.apply(&day, &mut state, decision, false));

    let stored = std::fs::read(FIXTURE)?;
    assert_eq!(hex(&fold.encode(&state)), hex(&stored), "what is written has not changed");
    let mut read = fold.decode(&key, &stored)?;
    assert_eq!(fold.wake(&day, &read).clock, Some(6 * DAY));
    let later = at(&key, &catalogue, 6 * DAY);
    fold.take(&later, &mut read, &Step::Timer, &[]);
    let decided = fold.decide(&later, &mut read, &Step::Timer);
    let entered = matches!(&decided[..], [Decision::Membership(it)] if it.segment == "settled" && it.member);
    assert!(entered, "{decided:?}");
    Ok(())
}

#[test]
fn a_later_format_is_refused() {
    let key = Key::new("acme", "globex");
    assert!(segment_fold().decode(&key, &[2, 0]).is_err());
    assert!(segment_fold().decode(&key, &[]).is_err());
}

fn segment_fold() -> SegmentFold {
    SegmentFold { met: Saver::default() }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
