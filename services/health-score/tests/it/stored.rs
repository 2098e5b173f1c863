//! Accounts stored by an earlier build are read by this one.

use domain::{
    catalogue::{Catalogue, Clock, compile},
    decision::Decision,
    fact::{Fact, FactKind, Usage},
    ids::FactId,
    time::Instant,
};
use engine::{Context, Fold, Step};
use eventlog::{Key, proto::Header};
use health_score::HealthFold;

use crate::support::{DAY, catalogue};

/// What format 1 looks like, from the day it was first written.
const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/state_v1.bin");

fn at<'a>(key: &'a Key, catalogue: &'a Catalogue, instant: i64) -> Context<'a, Catalogue> {
    Context { key, catalogue, catalogue_version: 1, instant, appended_at: instant, partition: 0, offset: 7 }
}

#[test]
fn an_account_goes_on_where_it_was_stored() {
    let (fold, key) = (HealthFold, Key::new("acme", "globex"));
    let catalogue = compile(&catalogue(), "UTC", Clock::Log).unwrap();
    let mut state = fold.fresh(&key);
    let usage = Usage { contact: None, event: "Signed In".into(), properties: Vec::new(), active: true };
    let fact = Fact { id: FactId(1), event_at: Instant(DAY), kind: FactKind::Usage(usage) };
    let (header, day) = (Header::default(), at(&key, &catalogue, DAY));
    let step = Step::Fact(&fact, &header);
    fold.take(&day, &mut state, &step, &[]);
    let decided = fold.decide(&day, &mut state, &step);
    assert_eq!(decided.len(), 1, "{decided:?}");
    fold.apply(&day, &mut state, &decided[0], false);

    let stored = std::fs::read(FIXTURE).unwrap();
    assert_eq!(hex(&fold.encode(&state)), hex(&stored), "what is written has not changed");
    let mut read = fold.decode(&key, &stored).unwrap();
    assert_eq!(fold.wake(&day, &read).clock, Some(8 * DAY));
    let later = at(&key, &catalogue, 8 * DAY);
    fold.take(&later, &mut read, &Step::Timer, &[]);
    let decided = fold.decide(&later, &mut read, &Step::Timer);
    let points = |decision: &Decision| match decision {
        Decision::Health(change) => change.score.map(|score| score.points),
        _ => None,
    };
    assert_eq!(decided.iter().map(points).collect::<Vec<_>>(), [Some(60)]);
    assert!(matches!(&decided[0], Decision::Health(change) if change.drivers[0].points == -40_000));
}

#[test]
fn a_later_format_is_refused() {
    let key = Key::new("acme", "globex");
    assert!(HealthFold.decode(&key, &[2, 0]).is_err());
    assert!(HealthFold.decode(&key, &[]).is_err());
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
