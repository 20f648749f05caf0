//! From an HTTP request to a WebSocket, answered when the caller decides.

use crate::refusal::Refusal;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use drawbridge_wire::link::SOCKET_BUFFER;
use futures_util::{SinkExt, StreamExt};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version, header};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_util::task::TaskTracker;

/// A WebSocket of the bus.
pub(crate) type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// How long the answer to an upgrade may take to get out.
const SWITCH: Duration = Duration::from_secs(10);

/// A request to become a WebSocket.
pub(crate) struct Upgrade {
    accept: HeaderValue,
    switched: OnUpgrade,
}

impl Upgrade {
    /// Takes the request's wish to be a WebSocket.
    pub(crate) fn take(request: &mut Request) -> Result<Self, Refusal> {
        let headers = request.headers();
        let key = headers
            .get(header::SEC_WEBSOCKET_KEY)
            .ok_or(Refusal::UpgradeRequired)?
            .as_bytes();
        let asked = request.method() == Method::GET
            && request.version() == Version::HTTP_11
            && lists(headers, &header::CONNECTION, "upgrade")
            && lists(headers, &header::UPGRADE, "websocket")
            && headers
                .get(header::SEC_WEBSOCKET_VERSION)
                .is_some_and(|version| version == "13")
            && BASE64_STANDARD.decode(key).is_ok_and(|key| key.len() == 16);
        if !asked {
            return Err(Refusal::UpgradeRequired);
        }
        let accept = derive_accept_key(key)
            .parse()
            .map_err(|_| Refusal::UpgradeRequired)?;
        Ok(Self {
            accept,
            switched: hyper::upgrade::on(request),
        })
    }

    /// Answers the request. `then` gets the socket; it is dropped when the peer has gone.
    pub(crate) fn answer<F, T>(
        self,
        tracker: &TaskTracker,
        subprotocol: Option<&'static str>,
        max_message: usize,
        then: F,
    ) -> Response
    where
        F: FnOnce(Socket) -> T + Send + 'static,
        T: Future<Output = ()> + Send + 'static,
    {
        let Self { accept, switched } = self;
        tracker.spawn(async move {
            let Ok(Ok(upgraded)) = tokio::time::timeout(SWITCH, switched).await else {
                return;
            };
            let config = WebSocketConfig::default()
                .read_buffer_size(SOCKET_BUFFER)
                .write_buffer_size(SOCKET_BUFFER)
                .max_message_size(Some(max_message))
                .max_frame_size(Some(max_message));
            let io = TokioIo::new(upgraded);
            then(WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await).await;
        });
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
        if let Some(subprotocol) = subprotocol {
            headers.insert(
                header::SEC_WEBSOCKET_PROTOCOL,
                HeaderValue::from_static(subprotocol),
            );
        }
        response
    }
}

/// Whether a header lists a word, in any of its lines.
pub(crate) fn lists(headers: &HeaderMap, name: &HeaderName, word: &str) -> bool {
    let lines = headers.get_all(name).iter().filter_map(|line| line.to_str().ok());
    lines
        .flat_map(|line| line.split(','))
        .any(|item| item.trim().eq_ignore_ascii_case(word))
}

/// Closes a socket and waits until the peer has seen it, at most `deadline`.
pub(crate) async fn close(mut socket: Socket, frame: Option<CloseFrame>, deadline: Duration) {
    let closing = async {
        // Fails when the peer closed first; reading on then finishes its handshake.
        let _ = socket.send(Message::Close(frame)).await;
        while matches!(socket.next().await, Some(Ok(_))) {}
        // Nothing more comes from here; what the peer still sends (the rest of a message too large, say) is
        // read and dropped, because bytes left unread would reset the connection and take our close frame
        // with them.
        let _ = socket.get_mut().shutdown().await;
        let mut rest = [0; 4096];
        while matches!(socket.get_mut().read(&mut rest).await, Ok(1..)) {}
    };
    let _ = tokio::time::timeout(deadline, closing).await;
}
