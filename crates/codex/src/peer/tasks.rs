//! The two tasks of a connection: one reads, one writes.

use super::pending::Pending;
use super::{CloseReason, Incoming, Text};
use drawbridge_codex_wire::{Envelope, ErrorObject, RequestId};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, oneshot};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Error, Message};

/// Frames the reader keeps while nobody takes them: as many as the app-server itself would keep for us.
const BACKLOG_FRAMES: usize = 32 * 1024;
/// Bytes of such frames. Room for the largest single message, twice.
const BACKLOG_BYTES: usize = 128 * 1024 * 1024;
/// How long the other side may take to say good-bye after we did.
const GOODBYE: Duration = Duration::from_secs(1);

/// Writes all that is ready, flushes when nothing more is: a flush for each frame would cost more than the
/// frames do. Ends with the connection or with the last peer; tells whether that was our own doing.
pub(super) async fn write<S>(
    mut sink: SplitSink<WebSocketStream<S>, Message>,
    mut frames: mpsc::Receiver<Message>,
    pending: &Pending,
) -> bool
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let work = async {
        while let Some(first) = frames.recv().await {
            write_ready(&mut sink, first, &mut frames).await?;
        }
        Ok::<(), Error>(())
    };
    // A socket that takes nothing must not keep the task when the connection is closed.
    let orderly = tokio::select! {
        outcome = work => outcome.is_ok(),
        () = pending.closed() => true,
    };
    let leave = async {
        if let Ok(first) = frames.try_recv() {
            write_ready(&mut sink, first, &mut frames).await?;
        }
        sink.close().await
    };
    // Best effort: the other side may be gone.
    let _ = tokio::time::timeout(GOODBYE, leave).await;
    orderly
}

async fn write_ready<S>(
    sink: &mut SplitSink<WebSocketStream<S>, Message>,
    first: Message,
    frames: &mut mpsc::Receiver<Message>,
) -> Result<(), Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    sink.feed(first).await?;
    while let Ok(next) = frames.try_recv() {
        sink.feed(next).await?;
    }
    sink.flush().await
}

/// Reads until the end, hands answers over, and everything else on.
pub(super) async fn read<S>(
    mut stream: SplitStream<WebSocketStream<S>>,
    incoming: mpsc::Sender<Incoming>,
    pending: Arc<Pending>,
    writer_gone: oneshot::Receiver<bool>,
) where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut backlog = Backlog::default();
    let local = async {
        let orderly = writer_gone.await.unwrap_or(false);
        tokio::time::sleep(GOODBYE).await;
        if orderly {
            CloseReason::Local
        } else {
            CloseReason::Dropped
        }
    };
    tokio::pin!(local);
    let reason = loop {
        tokio::select! {
            frame = stream.next() => match frame {
                Some(Ok(Message::Text(text))) => {
                    if let Some(item) = sort(text, &pending) && !backlog.hand_on(item, &incoming) {
                        break CloseReason::Lagged;
                    }
                }
                Some(Ok(Message::Close(frame))) => break farewell(frame),
                // Pings are answered by the library; binary frames are no part of this protocol.
                Some(Ok(_)) => {}
                Some(Err(error)) => break broken(error),
                None => break CloseReason::Dropped,
            },
            permit = incoming.reserve(), if !backlog.is_empty() => match permit {
                Ok(permit) => backlog.next(permit),
                Err(_) => backlog = Backlog::default(),
            },
            reason = &mut local => break reason,
        }
    };
    let reason = if pending.is_closed() {
        CloseReason::Local
    } else {
        reason
    };
    pending.close();
    // The other side must not be held up by what we still have to hand on.
    drop(stream);
    for (item, _) in backlog.frames {
        if incoming.send(item).await.is_err() {
            return;
        }
    }
    // Nobody may be there to be told.
    let _ = incoming.send(Incoming::Closed { reason }).await;
}

#[derive(Default)]
struct Backlog {
    frames: VecDeque<(Incoming, usize)>,
    bytes: usize,
}

impl Backlog {
    fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Hands a frame on, or keeps it, in order; `false` when there is no room left.
    fn hand_on(&mut self, item: Incoming, incoming: &mpsc::Sender<Incoming>) -> bool {
        let item = if self.is_empty() {
            match incoming.try_send(item) {
                Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => return true,
                Err(mpsc::error::TrySendError::Full(item)) => item,
            }
        } else {
            item
        };
        let bytes = match &item {
            Incoming::Notification { raw, .. } | Incoming::Request { raw, .. } => raw.len(),
            Incoming::Closed { .. } => 0,
        };
        if self.frames.len() >= BACKLOG_FRAMES || self.bytes + bytes > BACKLOG_BYTES {
            return false;
        }
        self.bytes += bytes;
        self.frames.push_back((item, bytes));
        true
    }

    fn next(&mut self, permit: mpsc::Permit<'_, Incoming>) {
        if let Some((item, bytes)) = self.frames.pop_front() {
            self.bytes -= bytes;
            permit.send(item);
        }
    }
}

/// Answers go to who waits; the rest is given back. What is no message of the protocol is ignored, as the
/// app-server does.
fn sort(raw: Text, pending: &Pending) -> Option<Incoming> {
    let envelope = match Envelope::parse(&raw) {
        Ok(envelope) => envelope,
        Err(error) => {
            tracing::debug!(%error, "frame that is no message");
            return None;
        }
    };
    let method = envelope.method.as_ref().map(|method| method.clone().into_owned());
    match (envelope.id.clone(), method) {
        (Some(id), Some(method)) => Some(Incoming::Request { id, method, raw }),
        (None, Some(method)) => Some(Incoming::Notification { method, raw }),
        (Some(RequestId::Number(id)), None) => {
            pending.answer(id, answer_in(&envelope));
            None
        }
        // We give out numbers only.
        _ => None,
    }
}

/// A response without an error is a result, even if that is null.
fn answer_in(envelope: &Envelope<'_>) -> Result<Value, ErrorObject> {
    let unreadable = |error: serde_json::Error| ErrorObject {
        code: -32603,
        message: format!("answer that cannot be read: {error}"),
        data: None,
    };
    match (envelope.error, envelope.result) {
        (Some(error), _) => Err(serde_json::from_str(error.get()).unwrap_or_else(unreadable)),
        (None, Some(result)) => serde_json::from_str(result.get()).map_err(unreadable),
        (None, None) => Ok(Value::Null),
    }
}

fn farewell(frame: Option<tokio_tungstenite::tungstenite::protocol::CloseFrame>) -> CloseReason {
    let code = frame.as_ref().map(|f| f.code.into());
    CloseReason::Closed {
        code,
        text: frame.map(|f| f.reason.to_string()).unwrap_or_default(),
    }
}

fn broken(error: Error) -> CloseReason {
    use tokio_tungstenite::tungstenite::error::ProtocolError;
    match error {
        Error::ConnectionClosed
        | Error::AlreadyClosed
        | Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => CloseReason::Dropped,
        Error::Io(e) if e.kind() == std::io::ErrorKind::ConnectionReset => CloseReason::Dropped,
        other => CloseReason::Broken(other.to_string()),
    }
}
