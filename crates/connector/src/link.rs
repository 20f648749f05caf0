//! One link from challenge to bye.

use crate::error::LinkError;
use crate::keeper::{Inbox, stopped};
use crate::lines::Lines;
use crate::tunnel::{Open, Tunnels, Ways};
use drawbridge_wire::link::{
    ByeReason, FromBus, FromHost, PING_INTERVAL_SECS, PONG_DEADLINE_SECS, SUBPROTOCOL, TunnelEnd,
};
use drawbridge_wire::pipe::{FromConnector, LinkState};
use futures_util::{SinkExt, StreamExt};
use std::collections::VecDeque;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};

/// How long the bus may take for `challenge` and for `welcome`, and the host for its signature.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// The link's messages are small: a bus that takes none of them for this long does not read.
const WRITE_WITHIN: Duration = Duration::from_secs(10);
/// How long a farewell may take.
const FAREWELL_WITHIN: Duration = Duration::from_secs(1);

/// Who this host is.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    pub(crate) host_id: String,
    pub(crate) host_name: String,
    pub(crate) public_key: String,
}

/// The socket of a link, with the bus's name for messages.
pub(crate) struct Link<S> {
    socket: WebSocketStream<S>,
    at: String,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Link<S> {
    pub(crate) fn new(socket: WebSocketStream<S>, at: &str) -> Self {
        Self {
            socket,
            at: at.to_owned(),
        }
    }

    /// `challenge`, `hello`, `welcome`.
    pub(crate) async fn greet(
        &mut self,
        identity: &Identity,
        inbox: &mut Inbox,
        lines: &Lines,
    ) -> Result<(), LinkError> {
        let nonce = match self.answer().await? {
            FromBus::Challenge { nonce } if is_nonce(&nonce) => nonce,
            other => return Err(self.unexpected(other, "its first message is no challenge").await),
        };
        let signature = self.signature(nonce, inbox, lines).await?;
        let hello = FromHost::Hello {
            versions: vec![SUBPROTOCOL.to_owned()],
            software: env!("CARGO_PKG_VERSION").to_owned(),
            host_id: identity.host_id.clone(),
            host_name: identity.host_name.clone(),
            public_key: identity.public_key.clone(),
            signature,
        };
        self.send(&hello).await?;
        match self.answer().await? {
            FromBus::Welcome { host_id } => {
                if host_id != identity.host_id {
                    tracing::warn!(bus = %self.at, "the bus registered this host under another id");
                }
                Ok(())
            }
            other => Err(self
                .unexpected(other, "it answers hello with something else")
                .await),
        }
    }

    async fn signature(
        &mut self,
        nonce: String,
        inbox: &mut Inbox,
        lines: &Lines,
    ) -> Result<String, LinkError> {
        let asked = async {
            let _ = lines.send(FromConnector::Sign { nonce: nonce.clone() }).await;
            loop {
                match inbox.signatures.recv().await {
                    // An answer to an earlier challenge may still have been on its way.
                    Some((of, _)) if of != nonce => {}
                    Some((_, signature)) => return signature,
                    None => std::future::pending().await,
                }
            }
        };
        timeout(ANSWER_WITHIN, asked)
            .await
            .map_err(|_| LinkError::Timeout {
                who: "this computer's host, asked to sign,".to_owned(),
            })
    }

    /// The next message of the handshake; pings are answered on the way.
    async fn answer(&mut self) -> Result<FromBus, LinkError> {
        let next = async {
            loop {
                match self.next().await? {
                    FromBus::Ping { seq } => self.send(&FromHost::Pong { seq }).await?,
                    message => return Ok(message),
                }
            }
        };
        match timeout(ANSWER_WITHIN, next).await {
            Ok(message) => message,
            Err(_) => Err(LinkError::Timeout { who: self.at.clone() }),
        }
    }

    async fn unexpected(&mut self, message: FromBus, what: &'static str) -> LinkError {
        let at = self.at.clone();
        if let FromBus::Bye { reason } = message {
            self.farewell(None).await;
            return LinkError::Bye { at, reason };
        }
        self.farewell(Some(ByeReason::Protocol)).await;
        LinkError::Protocol { at, what }
    }

    /// The next message. Dropping a pending call loses nothing.
    async fn next(&mut self) -> Result<FromBus, LinkError> {
        loop {
            let what = match self.socket.next().await {
                Some(Ok(Message::Text(text))) => match serde_json::from_str(&text) {
                    Ok(message) => return Ok(message),
                    Err(_) => "a message is not understood",
                },
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => continue,
                Some(Ok(Message::Binary(_))) => "a message is binary",
                Some(Err(WsError::Capacity(_))) => "a message is too large",
                Some(Err(WsError::Utf8(_))) => "a message is not UTF-8",
                Some(Ok(Message::Close(_)) | Err(_)) | None => {
                    return Err(LinkError::Lost { at: self.at.clone() });
                }
            };
            return Err(LinkError::Protocol {
                at: self.at.clone(),
                what,
            });
        }
    }

    async fn send(&mut self, message: &FromHost) -> Result<(), LinkError> {
        let lost = || LinkError::Lost { at: self.at.clone() };
        let text = serde_json::to_string(message).map_err(|_| lost())?;
        match timeout(WRITE_WITHIN, self.socket.send(Message::text(text))).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(lost()),
        }
    }

    /// Says `bye` if there is a reason to give, and closes; nobody waits long for either.
    pub(crate) async fn farewell(&mut self, reason: Option<ByeReason>) {
        let polite = async {
            if let Some(reason) = reason {
                let _ = self.send(&FromHost::Bye { reason }).await;
            }
            let _ = self.socket.close(None).await;
            // Until the bus has closed too: closing with its messages unread would reset the connection,
            // and a reset can destroy our `bye` before the bus reads it.
            while let Some(Ok(_)) = self.socket.next().await {}
        };
        let _ = timeout(FAREWELL_WITHIN, polite).await;
    }

    /// Keeps a registered link until it ends. `Ok` when the host wants it to end.
    pub(crate) async fn serve(
        &mut self,
        inbox: &mut Inbox,
        ways: Ways,
        answers: &mut mpsc::Receiver<FromHost>,
        tunnels: &mut Tunnels,
        ending: &watch::Sender<Option<TunnelEnd>>,
    ) -> Result<(), LinkError> {
        let served = self.serve_until(inbox, ways, answers, tunnels).await;
        let (end, bye) = match &served {
            Ok(reason) => (TunnelEnd::HostStopping, Some(*reason)),
            Err(LinkError::Protocol { .. }) => (TunnelEnd::LinkLost, Some(ByeReason::Protocol)),
            Err(_) => (TunnelEnd::LinkLost, None),
        };
        ending.send_replace(Some(end));
        self.farewell(bye).await;
        served.map(|_| ())
    }

    async fn serve_until(
        &mut self,
        inbox: &mut Inbox,
        ways: Ways,
        answers: &mut mpsc::Receiver<FromHost>,
        tunnels: &mut Tunnels,
    ) -> Result<ByeReason, LinkError> {
        let mut beat = Heartbeat::new();
        let mut ticks = interval(Duration::from_secs(PING_INTERVAL_SECS));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut said = None;
        inbox.status.mark_changed();
        inbox.skills.mark_changed();
        loop {
            tokio::select! {
                message = self.next() => match message? {
                    FromBus::Ping { seq } => self.send(&FromHost::Pong { seq }).await?,
                    FromBus::Pong { seq } => if let Some(trip) = beat.pong(seq, Instant::now()) {
                        let round_trip_ms = Some(u64::try_from(trip.as_millis()).unwrap_or(u64::MAX));
                        let state = LinkState::Connected { round_trip_ms };
                        let _ = ways.lines.send(FromConnector::Link { state }).await;
                    },
                    FromBus::Open { tunnel, client, role, scopes: _ } => {
                        self.open(Open { tunnel, client, role }, &ways, tunnels).await?;
                    }
                    FromBus::Bye { reason } => return Err(LinkError::Bye { at: self.at.clone(), reason }),
                    FromBus::Challenge { .. } | FromBus::Welcome { .. } => {
                        let what = "it greets a host that is registered";
                        return Err(LinkError::Protocol { at: self.at.clone(), what });
                    }
                },
                _ = ticks.tick() => {
                    let seq = beat.ping(Instant::now());
                    self.send(&FromHost::Ping { seq }).await?;
                }
                () = sleep_until(beat.dead_at()) => return Err(LinkError::Lost { at: self.at.clone() }),
                Some(answer) = answers.recv() => self.send(&answer).await?,
                Ok(()) = inbox.status.changed() => {
                    let status = inbox.status.borrow_and_update().clone();
                    if let Some(status) = status && said.as_ref() != Some(&status) {
                        self.send(&status).await?;
                        said = Some(status);
                    }
                }
                Ok(()) = inbox.skills.changed() => {
                    let skills = inbox.skills.borrow_and_update().clone();
                    if let Some(skills) = skills {
                        self.send(&skills).await?;
                    }
                }
                reason = stopped(&mut inbox.stop) => return Ok(reason),
            }
        }
    }

    async fn open(&mut self, open: Open, ways: &Ways, tunnels: &mut Tunnels) -> Result<(), LinkError> {
        if !open.valid() {
            return Err(LinkError::Protocol {
                at: self.at.clone(),
                what: "a tunnel id is not usable",
            });
        }
        if tunnels.knows(&open.tunnel) {
            return Err(LinkError::Protocol {
                at: self.at.clone(),
                what: "a tunnel id came twice",
            });
        }
        let tunnel = open.tunnel.clone();
        if tunnels.open(ways.clone(), open) {
            return Ok(());
        }
        self.send(&FromHost::Refused {
            tunnel,
            reason: TunnelEnd::Refused,
        })
        .await
    }
}

/// 32 bytes in base64url without padding.
fn is_nonce(text: &str) -> bool {
    let ok = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    text.len() == 43 && text.bytes().all(ok)
}

/// Pings that are out, and when the last pong came.
struct Heartbeat {
    next: u64,
    out: VecDeque<(u64, Instant)>,
    last_pong: Instant,
}

impl Heartbeat {
    fn new() -> Self {
        Self {
            next: 0,
            out: VecDeque::new(),
            last_pong: Instant::now(),
        }
    }

    fn ping(&mut self, now: Instant) -> u64 {
        self.next += 1;
        self.out.push_back((self.next, now));
        self.next
    }

    /// The round trip; `None` for a pong to no ping that is out, which proves nothing.
    fn pong(&mut self, seq: u64, now: Instant) -> Option<Duration> {
        let position = self.out.iter().position(|(of, _)| *of == seq)?;
        let (_, sent) = self.out.drain(..=position).next_back()?;
        self.last_pong = now;
        Some(now.saturating_duration_since(sent))
    }

    fn dead_at(&self) -> Instant {
        self.last_pong + Duration::from_secs(PONG_DEADLINE_SECS)
    }
}

#[cfg(test)]
#[path = "link_tests.rs"]
mod tests;
