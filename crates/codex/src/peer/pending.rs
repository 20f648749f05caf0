//! Requests that wait for their answer.

use drawbridge_codex_wire::ErrorObject;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::{oneshot, watch};

type Answer = Result<Value, ErrorObject>;

/// The table of waiting requests; gone once the connection is.
#[derive(Debug)]
pub(super) struct Pending {
    table: Mutex<Table>,
    closed: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct Table {
    next: i64,
    waiting: HashMap<i64, oneshot::Sender<Answer>>,
    closed: bool,
}

impl Default for Pending {
    fn default() -> Self {
        Self {
            table: Mutex::default(),
            closed: watch::Sender::new(false),
        }
    }
}

impl Pending {
    fn table(&self) -> MutexGuard<'_, Table> {
        // No code that runs under the lock leaves the table half changed.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A fresh id and where its answer will arrive; `None` when the connection is closed.
    pub(super) fn expect_answer(&self) -> Option<(i64, oneshot::Receiver<Answer>)> {
        let mut table = self.table();
        if table.closed {
            return None;
        }
        table.next += 1;
        let id = table.next;
        let (answer, answered) = oneshot::channel();
        table.waiting.insert(id, answer);
        Some((id, answered))
    }

    /// Removes the request when dropped.
    pub(super) fn entry(&self, id: i64) -> Entry<'_> {
        Entry { pending: self, id }
    }

    /// Hands an answer to whoever waits for it; late and foreign ones are for nobody.
    pub(super) fn answer(&self, id: i64, answer: Answer) {
        let waiting = self.table().waiting.remove(&id);
        if waiting.is_none_or(|waiting| waiting.send(answer).is_err()) {
            tracing::debug!(id, "answer that nobody waits for");
        }
    }

    /// Fails all that wait, and all to come.
    pub(super) fn close(&self) {
        let waiting = {
            let mut table = self.table();
            table.closed = true;
            std::mem::take(&mut table.waiting)
        };
        drop(waiting);
        self.closed.send_replace(true);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.table().closed
    }

    pub(super) async fn closed(&self) {
        // The sender lives in `self`, so this ends by the value alone.
        let _ = self.closed.subscribe().wait_for(|closed| *closed).await;
    }
}

/// A place in the table.
pub(super) struct Entry<'a> {
    pending: &'a Pending,
    id: i64,
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        self.pending.table().waiting.remove(&self.id);
    }
}
