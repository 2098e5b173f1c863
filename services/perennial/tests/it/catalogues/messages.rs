//! Messages, and the steps that send them.

use serde_json::{Map, Value as Json, json};

use super::{MEASURES, Rules};

impl Rules<'_> {
    pub(super) fn notify(&mut self) -> Json {
        let mut notify = json!({"endpoint": self.dice.word(&["crm", "alerts", "mail"])});
        if self.dice.once_in(2) {
            notify["message"] = json!("alert");
        }
        json!({"notify": notify})
    }

    pub(super) fn message(&mut self, segments: &Map<String, Json>) -> Json {
        let mut facts = json!({
            "traits": ["plan", "tags", "vip"],
            "measures": [MEASURES[self.dice.below(4)], MEASURES[4 + self.dice.below(4)]],
            "segments": segments.keys().map(String::as_str).chain(["o_1"]).collect::<Vec<_>>(),
        });
        if !self.dice.once_in(3) {
            let most = self.dice.range(1, 4);
            facts["contacts"] =
                json!({"where": self.of_contact(1), "most": most, "traits": ["title", "level"]});
        }
        json!({"facts": facts, "text": "{{ account }}"})
    }
}
