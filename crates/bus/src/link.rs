//! One host's link, from the challenge to the `bye`.

use crate::BusLimits;
use crate::handshake::{Proven, prove};
use crate::registry::{Registry, random_name};
use crate::roster::{LinkNumber, LinkSeat, Status};
use crate::upgrade::{Socket, close};
use drawbridge_wire::link::{ByeReason, FromBus, FromHost};
use futures_util::{SinkExt, StreamExt};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_util::sync::CancellationToken;

/// After a host said `bye` it may still close its tunnels itself, with its own reasons.
const FAREWELL: Duration = Duration::from_secs(2);

/// What a link needs of the bus.
pub(crate) struct LinkContext {
    pub(crate) registry: Registry,
    pub(crate) limits: BusLimits,
    /// Origin by which the host dialled; it must have signed this one.
    pub(crate) origin: String,
    pub(crate) shutdown: CancellationToken,
    /// Whose token it came with, when that is the token of one host.
    pub(crate) own: Option<String>,
    /// Its place among the links.
    pub(crate) place: OwnedSemaphorePermit,
}

/// How a link ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// We say why.
    Ours(ByeReason),
    /// The host said so.
    Theirs(ByeReason),
    /// The socket failed, or nothing was heard for too long.
    Broken,
}

/// Serves a link until it ends.
pub(crate) async fn serve(mut socket: Socket, context: LinkContext) {
    let proven = match shake_hands(&mut socket, &context).await {
        Ok(proven) => proven,
        Err(end) => {
            tracing::info!(?end, "no link was made");
            return finish(socket, end, &context.limits).await;
        }
    };
    let id = proven.id.clone();
    // Room for as many `open` as the host may have tunnels: it is full only when the host does not read.
    let (orders, incoming) = mpsc::channel(context.limits.tunnels_per_host.max(1));
    let (end, ended) = oneshot::channel();
    let alive = CancellationToken::new();
    // Tunnels end with the link, however this task ends.
    let _alive = alive.clone().drop_guard();
    let number = match context
        .registry
        .join(proven, context.own.clone(), LinkSeat { orders, end, alive })
        .await
    {
        Ok(number) => number,
        Err(reason) => return finish(socket, End::Ours(reason), &context.limits).await,
    };
    tracing::info!(host = id, number, "host connected");
    let mut link = Link {
        socket,
        context,
        id,
        number,
    };
    let end = link.run(incoming, ended).await;
    tracing::info!(host = link.id, number, ?end, "host disconnected");
    link.context.registry.leave(link.id, number).await;
    finish(link.socket, end, &link.context.limits).await;
    drop(link.context.place);
}

async fn shake_hands(socket: &mut Socket, context: &LinkContext) -> Result<Proven, End> {
    let nonce = random_name().ok_or(End::Ours(ByeReason::Draining))?;
    send(
        socket,
        &FromBus::Challenge { nonce: nonce.clone() },
        &context.limits,
    )
    .await?;
    let answer = tokio::select! {
        () = context.shutdown.cancelled() => return Err(End::Ours(ByeReason::Draining)),
        answer = timeout(context.limits.hello, receive(socket)) => answer,
    };
    let answer = answer.map_err(|_| End::Ours(ByeReason::Protocol))??;
    if let FromHost::Bye { reason } = answer {
        return Err(End::Theirs(reason));
    }
    prove(&nonce, &context.origin, answer).map_err(End::Ours)
}

struct Link {
    socket: Socket,
    context: LinkContext,
    id: String,
    number: LinkNumber,
}

impl Link {
    async fn run(
        &mut self,
        mut orders: mpsc::Receiver<FromBus>,
        mut ended: oneshot::Receiver<ByeReason>,
    ) -> End {
        match self.exchange(&mut orders, &mut ended).await {
            Ok(never) => match never {},
            Err(end) => end,
        }
    }

    async fn exchange(
        &mut self,
        orders: &mut mpsc::Receiver<FromBus>,
        ended: &mut oneshot::Receiver<ByeReason>,
    ) -> Result<std::convert::Infallible, End> {
        let limits = self.context.limits.clone();
        send(
            &mut self.socket,
            &FromBus::Welcome {
                host_id: self.id.clone(),
            },
            &limits,
        )
        .await?;
        let mut pings = interval_at(Instant::now() + limits.ping, limits.ping);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut sent = 0;
        let mut last_pong = Instant::now();
        loop {
            tokio::select! {
                reason = &mut *ended => return Err(End::Ours(reason.unwrap_or(ByeReason::Draining))),
                () = sleep_until(last_pong + limits.pong) => return Err(End::Broken),
                Some(order) = orders.recv() => send(&mut self.socket, &order, &limits).await?,
                _ = pings.tick() => {
                    sent += 1;
                    send(&mut self.socket, &FromBus::Ping { seq: sent }, &limits).await?;
                }
                message = receive(&mut self.socket) => match message? {
                    FromHost::Pong { seq } if (1..=sent).contains(&seq) => {
                        last_pong = Instant::now();
                        self.context.registry.pong(self.id.clone(), self.number).await;
                    }
                    FromHost::Ping { seq } => send(&mut self.socket, &FromBus::Pong { seq }, &limits).await?,
                    FromHost::Status { app_server_ready, active_threads, open_approvals } => {
                        let status = Status { app_server_ready, active_threads, open_approvals };
                        self.context.registry.status(self.id.clone(), self.number, status).await;
                    }
                    FromHost::Skills(skills) => {
                        self.context.registry.skills_told(self.id.clone(), self.number, skills).await;
                    }
                    FromHost::Refused { tunnel, reason } => {
                        self.context.registry.refused(self.id.clone(), self.number, tunnel, reason).await;
                    }
                    FromHost::Bye { reason } => return Err(End::Theirs(reason)),
                    FromHost::Hello { .. } | FromHost::Pong { .. } => return Err(End::Ours(ByeReason::Protocol)),
                },
            }
        }
    }
}

async fn send(socket: &mut Socket, message: &FromBus, limits: &BusLimits) -> Result<(), End> {
    let text = serde_json::to_string(message).map_err(|_| End::Ours(ByeReason::Protocol))?;
    match timeout(limits.send, socket.send(Message::text(text))).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(End::Broken),
    }
}

/// The next message of the host. Loses nothing when dropped.
async fn receive(socket: &mut Socket) -> Result<FromHost, End> {
    loop {
        match socket.next().await {
            Some(Ok(Message::Text(text))) => {
                return serde_json::from_str(text.as_str()).map_err(|_| End::Ours(ByeReason::Protocol));
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
            Some(Ok(Message::Binary(_))) => return Err(End::Ours(ByeReason::Protocol)),
            Some(Ok(Message::Close(_)) | Err(_)) | None => return Err(End::Broken),
        }
    }
}

async fn finish(mut socket: Socket, end: End, limits: &BusLimits) {
    match end {
        End::Ours(reason) => {
            let said = send(&mut socket, &FromBus::Bye { reason }, limits).await;
            if said.is_ok() {
                let frame = CloseFrame {
                    code: CloseCode::Normal,
                    reason: "".into(),
                };
                close(socket, Some(frame), limits.send).await;
            }
        }
        End::Theirs(_) => close(socket, None, FAREWELL).await,
        End::Broken => {}
    }
}
