//! Whether a request may go on now. Runs beside the connection's loop, because its turn on a thread may
//! come only after the response to an earlier request of the same connection.

use super::frame::{refused, request};
use super::server::Pending;
use crate::event::{ConnectionId, Event, GateEvent, Permit, Refused, ThreadOp};
use crate::policy::Policy;
use drawbridge_codex_wire::RequestId;
use serde_json::{Map, Value};
use std::path::PathBuf;
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
}

impl Desk {
    pub(super) async fn tell(&self, event: GateEvent) {
        // The loop ends only with the host.
        let _ = self.events.send(Event::Gate(self.connection, event)).await;
    }

    /// Canonical working directory of a thread, if the app-server knows the thread.
    pub(super) async fn place(&self, thread: &str) -> Option<PathBuf> {
        let (reply, answer) = oneshot::channel();
        self.tell(GateEvent::Where {
            thread: thread.to_owned(),
            reply,
        })
        .await;
        tokio::time::timeout(WHERE_DEADLINE, answer).await.ok()?.ok()?
    }

    /// Whether a thread lies inside the roots.
    pub(super) async fn sees(&self, thread: &str) -> bool {
        match self.place(thread).await {
            Some(cwd) => self.policy.inside(&cwd).is_some(),
            None => false,
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
        let (reply, answer) = oneshot::channel();
        self.tell(GateEvent::Ask { op, reply }).await;
        match tokio::time::timeout(TURN_DEADLINE, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(refused("host_stopping", "the host is stopping")),
            Err(_) => Err(refused(
                "thread_busy",
                "another request on this thread has no answer yet; try again",
            )),
        }
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
