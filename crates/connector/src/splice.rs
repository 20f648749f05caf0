//! Two sockets made one: the bus's and the host's, each direction in its own task.

use crate::stream::Socket;
use drawbridge_wire::link::TunnelEnd;
use futures_util::future::poll_immediate;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use serde::Deserialize;
use serde::de::IntoDeserializer;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error as WsError, Message, Utf8Bytes};

/// How long each side may take to answer a close.
pub(crate) const LINGER: Duration = Duration::from_secs(2);
/// A remote that takes no byte for this long while some wait for it has lagged out. Looked at once in
/// this time, so that it is noticed after at most twice as long.
const REMOTE_TAKES_WITHIN: Duration = Duration::from_secs(60);
/// The gate may leave a remote's requests unread while earlier ones are open, so it gets longer.
const HOST_TAKES_WITHIN: Duration = Duration::from_secs(600);
/// When writing fails, how long to wait for the close frame that may say why.
const REASON_WITHIN: Duration = Duration::from_millis(500);

type Close = Option<CloseFrame>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Bus,
    Host,
}

/// What ended one direction.
#[derive(Debug)]
enum Stop {
    /// The source said so.
    Closed(Close),
    /// The source broke.
    Broken,
    /// The source sent what may not pass.
    Refused(CloseCode),
    /// The target broke.
    TargetBroken,
    /// The target takes nothing.
    TargetStalled,
}

/// Two spliced sockets.
pub(crate) struct Splice {
    pumps: JoinSet<()>,
    stops: mpsc::Receiver<(Side, Stop)>,
    close: watch::Sender<Option<Close>>,
}

impl Splice {
    /// Starts both directions.
    pub(crate) fn start(bus: Socket, host: Socket) -> Self {
        let (bus_written, host_written) = (bus.get_ref().written(), host.get_ref().written());
        let (to_bus, from_bus) = bus.split();
        let (to_host, from_host) = host.split();
        let (report, stops) = mpsc::channel(2);
        let (close, closing) = watch::channel(None);
        let mut pumps = JoinSet::new();
        let up = Target {
            sink: to_bus,
            written: bus_written,
            takes_within: REMOTE_TAKES_WITHIN,
        };
        let down = Target {
            sink: to_host,
            written: host_written,
            takes_within: HOST_TAKES_WITHIN,
        };
        pumps.spawn(pump(Side::Host, from_host, up, report.clone(), closing.clone()));
        pumps.spawn(pump(Side::Bus, from_bus, down, report, closing));
        Self { pumps, stops, close }
    }

    /// Waits until one side ends it, or `ending` says so, and returns why and what both sides are told.
    pub(crate) async fn ended(
        &mut self,
        ending: &mut watch::Receiver<Option<TunnelEnd>>,
    ) -> (TunnelEnd, Close) {
        tokio::select! {
            stop = self.stops.recv() => match stop {
                Some((from, stop)) => self.reason(from, stop).await,
                None => own(TunnelEnd::LinkLost, CloseCode::Error),
            },
            end = told(ending) => own(end, CloseCode::Away),
        }
    }

    async fn reason(&mut self, from: Side, stop: Stop) -> (TunnelEnd, Close) {
        if matches!(stop, Stop::TargetBroken)
            && let Ok(Some((other, Stop::Closed(frame)))) = timeout(REASON_WITHIN, self.stops.recv()).await
            && other != from
        {
            return verdict(other, Stop::Closed(frame));
        }
        verdict(from, stop)
    }

    /// Closes both sides with the same frame and waits, briefly, for their answers.
    pub(crate) async fn close(mut self, frame: Close) {
        self.close.send_replace(Some(frame));
        while self.pumps.join_next().await.is_some() {}
    }
}

/// Until the tunnel is to end from outside; a link that vanished is lost.
pub(crate) async fn told(ending: &mut watch::Receiver<Option<TunnelEnd>>) -> TunnelEnd {
    match ending.wait_for(Option::is_some).await {
        Ok(end) => end.unwrap_or(TunnelEnd::LinkLost),
        Err(_) => TunnelEnd::LinkLost,
    }
}

fn verdict(from: Side, stop: Stop) -> (TunnelEnd, Close) {
    match (from, stop) {
        (Side::Bus, Stop::Closed(frame)) => (word(frame.as_ref()).unwrap_or(TunnelEnd::ClientGone), frame),
        (Side::Host, Stop::Closed(frame)) => (word(frame.as_ref()).unwrap_or(TunnelEnd::AgentDown), frame),
        (_, Stop::Refused(code)) => own(TunnelEnd::Refused, code),
        (Side::Host, Stop::TargetStalled) => own(TunnelEnd::Lagged, CloseCode::Again),
        (Side::Bus, Stop::Broken) | (Side::Host, Stop::TargetBroken) => {
            own(TunnelEnd::LinkLost, CloseCode::Away)
        }
        (Side::Host, Stop::Broken) | (Side::Bus, Stop::TargetBroken | Stop::TargetStalled) => {
            own(TunnelEnd::AgentDown, CloseCode::Error)
        }
    }
}

fn own(end: TunnelEnd, code: CloseCode) -> (TunnelEnd, Close) {
    (
        end,
        Some(CloseFrame {
            code,
            reason: Utf8Bytes::from_static(end.word()),
        }),
    )
}

fn word(frame: Option<&CloseFrame>) -> Option<TunnelEnd> {
    let word: serde::de::value::StrDeserializer<'_, serde::de::value::Error> =
        frame?.reason.as_str().into_deserializer();
    TunnelEnd::deserialize(word).ok()
}

struct Target {
    sink: SplitSink<Socket, Message>,
    written: Arc<AtomicU64>,
    takes_within: Duration,
}

impl Target {
    /// Waits for a write as long as it makes progress: a large message over a slow line is no stall.
    async fn write(&mut self, message: Option<Message>) -> Result<(), Stop> {
        let write = async {
            match message {
                Some(message) => self.sink.feed(message).await,
                None => self.sink.flush().await,
            }
        };
        tokio::pin!(write);
        let mut before = self.written.load(Ordering::Relaxed);
        loop {
            if let Ok(written) = timeout(self.takes_within, &mut write).await {
                return written.map_err(|_| Stop::TargetBroken);
            }
            let now = self.written.load(Ordering::Relaxed);
            if now == before {
                return Err(Stop::TargetStalled);
            }
            before = now;
        }
    }
}

async fn pump(
    side: Side,
    mut from: SplitStream<Socket>,
    mut to: Target,
    report: mpsc::Sender<(Side, Stop)>,
    mut closing: watch::Receiver<Option<Close>>,
) {
    let early = tokio::select! {
        stop = forward(&mut from, &mut to) => {
            // The queue has room for one report of each direction.
            let _ = report.send((side, stop)).await;
            None
        }
        frame = close_frame(&mut closing) => Some(frame),
    };
    let frame = match early {
        Some(frame) => frame,
        None => close_frame(&mut closing).await,
    };
    let polite = async {
        // On a side that closed first this only flushes the answer that the library holds ready.
        let _ = to.sink.send(Message::Close(frame)).await;
        while let Some(Ok(_)) = from.next().await {}
    };
    let _ = timeout(LINGER, polite).await;
}

async fn close_frame(closing: &mut watch::Receiver<Option<Close>>) -> Close {
    match closing.wait_for(Option::is_some).await {
        Ok(frame) => frame.clone().flatten(),
        Err(_) => None,
    }
}

/// Writes what is ready, flushes when the input runs dry; reads no further while the target is full.
async fn forward(from: &mut SplitStream<Socket>, to: &mut Target) -> Stop {
    loop {
        let mut next = poll_immediate(from.next()).await;
        if next.is_none() {
            if let Err(stop) = to.write(None).await {
                return stop;
            }
            next = Some(from.next().await);
        }
        match next.flatten() {
            Some(Ok(message @ Message::Text(_))) => {
                if let Err(stop) = to.write(Some(message)).await {
                    return stop;
                }
            }
            Some(Ok(Message::Binary(_))) => return Stop::Refused(CloseCode::Unsupported),
            Some(Ok(Message::Close(frame))) => return Stop::Closed(frame),
            // Pings of the transport are each socket's own affair and answered by the library.
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
            Some(Err(WsError::Capacity(_))) => return Stop::Refused(CloseCode::Size),
            Some(Err(WsError::Utf8(_))) => return Stop::Refused(CloseCode::Invalid),
            Some(Err(_)) | None => return Stop::Broken,
        }
    }
}

#[cfg(test)]
#[path = "splice_tests.rs"]
mod tests;
