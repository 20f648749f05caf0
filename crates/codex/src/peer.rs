//! A JSON-RPC peer over any WebSocket.

mod pending;
mod tasks;

use drawbridge_codex_wire::{ErrorObject, RequestId};
use futures_util::StreamExt as _;
use pending::Pending;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, oneshot};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

/// Text of a frame as shared bytes: cloning it copies nothing.
pub use tokio_tungstenite::tungstenite::Utf8Bytes as Text;

/// Frames that wait to be written.
const OUTGOING: usize = 256;
/// Frames handed out ahead of who reads them; what is beyond waits in the reader's own backlog.
const INCOMING: usize = 256;
/// How long a frame may wait for room to be written, where the caller names no deadline.
const SEND_DEADLINE: Duration = Duration::from_secs(10);
/// The app-server's code for "try again later".
const OVERLOADED: i64 = -32001;

/// Something the other side sent that answers no request of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incoming {
    /// A notification.
    Notification {
        /// Its method.
        method: String,
        /// The whole frame.
        raw: Text,
    },
    /// A request: to be answered with [`Peer::respond`] or deliberately not at all. An error is an answer too.
    Request {
        /// Its id.
        id: RequestId,
        /// Its method.
        method: String,
        /// The whole frame.
        raw: Text,
    },
    /// Nothing follows.
    Closed {
        /// Why.
        reason: CloseReason,
    },
}

/// Why a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CloseReason {
    /// The other side said good-bye.
    Closed {
        /// Its code, if it gave one.
        code: Option<u16>,
        /// Its words.
        text: String,
    },
    /// The other side went without a word: the app-server ended, or dropped us because we read too slowly.
    Dropped,
    /// The transport failed, or what came was no WebSocket.
    Broken(String),
    /// Who takes the incoming frames fell behind by more than the backlog holds.
    Lagged,
    /// We closed.
    Local,
}

/// Why a call has no result.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CallError {
    /// The other side answered with an error.
    #[error("codex refused ({}): {}", .0.code, .0.message)]
    Rpc(ErrorObject),
    /// No answer in time.
    #[error("codex gave no answer to {method} within {} ms; try again", after.as_millis())]
    Timeout {
        /// What was asked.
        method: String,
        /// The deadline.
        after: Duration,
    },
    /// The connection is gone.
    #[error("the connection to codex is closed; it is made again when codex runs")]
    Closed,
}

impl CallError {
    /// Stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            CallError::Rpc(error) if error.code == OVERLOADED => "codex_overloaded",
            CallError::Rpc(_) => "codex_refused",
            CallError::Timeout { .. } => "codex_timeout",
            CallError::Closed => "codex_closed",
        }
    }
}

/// One side of a JSON-RPC connection. Cheap to clone; the connection is closed when the last clone is
/// dropped, or with [`Peer::close`].
///
/// **Reading never waits for whoever takes the incoming frames.** Answers to our own requests are handed
/// over the moment they are read. Everything else goes into a bounded channel and, while that is full, into
/// the reader's backlog, which is bounded by number and by bytes. So code that takes incoming frames may
/// itself await [`Peer::request`]. When the backlog overflows the connection ends as [`CloseReason::Lagged`]:
/// a frame is never dropped silently.
#[derive(Debug, Clone)]
pub struct Peer {
    outgoing: mpsc::Sender<Message>,
    pending: Arc<Pending>,
}

impl Peer {
    /// Takes over a connected socket. Gives the peer and what comes in; who does not want the latter drops
    /// it, the peer goes on.
    #[must_use]
    pub fn start<S>(socket: WebSocketStream<S>) -> (Self, mpsc::Receiver<Incoming>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (sink, stream) = socket.split();
        let (outgoing, to_write) = mpsc::channel(OUTGOING);
        let (incoming, taken) = mpsc::channel(INCOMING);
        let pending = Arc::new(Pending::default());
        let (write_ended, writer_gone) = oneshot::channel();
        tokio::spawn(tasks::read(stream, incoming, Arc::clone(&pending), writer_gone));
        let until_closed = Arc::clone(&pending);
        tokio::spawn(async move {
            let orderly = tasks::write(sink, to_write, &until_closed).await;
            // The reader may have ended first.
            let _ = write_ended.send(orderly);
        });
        (Self { outgoing, pending }, taken)
    }

    /// Asks and waits for the answer.
    ///
    /// # Errors
    /// The other side's error, the deadline, or the connection's end (at once, for all that wait).
    pub async fn request(&self, method: &str, params: Value, deadline: Duration) -> Result<Value, CallError> {
        let (id, answered) = self.pending.expect_answer().ok_or(CallError::Closed)?;
        // Forgets the entry also when the caller stops waiting.
        let _entry = self.pending.entry(id);
        let frame = frame([("id", json!(id)), ("method", json!(method)), ("params", params)]);
        let call = async {
            self.outgoing.send(frame).await.map_err(|_| CallError::Closed)?;
            match answered.await {
                Ok(answer) => answer.map_err(CallError::Rpc),
                Err(_) => Err(CallError::Closed),
            }
        };
        let late = || CallError::Timeout {
            method: method.to_owned(),
            after: deadline,
        };
        tokio::time::timeout(deadline, call)
            .await
            .unwrap_or_else(|_| Err(late()))
    }

    /// As [`Peer::request`], but asks again, ever more slowly, while the other side says that it is
    /// overloaded. `deadline` bounds it all. Only for requests that may be made twice.
    ///
    /// # Errors
    /// As [`Peer::request`]; the overload itself when it lasts.
    pub async fn request_retrying(
        &self,
        method: &str,
        params: Value,
        deadline: Duration,
    ) -> Result<Value, CallError> {
        let end = tokio::time::Instant::now() + deadline;
        let mut pause = Duration::from_millis(50);
        loop {
            let left = end.saturating_duration_since(tokio::time::Instant::now());
            match self.request(method, params.clone(), left).await {
                Err(CallError::Rpc(error)) if error.code == OVERLOADED => {
                    let wait = spread(pause);
                    if tokio::time::Instant::now() + wait >= end {
                        return Err(CallError::Rpc(error));
                    }
                    tokio::time::sleep(wait).await;
                    pause = (pause * 2).min(Duration::from_secs(2));
                }
                other => return other,
            }
        }
    }

    /// Sends a notification; [`Value::Null`] for one without parameters.
    ///
    /// # Errors
    /// When the connection is gone or takes nothing.
    pub async fn notify(&self, method: &str, params: Value) -> Result<(), CallError> {
        self.send(method, frame([("method", json!(method)), ("params", params)]))
            .await
    }

    /// Answers a request.
    ///
    /// # Errors
    /// When the connection is gone or takes nothing.
    pub async fn respond(&self, id: &RequestId, result: Value) -> Result<(), CallError> {
        let answer = Map::from_iter([("id".to_owned(), json!(id)), ("result".to_owned(), result)]);
        self.send("response", text_of(answer)).await
    }

    /// Answers a request with an error. The app-server takes it as a refusal on behalf of everybody.
    ///
    /// # Errors
    /// When the connection is gone or takes nothing.
    pub async fn respond_error(&self, id: &RequestId, error: &ErrorObject) -> Result<(), CallError> {
        self.send("response", frame([("id", json!(id)), ("error", json!(error))]))
            .await
    }

    /// Closes the connection. Everything that waits fails at once.
    pub fn close(&self) {
        self.pending.close();
    }

    /// Waits until the connection is closed, by whomever.
    pub async fn closed(&self) {
        self.pending.closed().await;
    }

    async fn send(&self, what: &str, message: Message) -> Result<(), CallError> {
        if self.pending.is_closed() {
            return Err(CallError::Closed);
        }
        match tokio::time::timeout(SEND_DEADLINE, self.outgoing.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(CallError::Closed),
            Err(_) => Err(CallError::Timeout {
                method: what.to_owned(),
                after: SEND_DEADLINE,
            }),
        }
    }
}

/// A frame of the members that are not null.
fn frame<const N: usize>(members: [(&str, Value); N]) -> Message {
    let present = members.into_iter().filter(|(_, value)| !value.is_null());
    text_of(present.map(|(name, value)| (name.to_owned(), value)).collect())
}

fn text_of(members: Map<String, Value>) -> Message {
    Message::text(Value::Object(members).to_string())
}

/// Between half and the whole of a pause, so that callers who failed together do not return together.
fn spread(pause: Duration) -> Duration {
    let mut byte = [0_u8; 1];
    // Without randomness the pause is just not spread.
    let _ = getrandom::fill(&mut byte);
    pause / 2 + pause / 2 * u32::from(byte[0]) / 255
}
