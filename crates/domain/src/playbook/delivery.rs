//! Attempts that are due, and notifications that are settled.

use super::{script::Script, workflow::Workflow};
use crate::{
    decision::{Decision, NotificationSettled, NotificationState},
    notification::Delivery,
};

impl Script<'_> {
    /// Says what became of notifications.
    pub(super) fn settle(&mut self) {
        while let Some((delivery, state)) = self.workflow.finished() {
            let settled = settled(delivery, state);
            self.say(settled);
        }
    }

    /// The attempts that are due, in the order in which their notifications were requested.
    pub(super) fn deliver(&mut self) {
        let due = |w: &Workflow| -> Vec<Delivery> {
            let is_due = |d: &&Delivery| d.is_due(self.at.appended_at, self.at.longest_call);
            w.deliveries.iter().filter(is_due).cloned().collect()
        };
        for delivery in due(&self.workflow) {
            let next = self.next(&delivery);
            self.say(next);
        }
    }

    fn next(&self, delivery: &Delivery) -> Decision {
        if !self.is_wanted(delivery) {
            return settled(delivery, NotificationState::Dropped);
        }
        match delivery.next_attempt() {
            Some(due) => Decision::Attempt(due),
            None => settled(delivery, NotificationState::Failed),
        }
    }

    /// Whether it is still to be sent: its playbook and endpoint exist, and the condition holds.
    fn is_wanted(&self, delivery: &Delivery) -> bool {
        let Some(playbook) = self.plays.playbook(&delivery.playbook) else { return false };
        let holds = !self.at.asks_again || self.plays.holds_while(playbook);
        holds && self.plays.has_endpoint(&delivery.endpoint)
    }
}

pub(super) fn settled(delivery: &Delivery, state: NotificationState) -> Decision {
    Decision::Settled(NotificationSettled { notification: delivery.id, state, attempts: delivery.attempts })
}
