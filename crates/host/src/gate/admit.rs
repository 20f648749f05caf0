//! Whether a request may go on now. Runs beside the connection's loop, because its turn on a thread may
//! come only after the response to an earlier request of the same connection.

use super::frame::{refused, request};
use super::places::inside;
use super::server::Pending;
use crate::event::{
    ConnectionId, Event, GateEvent, MoveCount, Moves, Permit, Refused, ThreadOp, Whereabouts,
};
use crate::policy::Policy;
use drawbridge_codex_wire::RequestId;
use serde_json::{Map, Value};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// How long a request may wait for its turn on a thread.
const TURN_DEADLINE: Duration = Duration::from_secs(30);
/// How long finding out where a thread is may take.
const WHERE_DEADLINE: Duration = Duration::from_secs(10);

/// A request that may go on.
#[derive(Debug)]
pub(super) struct Admitted {
    pub id: RequestId,
    pub text: String,
    pub pending: Pending,
}

/// A request that may not.
#[derive(Debug)]
pub(super) struct NotAdmitted {
    pub id: RequestId,
    pub method: String,
    pub refused: Refused,
}

/// What an admission needs of its connection.
#[derive(Clone)]
pub(super) struct Desk {
    pub connection: ConnectionId,
    pub events: mpsc::Sender<Event>,
    pub policy: Arc<Policy>,
    pub moves: MoveCount,
}

impl Desk {
    pub(super) async fn tell(&self, event: GateEvent) {
        // The loop ends only with the host.
        let _ = self.events.send(Event::Gate(self.connection, event)).await;
    }

    /// How many moves of threads the loop has seen.
    pub(super) fn moves(&self) -> u64 {
        *self.moves.borrow()
    }

    /// Where a thread is, if the loop or the app-server knows it.
    pub(super) async fn place(&self, thread: &str) -> Whereabouts {
        self.whereabouts(thread, true).await
    }

    /// Where a thread is, if it is loaded.
    pub(super) async fn place_if_loaded(&self, thread: &str) -> Whereabouts {
        self.whereabouts(thread, false).await
    }

    async fn whereabouts(&self, thread: &str, unloaded: bool) -> Whereabouts {
        let (reply, answer) = oneshot::channel();
        self.tell(GateEvent::Where {
            thread: thread.to_owned(),
            unloaded,
            reply,
        })
        .await;
        match tokio::time::timeout(WHERE_DEADLINE, answer).await {
            Ok(Ok(whereabouts)) => whereabouts,
            Ok(Err(_)) | Err(_) => Whereabouts::NotKnown,
        }
    }

    /// Whether a thread lies inside the roots now.
    pub(super) async fn sees(&self, thread: &str) -> bool {
        match self.place(thread).await {
            Whereabouts::At(places) => inside(&self.policy, &places),
            Whereabouts::Moving | Whereabouts::NotKnown => false,
        }
    }

    /// Whether a thread is loaded in the app-server.
    pub(super) async fn loaded(&self, thread: &str) -> bool {
        let (reply, answer) = oneshot::channel();
        self.tell(GateEvent::Loaded {
            thread: thread.to_owned(),
            reply,
        })
        .await;
        matches!(tokio::time::timeout(WHERE_DEADLINE, answer).await, Ok(Ok(true)))
    }

    /// Waits for the request's turn on its thread.
    pub(super) async fn ask(&self, op: ThreadOp) -> Result<Permit, Refused> {
        let (reply, mut answer) = oneshot::channel();
        self.tell(GateEvent::Ask { op, reply }).await;
        match tokio::time::timeout(TURN_DEADLINE, &mut answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(refused("host_stopping", "the host is stopping")),
            Err(_) => {
                // A turn that was given at the last moment would be nobody's, and the thread busy for ever.
                answer.close();
                answer.try_recv().unwrap_or_else(|_| {
                    Err(refused(
                        "thread_busy",
                        "another request on this thread has no answer yet; try again",
                    ))
                })
            }
        }
    }
}

/// What a request does to the working directory of its thread.
pub(super) fn moves(params: &Map<String, Value>) -> Moves {
    let given = |key: &str| params.get(key).filter(|value| !value.is_null());
    if given("environments").is_some() {
        return Moves::Somewhere;
    }
    match given("cwd") {
        None => Moves::Not,
        // What a relative path is relative to is the app-server's to say.
        Some(Value::String(cwd)) if Path::new(cwd).is_absolute() => Moves::To(cwd.into()),
        Some(_) => Moves::Somewhere,
    }
}

/// Puts the parts of an admitted request together.
pub(super) fn admitted(
    id: RequestId,
    method: &str,
    params: Map<String, Value>,
    pending: Pending,
) -> Admitted {
    let text = request(&id, method, Some(params));
    Admitted { id, text, pending }
}
