//! Telling people: in Slack, and by e-mail.

use std::time::Instant;

use domain::decision::AttemptReported;
use tokio::time::{sleep_until, timeout};

use super::{
    Due,
    attempt::not_begun,
    email::Sending,
    lanes::Lane,
    notice::{Notice, fault_in_words},
    outcome::Outcome,
    sender::Sender,
    slack::{Post, post},
};
use crate::store::Request;

impl Sender {
    /// Posts it in Slack, when it is the channel's turn.
    pub(super) async fn post(&self, lane: &Lane, due: &Due, request: &Request) -> AttemptReported {
        let now = Instant::now();
        match self.pace.next(lane, now, due.begin_by) {
            Ok(at) => sleep_until(at.into()).await,
            Err(at) => {
                let wait = i64::try_from((at - now).as_millis()).unwrap_or(i64::MAX / 2);
                let room_at = chassis::clock::now().saturating_add(wait);
                return not_begun(due, "a channel of Slack takes one message a second", Some(room_at));
            }
        }
        let notice = match self.prepare(lane, due, request).await {
            Ok(notice) => notice,
            Err(report) => return report,
        };
        let began_at = chassis::clock::now();
        let written = messages::slack(notice.texts.as_ref(), &notice.told);
        let sending = Post {
            endpoint: &lane.endpoint,
            text: &written.what,
            about: &notice.about,
            thread: notice.particulars.first.as_deref(),
        };
        let address = notice.particulars.slack.as_ref();
        let (outcome, ts) = post(&self.caller, &self.slack_api, address, &sending).await;
        if let Some(ts) = ts {
            self.begin_thread(&notice, &ts).await;
        }
        said(outcome, fault_in_words(due, written.fault.as_ref())).report(due, began_at)
    }

    /// Writes a letter to the owner.
    pub(super) async fn mail(&self, lane: &Lane, due: &Due, request: &Request) -> AttemptReported {
        let notice = match self.prepare(lane, due, request).await {
            Ok(notice) => notice,
            Err(report) => return report,
        };
        let began_at = chassis::clock::now();
        let written = messages::letter(notice.texts.as_ref(), &notice.told);
        let sending = Sending {
            notification: due.attempt.notification,
            endpoint: &lane.endpoint,
            owner: notice.asked.owner.as_deref(),
            member: notice.particulars.owner.as_ref(),
            letter: &written.what,
            first: notice.particulars.first.as_deref(),
        };
        let (outcome, id) = self.mailer.send(&sending).await;
        if outcome.is_success() {
            self.begin_thread(&notice, &id).await;
        }
        said(outcome, fault_in_words(due, written.fault.as_ref())).report(due, began_at)
    }

    async fn prepare(&self, lane: &Lane, due: &Due, request: &Request) -> Result<Notice, AttemptReported> {
        let preparing = Notice::prepare(&self.ledger, &self.directory, lane, request);
        let prepared = timeout(due.time_left(), preparing).await;
        prepared.map_err(|_| not_begun(due, "what it needs could not be read in time", None))
    }

    /// A thread that is not remembered begins anew with the next message.
    async fn begin_thread(&self, notice: &Notice, first: &str) {
        if notice.particulars.first.is_some() {
            return;
        }
        if let Err(error) = self.ledger.begin_thread(&notice.asked, first).await {
            tracing::warn!(%error, workspace = notice.asked.lane.workspace, "a thread is not remembered");
        }
    }
}

/// That it went, though not as its message says, is to be seen at the attempt.
fn said(outcome: Outcome, fault: String) -> Outcome {
    if outcome.is_success() { Outcome { error: fault, ..outcome } } else { outcome }
}
