//! Random playbooks, and what they go by.

use serde_json::{Map, Value as Json, json};

use super::{BANDS, CTA_TYPES, Rules, event, filters};

impl Rules<'_> {
    pub(super) fn playbook(&mut self, segments: &Map<String, Json>) -> Json {
        let names: Vec<&String> = segments.keys().collect();
        let trigger = match self.dice.below(6) {
            0 | 1 => json!({"enters": self.dice.pick(&names)}),
            2 => json!({"leaves": self.dice.pick(&names)}),
            3 => json!({"band": {"to": self.dice.word(&BANDS)}}),
            4 => json!({"band": {"from": self.dice.word(&["none", "red", "yellow", "green"])}}),
            _ => json!({"event": {"name": event(self.dice), "where": filters(self.dice)}}),
        };
        let most = 1 + self.dice.below(5);
        let steps = self.steps(&names, most, 0);
        let mut playbook = json!({"trigger": trigger, "steps": steps});
        for key in ["only_while", "starts_while", "goal"] {
            if self.dice.once_in(4) {
                playbook[key] = self.asked(&names);
            }
        }
        if self.dice.once_in(4) {
            playbook["at_most"] = json!({"days": self.dice.range(1, 20)});
        }
        if self.dice.once_in(3) {
            playbook["rank"] = json!(self.dice.range(1, 4));
        }
        if self.dice.once_in(3) {
            let span = json!({"after": {"hours": self.dice.range(1, 200)}});
            playbook["re_entry"] = if self.dice.once_in(2) { json!("never") } else { span };
        }
        playbook
    }

    /// Whose CTAs are, how they end, and when people work.
    pub(super) fn people(&mut self, catalogue: &mut Json) {
        if self.dice.once_in(2) {
            let names: Vec<String> = catalogue["segments"]
                .as_object()
                .map(|all| all.keys().cloned().collect())
                .unwrap_or_default();
            let names: Vec<&String> = names.iter().collect();
            catalogue["routing"] = json!([
                {"when": self.asked(&names), "owner": "ada"},
                {"when": self.asked(&names), "trait": "plan"},
                {"trait": "owner"},
                {"owner": "bob"},
            ]);
        }
        if self.dice.once_in(3) {
            catalogue["outcomes"] = json!({"risk": ["over", "saved"], "lifecycle": ["over", "done"]});
        }
        if self.dice.once_in(2) {
            let days = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
            let days = &days[self.dice.below(3)..4 + self.dice.below(3)];
            catalogue["working_week"] = json!({"days": days, "holidays": ["2026-01-06", "2026-02-02"]});
        }
    }

    fn asked(&mut self, segments: &[&String]) -> Json {
        let segment = json!({"segment": self.dice.pick(segments)});
        match self.dice.below(5) {
            0 => segment,
            1 => json!({"not": segment}),
            2 => json!({"any": [segment, self.condition(1)]}),
            _ => self.condition(1),
        }
    }

    fn steps(&mut self, segments: &[&String], most: usize, depth: usize) -> Vec<Json> {
        (0..most).map(|_| self.step(segments, depth)).collect()
    }

    fn step(&mut self, segments: &[&String], depth: usize) -> Json {
        let kind = self.dice.word(&CTA_TYPES);
        match self.dice.below(16) {
            0..=2 => json!({"open_cta": {
                "type": kind, "title": "Look", "priority": self.dice.range(1, 4), "owner": "ada", "due_days": 3}}),
            3 | 4 => json!({"open_cta": {
                "type": kind, "title": "Call", "priority": 2, "due_working_days": self.dice.below(4),
                "tasks": ["call", "write"], "cool_down": {"days": self.dice.range(1, 9)}}}),
            5 => {
                json!({"update_cta": {"priority": self.dice.range(1, 4), "owner_trait": "owner", "tasks": ["ask"]}})
            }
            6 => self.notify(),
            7 => json!({"wait": {"days": self.dice.range(1, 4)}}),
            8 => json!({"wait": {"hours": self.dice.range(1, 30)}}),
            9 => {
                json!({"wait": {"until": self.question(segments), "at_most": {"hours": self.dice.range(1, 200)}}})
            }
            10 => match self.dice.below(3) {
                0 => json!({"wait": {"working_days": self.dice.range(1, 4)}}),
                1 => json!({"wait": {"office_hours": {"from": 9, "to": self.dice.range(10, 18)}}}),
                _ => json!({"approve": {"at_most": {"days": self.dice.range(1, 5)}}}),
            },
            11 => json!({"close_cta": {"type": kind, "outcome": "over"}}),
            12..=14 if depth < 3 => {
                let mut arms: Vec<Json> =
                    (0..1 + self.dice.below(2)).map(|_| self.question(segments)).collect();
                if self.dice.once_in(2) {
                    arms.push(json!({}));
                }
                for arm in &mut arms {
                    let most = self.dice.below(3);
                    arm["steps"] = Json::Array(self.steps(segments, most, depth + 1));
                }
                json!({"branch": arms})
            }
            _ => json!({"end": {}}),
        }
    }

    fn question(&mut self, segments: &[&String]) -> Json {
        if self.dice.once_in(2) {
            return json!({"when": self.asked(segments)});
        }
        json!({"cta": self.dice.word(&["open", "untouched", "overdue", "closed"])})
    }
}
