//! Where a running app-server listens, and how to get in.

use drawbridge_wire::Secret;
use drawbridge_wire::link::{MAX_APP_SERVER_MESSAGE, SOCKET_BUFFER};
use http::{HeaderValue, header};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config, tungstenite};

/// A WebSocket to an app-server.
pub type Socket = WebSocketStream<TcpStream>;

/// How long a dial may take.
const DIAL_DEADLINE: Duration = Duration::from_secs(5);

/// Address and token of a running app-server.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Where it listens.
    pub addr: SocketAddr,
    /// What lets us in.
    pub token: Secret,
}

/// Why a connection does not stand.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// Nobody listens or the network is in the way.
    #[error("the app-server at {addr} cannot be reached: {source}; it may have ended, see its log")]
    Unreachable {
        /// Where.
        addr: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// Somebody listens, but lets us not in.
    #[error(
        "the app-server at {addr} refused the connection with HTTP {status}; restart drawbridge so that both sides have the same token"
    )]
    Refused {
        /// Where.
        addr: SocketAddr,
        /// With what.
        status: u16,
    },
    /// Somebody listens, but speaks something else.
    #[error("what listens at {addr} does not speak WebSocket ({reason}); check --app-server-port")]
    NotWebSocket {
        /// Where.
        addr: SocketAddr,
        /// What happened.
        reason: String,
    },
    /// It takes too long.
    #[error("the app-server at {addr} did not answer within {} s; restart drawbridge", DIAL_DEADLINE.as_secs())]
    Deadline {
        /// Where.
        addr: SocketAddr,
    },
}

impl DialError {
    /// Stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            DialError::Unreachable { .. } => "app_server_unreachable",
            DialError::Refused { .. } => "app_server_refused",
            DialError::NotWebSocket { .. } => "app_server_no_websocket",
            DialError::Deadline { .. } => "app_server_dial_deadline",
        }
    }
}

impl Endpoint {
    /// Opens a connection of its own. No `Origin` header is sent: the app-server refuses any.
    ///
    /// # Errors
    /// When it does not stand within five seconds.
    pub async fn dial(&self) -> Result<Socket, DialError> {
        let addr = self.addr;
        // Boxed: the handshake's state is large and would sit in every caller's future.
        let dial = Box::pin(self.dial_unbounded());
        tokio::time::timeout(DIAL_DEADLINE, dial)
            .await
            .unwrap_or(Err(DialError::Deadline { addr }))
    }

    async fn dial_unbounded(&self) -> Result<Socket, DialError> {
        let addr = self.addr;
        let unreachable = |source| DialError::Unreachable { addr, source };
        let stream = TcpStream::connect(addr).await.map_err(unreachable)?;
        stream.set_nodelay(true).map_err(unreachable)?;
        let no_websocket = |reason: String| DialError::NotWebSocket { addr, reason };
        let mut request = format!("ws://{addr}/")
            .into_client_request()
            .map_err(|e| no_websocket(e.to_string()))?;
        let bearer = zeroize::Zeroizing::new(format!("Bearer {}", self.token.reveal()));
        let mut value = HeaderValue::from_str(&bearer).map_err(|e| no_websocket(e.to_string()))?;
        value.set_sensitive(true);
        request.headers_mut().insert(header::AUTHORIZATION, value);
        let config = WebSocketConfig::default()
            .read_buffer_size(SOCKET_BUFFER)
            .write_buffer_size(SOCKET_BUFFER)
            .max_message_size(Some(MAX_APP_SERVER_MESSAGE))
            .max_frame_size(Some(MAX_APP_SERVER_MESSAGE));
        match client_async_with_config(request, stream, Some(config)).await {
            Ok((socket, _response)) => Ok(socket),
            Err(tungstenite::Error::Http(answer)) => Err(DialError::Refused {
                addr,
                status: answer.status().as_u16(),
            }),
            Err(tungstenite::Error::Io(source)) => Err(unreachable(source)),
            Err(other) => Err(no_websocket(other.to_string())),
        }
    }
}
