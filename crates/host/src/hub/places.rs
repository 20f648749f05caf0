//! Where threads are, and what moves them.

use super::Hub;
use crate::event::{Moves, OpKind, Outcome, ThreadOp, Whereabouts};
use serde_json::Value;
use std::path::{Path, PathBuf};
use tokio::sync::oneshot;

/// The thread a request moves, and where to. A fork leaves its source where it is; its response tells of
/// the new thread.
pub(super) fn moves_thread(op: &ThreadOp) -> Option<(&str, &Moves)> {
    let id = op.thread.as_deref()?;
    (op.moves != Moves::Not && op.kind != OpKind::Fork).then_some((id, &op.moves))
}

impl Hub {
    /// Where a thread is: as far as known here, else as the app-server says.
    pub(super) fn place(&self, thread: String, unloaded: bool, reply: oneshot::Sender<Whereabouts>) {
        let mut going = Vec::new();
        for op in self.in_flight.values().map(|flight| &flight.op) {
            match moves_thread(op) {
                Some((id, Moves::To(folder))) if id == thread => going.push(folder.clone()),
                Some((id, _)) if id == thread => {
                    // The asker may be gone.
                    let _ = reply.send(Whereabouts::Moving);
                    return;
                }
                _ => {}
            }
        }
        let known = self.threads.get(&thread);
        if let Some(cwd) = known.and_then(|t| t.cwd.clone()) {
            going.push(cwd);
            let _ = reply.send(Whereabouts::At(going));
            return;
        }
        let observer = self.observer.clone().filter(|_| unloaded || known.is_some());
        let Some((_, peer)) = observer else {
            let _ = reply.send(Whereabouts::NotKnown);
            return;
        };
        self.spawn(async move {
            let read = crate::observer::read(&peer, &thread).await;
            let cwd = read.as_ref().and_then(|r| r.pointer("/thread/cwd")?.as_str());
            let whereabouts = match cwd {
                Some(cwd) => {
                    going.push(PathBuf::from(cwd));
                    Whereabouts::At(going)
                }
                None => Whereabouts::NotKnown,
            };
            let _ = reply.send(whereabouts);
            None
        });
    }

    /// Makes every connection forget which threads it may see.
    pub(super) fn a_thread_moves(&self) {
        self.moves.send_modify(|count| *count += 1);
    }

    /// A request that moves a thread has its answer.
    pub(super) fn thread_moved(&mut self, id: &str, moves: &Moves, outcome: &Outcome) {
        if let Some(thread) = self.threads.get_mut(id) {
            match (outcome, moves) {
                // The answer itself said where; or nothing happened.
                (Outcome::Thread(_) | Outcome::Failed, _) => {}
                (Outcome::Done, Moves::To(folder)) => thread.cwd = Some(folder.clone()),
                (Outcome::Done | Outcome::Unknown, _) => thread.cwd = None,
            }
            thread.changes += 1;
            self.thread_changed(id);
        }
        self.a_thread_moves();
    }

    /// The app-server tells the settings of a thread. The word may be older than what is known here, so it
    /// is no answer; but when they differ, the app-server is asked from now on.
    pub(super) fn settings_told(&mut self, id: &str, settings: &Value) {
        let Some(told) = settings.get("cwd").and_then(Value::as_str) else {
            return;
        };
        let Some(thread) = self.threads.get_mut(id) else {
            return;
        };
        if thread.cwd.as_deref().is_some_and(|cwd| cwd != Path::new(told)) {
            thread.cwd = None;
            self.a_thread_moves();
        }
    }
}
