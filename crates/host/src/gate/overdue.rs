//! How long a request of a client may be without an answer of the app-server. Nobody holds a place, or a
//! turn on a thread, for ever.

use super::server::Pending;
use drawbridge_codex_wire::RequestId;
use std::collections::{HashMap, VecDeque};
use std::time::Duration;
use tokio::time::Instant;

/// The app-server answers within seconds, a large resume included; this is for the day when it does not.
pub(super) const ANSWER_WITHIN: Duration = Duration::from_secs(120);
/// Most unanswered requests a remote may leave behind. Their ids stay taken, because an answer that comes
/// late must not be taken for that of another request; at more than this the connection ends.
pub(super) const MOST_LATE: usize = 64;

/// When which request is overdue, in the order in which they were sent.
#[derive(Default)]
pub(super) struct Overdue(VecDeque<(Instant, RequestId)>);

impl Overdue {
    /// A request goes out; answers when it is overdue.
    pub(super) fn sent(&mut self, id: &RequestId, now: Instant) -> Instant {
        let due = now + ANSWER_WITHIN;
        self.0.push_back((due, id.clone()));
        due
    }

    /// When the next request is overdue. Forgets what was answered meanwhile.
    pub(super) fn next(&mut self, pending: &HashMap<RequestId, Pending>) -> Option<Instant> {
        while let Some((due, id)) = self.0.front() {
            // The id may be that of a later request by now.
            if pending.get(id).is_some_and(|p| p.due == Some(*due)) {
                return Some(*due);
            }
            self.0.pop_front();
        }
        None
    }

    /// A request that is overdue now.
    pub(super) fn take(&mut self, pending: &HashMap<RequestId, Pending>, now: Instant) -> Option<RequestId> {
        let due = self.next(pending)?;
        if due > now {
            return None;
        }
        self.0.pop_front().map(|(_, id)| id)
    }
}
