//! The three sockets. The door a connection comes through gives its role.

#![allow(
    clippy::result_large_err,
    reason = "the WebSocket library wants its refusals as whole responses"
)]

use crate::caller::{TurnedAway, the_connector, the_user};
pub(crate) use crate::claim::remote;
use crate::event::{AgentWatch, Caller, ConnectionId, Event, MoveCount};
use crate::gate::{Connection, Ends};
use crate::layout::Layout;
use crate::policy::Policy;
use crate::room::{KnownBus, KnownBuses, Limits, Room, Rooms};
use crate::{HostError, control};
use drawbridge_local::door::{self, Listener, Stream};
use drawbridge_wire::link::{MAX_APP_SERVER_MESSAGE, MAX_REMOTE_MESSAGE, SOCKET_BUFFER};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, accept_hdr_async_with_config};

/// How long a client may take to say what it wants.
const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(10);

/// What every connection task needs.
#[derive(Clone)]
pub(crate) struct Doors {
    pub policy: watch::Receiver<Arc<Policy>>,
    pub events: mpsc::Sender<Event>,
    pub agent: AgentWatch,
    pub buses: watch::Receiver<Arc<KnownBuses>>,
    pub numbers: Arc<AtomicU64>,
    pub rooms: Rooms,
    pub limits: Limits,
    pub moves: MoveCount,
}

impl Doors {
    pub(crate) fn new(
        policy: watch::Receiver<Arc<Policy>>,
        events: mpsc::Sender<Event>,
        agent: AgentWatch,
        buses: watch::Receiver<Arc<KnownBuses>>,
        limits: Limits,
        moves: MoveCount,
    ) -> Self {
        Self {
            policy,
            events,
            agent,
            buses,
            numbers: Arc::new(AtomicU64::new(1)),
            rooms: Rooms::new(&limits),
            limits,
            moves,
        }
    }

    pub(crate) fn number(&self) -> ConnectionId {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }
}

/// Opens the three sockets and serves them until the returned tasks are aborted.
pub(crate) fn open(layout: &Layout, doors: &Doors) -> Result<Vec<tokio::task::JoinHandle<()>>, HostError> {
    let mut tasks = Vec::new();
    for (path, door) in [
        (layout.control_socket(), Door::Control),
        (layout.app_server_socket(), Door::AppServer),
        (layout.tunnel_socket(), Door::Tunnel),
    ] {
        // A file that is in the way is a leftover: whoever made it held the lock that we hold now.
        let listener = Listener::bind(&path).map_err(HostError::files(&path))?;
        tasks.push(tokio::spawn(serve(listener, door, doors.clone())));
    }
    Ok(tasks)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Door {
    Control,
    AppServer,
    Tunnel,
}

impl Door {
    fn recorded(self) -> drawbridge_audit::Door {
        match self {
            Door::Control => drawbridge_audit::Door::Control,
            Door::AppServer => drawbridge_audit::Door::AppServer,
            Door::Tunnel => drawbridge_audit::Door::Tunnel,
        }
    }
    fn word(self) -> &'static str {
        match self {
            Door::Control => "control",
            Door::AppServer => "app-server",
            Door::Tunnel => "tunnel",
        }
    }
    fn room(self, rooms: &Rooms) -> &Room {
        match self {
            Door::Control => &rooms.control,
            Door::AppServer => &rooms.app_server,
            Door::Tunnel => &rooms.tunnel,
        }
    }
}

async fn serve(listener: Listener, door: Door, doors: Doors) {
    loop {
        let mut stream = match listener.accept().await {
            Ok(stream) => stream,
            Err(error) => {
                tracing::warn!(%error, door = door.word(), "a connection could not be accepted");
                // Out of file descriptors, most likely: give others time to close some.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let Some(place) = door.room(&doors.rooms).enter() else {
            tracing::warn!(
                door = door.word(),
                "all its places are taken; a connection is turned away"
            );
            // Said without waiting: whoever is turned away here must not cost a task.
            let _ = door::try_write(&mut stream, FULL.as_bytes());
            continue;
        };
        let doors = doors.clone();
        tokio::spawn(async move {
            Box::pin(come_in(stream, door, doors)).await;
            drop(place);
        });
    }
}

/// The answer to an upgrade that there is no room for.
const FULL: &str = "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\n\
    connection: close\r\ncontent-length: 103\r\n\r\n\
    {\"error\":{\"code\":\"too_many_connections\",\"message\":\"this socket has no room; close another connection\"}}";

async fn come_in(stream: Stream, door: Door, doors: Doors) {
    let connectors = || doors.buses.borrow().connectors();
    let allowed = match door {
        Door::Control | Door::AppServer => the_user(&stream),
        Door::Tunnel => the_connector(&stream, &connectors()).map(Some),
    };
    let pid = match allowed {
        Ok(pid) => pid,
        Err((why, pid)) => {
            let refused = Event::TurnedAway {
                door: door.recorded(),
                pid,
                why: why.code(),
            };
            // The loop ends only with the host.
            let _ = doors.events.send(refused).await;
            turn_away(stream, why).await;
            return;
        }
    };
    match door {
        Door::Control => control::serve(stream, pid, &doors).await,
        Door::AppServer | Door::Tunnel => gate(stream, door, pid, &doors).await,
    }
}

/// Answers the upgrade with the reason, so that the other side can show it.
async fn turn_away(stream: Stream, why: TurnedAway) {
    let refuse = |_: &Request, _: Response| Err(http_error(403, why.code(), why.message()));
    let handshake = accept_hdr_async_with_config(stream, refuse, None);
    // It fails by design; what matters is that the answer was written.
    let _ = tokio::time::timeout(HANDSHAKE_DEADLINE, Box::pin(handshake)).await;
}

async fn gate(stream: Stream, door: Door, pid: Option<u32>, doors: &Doors) {
    let status = doors.agent.borrow().clone();
    let Some(endpoint) = status.endpoint else {
        let refuse = |_: &Request, _: Response| {
            Err(http_error(
                503,
                "agent_down",
                "the app-server is starting; try again",
            ))
        };
        let handshake = accept_hdr_async_with_config(stream, refuse, None);
        // As above.
        let _ = tokio::time::timeout(HANDSHAKE_DEADLINE, Box::pin(handshake)).await;
        return;
    };
    let mut policy = doors.policy.borrow().clone();
    let buses = doors.buses.borrow().clone();
    let bus = match (door, pid) {
        (Door::Tunnel, Some(pid)) => buses.of_connector(pid),
        _ => None,
    };
    // Threads get what their bus offers, those of the user what the first bus does.
    let mcp = match door {
        Door::Tunnel => bus.and_then(|bus| bus.mcp.as_ref()),
        _ => buses.local_mcp(),
    };
    if policy.mcp.as_ref() != mcp {
        policy = Arc::new(Policy {
            mcp: mcp.cloned(),
            ..(*policy).clone()
        });
    }
    let mut caller = Caller::Local;
    // Held as long as the connection stands.
    let mut _place = None;
    let claimed = |request: &Request, response: Response| {
        no_origin(request).map_err(|refused| *refused)?;
        if door == Door::Tunnel {
            caller =
                remote(request, bus.map(|bus| bus.name.as_str()), policy.role).map_err(|refused| *refused)?;
            _place = Some(share(bus).map_err(|refused| *refused)?);
        }
        Ok(response)
    };
    let limit = if door == Door::Tunnel {
        MAX_REMOTE_MESSAGE
    } else {
        MAX_APP_SERVER_MESSAGE
    };
    let accept = Box::pin(accept_hdr_async_with_config(stream, claimed, Some(config(limit))));
    let client = match tokio::time::timeout(HANDSHAKE_DEADLINE, accept).await {
        Ok(Ok(client)) => client,
        Ok(Err(error)) => {
            tracing::debug!(%error, "a handshake failed");
            return;
        }
        Err(_) => return,
    };
    let upstream = match endpoint.dial().await {
        Ok(upstream) => upstream,
        Err(error) => {
            tracing::warn!(%error, "the app-server cannot be reached");
            close(client, drawbridge_wire::link::TunnelEnd::AgentDown).await;
            return;
        }
    };
    let connection = Connection {
        id: doors.number(),
        caller,
        // A tunnel's process is our own connector, which says nothing of who is behind it.
        pid: pid.filter(|_| door != Door::Tunnel),
        policy,
        events: doors.events.clone(),
        agent: doors.agent.clone(),
        moves: doors.moves.clone(),
        initialize_within: doors.limits.initialize,
    };
    let ends = Ends {
        client,
        upstream,
        generation: status.generation,
    };
    Box::pin(connection.run(ends)).await;
}

/// A place among the tunnels of a bus.
fn share(bus: Option<&KnownBus>) -> Result<OwnedSemaphorePermit, Box<ErrorResponse>> {
    bus.and_then(|bus| bus.room.enter()).ok_or_else(|| {
        tracing::warn!("a bus has all its tunnels in use; one is turned away");
        Box::new(http_error(
            503,
            "too_many_tunnels",
            "this host has as many clients of that bus as it takes; close one",
        ))
    })
}

/// A web page must never get in, whatever it runs in.
pub(crate) fn no_origin(request: &Request) -> Result<(), Box<ErrorResponse>> {
    if request.headers().contains_key("origin") {
        return Err(Box::new(http_error(
            403,
            "origin_refused",
            "requests of web pages are refused",
        )));
    }
    Ok(())
}

pub(crate) fn http_error(status: u16, code: &str, message: &str) -> ErrorResponse {
    let body = serde_json::json!({ "error": { "code": code, "message": message } }).to_string();
    let mut response = ErrorResponse::new(Some(body));
    *response.status_mut() = http::StatusCode::from_u16(status).unwrap_or(http::StatusCode::BAD_REQUEST);
    response
}

pub(crate) fn config(limit: usize) -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(SOCKET_BUFFER)
        .write_buffer_size(SOCKET_BUFFER)
        .max_write_buffer_size(limit.saturating_mul(2).saturating_add(SOCKET_BUFFER))
        .max_message_size(Some(limit))
        .max_frame_size(Some(limit))
}

async fn close(mut client: WebSocketStream<Stream>, end: drawbridge_wire::link::TunnelEnd) {
    use tokio_tungstenite::tungstenite::protocol::{CloseFrame, frame::coding::CloseCode};
    let frame = CloseFrame {
        code: CloseCode::Error,
        reason: end.word().into(),
    };
    // The client may be gone already.
    let _ = tokio::time::timeout(Duration::from_secs(5), client.close(Some(frame))).await;
}

#[cfg(test)]
mod tests;
