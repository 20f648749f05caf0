//! Two sockets as one: every text message of one side goes to the other, unread and in order.
//!
//! Each direction reads one message and writes it before it reads the next, so a side that does not read
//! stops the other side's sender through TCP and nothing else. Writes are flushed when the input runs dry.

use crate::BusLimits;
use crate::upgrade::{Socket, close};
use drawbridge_wire::link::TunnelEnd;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{FutureExt, SinkExt, StreamExt};
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior, sleep_until, timeout};
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::frame::{Frame, Utf8Bytes};
use tokio_tungstenite::tungstenite::{Bytes, Error, Message};
use tokio_util::sync::CancellationToken;

/// Largest frame written. Longer messages go in several: common WebSocket libraries refuse frames of
/// 16 MiB while they take larger messages, and the app-server's answers can be larger.
const FRAME: usize = 1024 * 1024;

/// Why a direction stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Stop {
    /// Its input closed.
    Closed(Option<CloseFrame>),
    /// Its input failed or fell silent.
    Lost,
    /// Its input sent what may not pass.
    Refused(CloseCode),
    /// Its output failed.
    OutputLost,
}

/// What ended a tunnel.
enum Ended {
    Link,
    Client(Stop),
    Host(Stop),
}

/// Relays until one side ends, then closes both with the reason.
pub(crate) async fn splice(client: Socket, host: Socket, link: &CancellationToken, limits: &BusLimits) {
    let (mut to_client, mut from_client) = client.split();
    let (mut to_host, mut from_host) = host.split();
    let ended = {
        let up = pump(
            &mut from_client,
            &mut to_host,
            limits,
            Some(limits.client_silence),
        );
        // The host's side is not held to be silent: its gate stops reading on purpose while a client has
        // too much in flight, and the link says whether the host lives.
        let down = pump(&mut from_host, &mut to_client, limits, None);
        tokio::pin!(up, down);
        // A side that closed with a reason and went away at once is first noticed by the writer; the reason
        // is still there to be read.
        let other = |stop: Result<Stop, _>| match stop {
            Ok(Stop::OutputLost) | Err(_) => Stop::Lost,
            Ok(stop) => stop,
        };
        tokio::select! {
            biased;
            () = link.cancelled() => Ended::Link,
            stop = &mut up => match stop {
                Stop::OutputLost => Ended::Host(other(timeout(limits.send, down).await)),
                stop => Ended::Client(stop),
            },
            stop = &mut down => match stop {
                Stop::OutputLost => Ended::Client(other(timeout(limits.send, up).await)),
                stop => Ended::Host(stop),
            },
        }
    };
    let (for_client, for_host) = farewells(ended);
    tracing::debug!(?for_client, ?for_host, "tunnel ends");
    // Both halves are ours, so putting them together cannot fail.
    if let (Ok(client), Ok(host)) = (to_client.reunite(from_client), to_host.reunite(from_host)) {
        tokio::join!(
            close(client, for_client, limits.send),
            close(host, for_host, limits.send)
        );
    }
}

/// What each side is told.
fn farewells(ended: Ended) -> (Option<CloseFrame>, Option<CloseFrame>) {
    let both = |code, end| (reason(code, end), reason(code, end));
    match ended {
        Ended::Link | Ended::Host(Stop::Lost | Stop::OutputLost) => {
            both(CloseCode::Away, TunnelEnd::LinkLost)
        }
        Ended::Client(Stop::Lost | Stop::OutputLost) => both(CloseCode::Away, TunnelEnd::ClientGone),
        Ended::Client(Stop::Refused(code)) | Ended::Host(Stop::Refused(code)) => {
            both(code, TunnelEnd::Refused)
        }
        // The client's own words end here: a reason is one of ours.
        Ended::Client(Stop::Closed(frame)) => {
            let code = passed_on(frame.as_ref());
            (
                Some(CloseFrame {
                    code,
                    reason: Utf8Bytes::default(),
                }),
                reason(code, TunnelEnd::ClientGone),
            )
        }
        Ended::Host(Stop::Closed(frame)) => {
            let code = passed_on(frame.as_ref());
            let words = frame.map(|frame| frame.reason).unwrap_or_default();
            (
                Some(CloseFrame {
                    code,
                    reason: words.clone(),
                }),
                Some(CloseFrame { code, reason: words }),
            )
        }
    }
}

/// A close frame of ours.
pub(crate) fn reason(code: CloseCode, end: TunnelEnd) -> Option<CloseFrame> {
    Some(CloseFrame {
        code,
        reason: Utf8Bytes::from_static(end.word()),
    })
}

/// The code one side closed with, as it may be sent to the other.
fn passed_on(frame: Option<&CloseFrame>) -> CloseCode {
    match frame {
        Some(frame) if frame.code.is_allowed() => frame.code,
        Some(_) => CloseCode::Protocol,
        None => CloseCode::Normal,
    }
}

async fn pump(
    from: &mut SplitStream<Socket>,
    to: &mut SplitSink<Socket, Message>,
    limits: &BusLimits,
    silence: Option<Duration>,
) -> Stop {
    // Proxies between us and the peer end connections on which nothing moves.
    let mut pings = tokio::time::interval(limits.ping);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    pings.reset();
    loop {
        let item = if let Some(item) = from.next().now_or_never() {
            item
        } else {
            if to.flush().await.is_err() {
                return Stop::OutputLost;
            }
            let deadline = silence.map(|silence| Instant::now() + silence);
            loop {
                tokio::select! {
                    biased;
                    item = from.next() => break item,
                    () = until(deadline) => return Stop::Lost,
                    _ = pings.tick() => {
                        if to.send(Message::Ping(Bytes::new())).await.is_err() {
                            return Stop::OutputLost;
                        }
                    }
                }
            }
        };
        let text = match item {
            Some(Ok(Message::Text(text))) => text,
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => continue,
            Some(Ok(Message::Binary(_))) => return Stop::Refused(CloseCode::Unsupported),
            Some(Ok(Message::Close(frame))) => {
                // What it sent before it closed still arrives.
                let _ = timeout(limits.send, to.flush()).await;
                return Stop::Closed(frame);
            }
            Some(Err(Error::Capacity(_))) => return Stop::Refused(CloseCode::Size),
            Some(Err(Error::Utf8(_))) => return Stop::Refused(CloseCode::Invalid),
            Some(Err(Error::Protocol(error))) if !is_hang_up(&error) => {
                return Stop::Refused(CloseCode::Protocol);
            }
            Some(Err(_)) | None => {
                let _ = timeout(limits.send, to.flush()).await;
                return Stop::Lost;
            }
        };
        if write(to, text).await.is_err() {
            return Stop::OutputLost;
        }
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

fn is_hang_up(error: &ProtocolError) -> bool {
    matches!(error, ProtocolError::ResetWithoutClosingHandshake)
}

async fn write(to: &mut SplitSink<Socket, Message>, text: Utf8Bytes) -> Result<(), Error> {
    if text.len() <= FRAME {
        return to.feed(Message::Text(text)).await;
    }
    let mut rest = Bytes::from(text);
    let mut kind = Data::Text;
    while !rest.is_empty() {
        let part = rest.split_to(rest.len().min(FRAME));
        to.feed(Message::Frame(Frame::message(
            part,
            OpCode::Data(kind),
            rest.is_empty(),
        )))
        .await?;
        kind = Data::Continue;
    }
    Ok(())
}
