//! What people define, in a few variants: the later ones have a segment, a rule about silence and a playbook more, so that
//! whoever changes from one to another adds those, or takes them out in the middle of whatever they do.

use std::time::Duration;

use contracts::log::ClockKind;
use serde_json::{Value as Json, json};

pub(super) const VARIANTS: u64 = 6;
/// Variants that differ in thresholds only.
const PLAIN: u64 = 4;
/// After so long without an order an account on the wall's clock is silent; on the log's, a few of its steps later.
pub(super) const SILENCE: Duration = Duration::from_millis(8_640);
const SILENT_DAYS: f64 = 0.0001;
const SILENT_DAYS_OF_LOG: f64 = 1.0;

/// One of them, for a workspace on a clock.
pub(super) fn catalogue(variant: u64, clock: ClockKind, hook: &str) -> Json {
    let mut document = plain(variant);
    document["endpoints"] = json!({"hook": {"url": hook}});
    if variant >= PLAIN {
        add_silence(&mut document, variant, clock);
    }
    document
}

/// They differ in thresholds.
fn plain(variant: u64) -> Json {
    json!({
        "measures": {
            "reports": {"count": {"event": "Report Exported", "window": {"days": 3}}},
            "orders": {"count": {"event": "Order Completed", "window": {"days": 3}}},
            "revenue": {"sum": {"event": "Order Completed", "property": "revenue", "window": {"days": 7}}},
        },
        "scorecards": [{
            "name": "use",
            "groups": [{"name": "use", "weight": 1, "measures": [
                {"measure": "reports", "weight": 2, "curve": {"linear": [[0, 0], [400 + 50 * variant, 100]]}},
                {"measure": "orders", "weight": 1, "curve": {"steps": [[0, 0], [3 + variant, 50], [9, 100]]}}]}],
            "bands": {"yellow": 30 + variant, "green": 60 + variant},
        }],
        "segments": {
            "busy": {"when": {"measure": "reports", "at_least": 20 + 10 * variant}},
            "buyers": {"when": {"measure": "orders", "at_least": 2 + variant}},
            "paying": {"when": {"measure": "revenue", "at_least": 100 + 100 * variant}},
        },
        "playbooks": {
            "thanks": {"trigger": {"enters": "buyers"}, "steps": [
                {"open_cta": {"type": "opportunity", "title": "Say thanks", "priority": 2}},
                {"notify": {"endpoint": "hook"}},
                {"wait": {"hours": 3}},
                {"notify": {"endpoint": "hook"}}]},
            "watch": {"trigger": {"band": {"to": "green"}}, "steps": [{"notify": {"endpoint": "hook"}}]},
            "save": {"trigger": {"band": {"to": "red"}}, "steps": [
                {"open_cta": {"type": "risk", "title": "Call them", "priority": 1}},
                {"notify": {"endpoint": "hook"}}]},
            "order": {"trigger": {"event": {"name": "Order Completed"}}, "steps": [{"notify": {"endpoint": "hook"}}]},
        },
    })
}

/// Whom nobody hears of comes to be silent by time alone; the playbook asks again whether that is so still.
fn add_silence(document: &mut Json, variant: u64, clock: ClockKind) {
    let days = if clock == ClockKind::Log { SILENT_DAYS_OF_LOG } else { SILENT_DAYS };
    let silent = json!({"measure": "since_order", "at_least": days});
    let plan = if variant.is_multiple_of(2) { "team" } else { "enterprise" };
    document["measures"]["since_order"] = json!({"days_since_last": {"event": "Order Completed"}});
    document["segments"]["large"] = json!({"when": {"trait": "plan", "is": plan}});
    document["segments"]["silent"] = json!({"when": silent});
    document["playbooks"]["ask"] = json!({
        "trigger": {"enters": "silent"}, "only_while": silent,
        "steps": [{"notify": {"endpoint": "hook"}}, {"wait": {"hours": 12}}, {"notify": {"endpoint": "hook"}}],
    });
}
