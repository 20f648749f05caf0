//! A bus, hosts and clients for the tests.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use drawbridge_bus::{Bus, BusLimits, BusOptions, ClientToken};
use drawbridge_wire::Secret;
use drawbridge_wire::link::{
    ByeReason, FromBus, FromHost, SUBPROTOCOL, TUNNEL_HOST_HEADER, TunnelEnd, signed_bytes,
};
use ed25519_dalek::{Signer, SigningKey};
use futures_util::{SinkExt, StreamExt};
use http::header::{AUTHORIZATION, SEC_WEBSOCKET_PROTOCOL};
use serde_json::Value;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
use tokio_util::sync::{CancellationToken, DropGuard};

pub(crate) const CONNECT: &str = "token-of-hosts";
pub(crate) const MCP: &str = "token-of-mcp";
pub(crate) const CLIENT: &str = "token-of-clients";
pub(crate) const BOUND: &str = "token-of-desk";
pub(crate) const ADMIN: &str = "token-of-the-admin";

pub(crate) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Nothing in these tests takes longer, unless it hangs.
pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future)
        .await
        .expect("in time")
}

pub(crate) fn options() -> BusOptions {
    BusOptions {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        connect_token: Some(Secret::new(CONNECT)),
        http_token: Some(Secret::new(MCP)),
        client_tokens: ClientToken::parse_list(&format!("{CLIENT},desk={BOUND}")).unwrap(),
        admin_token: Some(Secret::new(ADMIN)),
        ..BusOptions::default()
    }
}

/// A running bus; ends when dropped.
pub(crate) struct TestBus {
    pub(crate) address: SocketAddr,
    _stop: DropGuard,
    stop: CancellationToken,
    running: JoinHandle<()>,
}

impl TestBus {
    pub(crate) async fn start() -> Self {
        Self::start_with(options(), BusLimits::default()).await
    }

    pub(crate) async fn start_with(options: BusOptions, limits: BusLimits) -> Self {
        let bus = Bus::bind_with(options, limits).await.unwrap();
        let address = bus.local_addr();
        let stop = CancellationToken::new();
        let running = tokio::spawn(bus.run(stop.clone().cancelled_owned()));
        Self {
            address,
            _stop: stop.clone().drop_guard(),
            stop,
            running,
        }
    }

    /// Ends the bus as a signal would.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        within(self.running).await.unwrap();
    }

    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) async fn dial(&self, path: &str, headers: &[(&str, &str)]) -> Socket {
        let mut request = format!("ws://{}{path}", self.address)
            .into_client_request()
            .unwrap();
        for (name, value) in headers {
            let name: http::HeaderName = name.parse().unwrap();
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        within(connect_async(request)).await.unwrap().0
    }

    /// A client's connection to a host; `""` takes the only one.
    pub(crate) async fn client(&self, host: &str) -> Socket {
        let path = if host.is_empty() {
            "/".to_owned()
        } else {
            format!("/hosts/{host}/app-server")
        };
        self.dial(&path, &[("authorization", &format!("Bearer {CLIENT}"))])
            .await
    }

    /// Asks for a WebSocket and is answered with something else: status, error code, whole answer.
    pub(crate) async fn refused(&self, path: &str, token: Option<&str>) -> (u16, String) {
        let answer = self.ask(path, token, &[]).await;
        (answer.status, answer.code())
    }

    /// Sends a request to become a WebSocket, as plain HTTP, to see how it is refused.
    pub(crate) async fn ask(&self, path: &str, token: Option<&str>, headers: &[(&str, &str)]) -> Answer {
        let mut request = http_client()
            .get(format!("{}{path}", self.origin()))
            .header("connection", "upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "AAAAAAAAAAAAAAAAAAAAAA==");
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Answer::of(within(request.send()).await.unwrap()).await
    }

    pub(crate) async fn hosts(&self, token: &str) -> Value {
        let request = http_client()
            .get(format!("{}/api/hosts", self.origin()))
            .bearer_auth(token);
        within(request.send()).await.unwrap().json().await.unwrap()
    }
}

pub(crate) fn http_client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// An answer of the bus that is no WebSocket.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) async fn of(response: reqwest::Response) -> Self {
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let bytes = within(response.bytes()).await.unwrap_or_default();
        Self {
            status,
            headers,
            body: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
        }
    }

    /// The error's code; every error has a message too.
    pub(crate) fn code(&self) -> String {
        assert!(
            self.body["error"]["message"]
                .as_str()
                .is_some_and(|text| text.len() > 10),
            "{}",
            self.body
        );
        self.body["error"]["code"].as_str().unwrap().to_owned()
    }
}

/// A host's key, from a number.
pub(crate) fn key(number: u8) -> SigningKey {
    SigningKey::from_bytes(&[number; 32])
}

pub(crate) fn hello(key: &SigningKey, nonce: &str, origin: &str, id: &str) -> FromHost {
    FromHost::Hello {
        versions: vec![SUBPROTOCOL.to_owned()],
        software: "test".to_owned(),
        host_id: id.to_owned(),
        host_name: format!("Name of {id}"),
        public_key: BASE64_URL_SAFE_NO_PAD.encode(key.verifying_key().as_bytes()),
        signature: BASE64_URL_SAFE_NO_PAD.encode(key.sign(&signed_bytes(nonce, origin, id)).to_bytes()),
    }
}

/// A host's link, by hand.
pub(crate) struct Link(pub(crate) Socket);

impl Link {
    /// Dials and takes the challenge.
    pub(crate) async fn dial(bus: &TestBus) -> (Self, String) {
        Self::dial_as(bus, &bus.address.to_string(), CONNECT).await
    }

    pub(crate) async fn dial_as(bus: &TestBus, host: &str, token: &str) -> (Self, String) {
        let token = format!("Bearer {token}");
        let headers = [
            (AUTHORIZATION.as_str(), token.as_str()),
            (SEC_WEBSOCKET_PROTOCOL.as_str(), SUBPROTOCOL),
            ("host", host),
        ];
        let mut link = Self(bus.dial("/connect", &headers).await);
        match link.receive().await {
            Some(FromBus::Challenge { nonce }) => {
                assert_eq!(BASE64_URL_SAFE_NO_PAD.decode(&nonce).unwrap().len(), 32);
                (link, nonce)
            }
            other => panic!("no challenge but {other:?}"),
        }
    }

    /// A host that is welcome.
    pub(crate) async fn join(bus: &TestBus, id: &str, key: &SigningKey) -> Self {
        Self::join_with(bus, CONNECT, id, key).await
    }

    /// As [`Link::join`], with another token.
    pub(crate) async fn join_with(bus: &TestBus, token: &str, id: &str, key: &SigningKey) -> Self {
        let (mut link, nonce) = Self::dial_as(bus, &bus.address.to_string(), token).await;
        link.send(&hello(key, &nonce, &bus.origin(), id)).await;
        assert_eq!(
            link.receive().await,
            Some(FromBus::Welcome {
                host_id: id.to_owned()
            })
        );
        link
    }

    /// A host that is sent away: with what word.
    pub(crate) async fn join_in_vain(bus: &TestBus, id: &str, key: &SigningKey) -> ByeReason {
        Self::join_in_vain_with(bus, CONNECT, id, key).await
    }

    /// As [`Link::join_in_vain`], with another token.
    pub(crate) async fn join_in_vain_with(
        bus: &TestBus,
        token: &str,
        id: &str,
        key: &SigningKey,
    ) -> ByeReason {
        let (mut link, nonce) = Self::dial_as(bus, &bus.address.to_string(), token).await;
        link.send(&hello(key, &nonce, &bus.origin(), id)).await;
        link.bye().await
    }

    pub(crate) async fn send(&mut self, message: &FromHost) {
        within(
            self.0
                .send(Message::text(serde_json::to_string(message).unwrap())),
        )
        .await
        .unwrap();
    }

    /// The next message; `None` when the bus has closed.
    pub(crate) async fn receive(&mut self) -> Option<FromBus> {
        loop {
            match within(self.0.next()).await? {
                Ok(Message::Text(text)) => return Some(serde_json::from_str(&text).unwrap()),
                Ok(Message::Close(_)) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    /// The bus's `bye`, which must be the next message, and the last.
    pub(crate) async fn bye(&mut self) -> ByeReason {
        let Some(FromBus::Bye { reason }) = self.receive().await else {
            panic!("no bye")
        };
        assert_eq!(self.receive().await, None);
        reason
    }

    /// The tunnel a client waits for.
    pub(crate) async fn opened(&mut self) -> String {
        match self.receive().await {
            Some(FromBus::Open { tunnel, .. }) => tunnel,
            other => panic!("no open but {other:?}"),
        }
    }

    /// Returns when the bus has handled all that was sent before.
    pub(crate) async fn settle(&mut self) {
        self.send(&FromHost::Ping { seq: 77 }).await;
        assert_eq!(self.receive().await, Some(FromBus::Pong { seq: 77 }));
    }
}

/// The host's end of a tunnel.
pub(crate) async fn dial_tunnel(bus: &TestBus, tunnel: &str, host: &str) -> Socket {
    let token = format!("Bearer {CONNECT}");
    bus.dial(
        &format!("/connect/{tunnel}"),
        &[("authorization", &token), (TUNNEL_HOST_HEADER, host)],
    )
    .await
}

/// A client and the host's end of its tunnel.
pub(crate) async fn pair(bus: &TestBus, link: &mut Link, host: &str) -> (Socket, Socket) {
    tokio::join!(bus.client(host), async {
        let tunnel = link.opened().await;
        dial_tunnel(bus, &tunnel, host).await
    })
}

pub(crate) async fn say(socket: &mut Socket, text: &str) {
    within(socket.send(Message::text(text))).await.unwrap();
}

/// The next text message.
pub(crate) async fn hear(socket: &mut Socket) -> String {
    loop {
        match within(socket.next()).await.expect("open").expect("a message") {
            Message::Text(text) => return text.as_str().to_owned(),
            Message::Close(frame) => panic!("closed: {frame:?}"),
            _ => {}
        }
    }
}

/// Code and reason the bus closes with.
pub(crate) async fn closed(socket: &mut Socket) -> (u16, String) {
    loop {
        match within(socket.next()).await {
            Some(Ok(Message::Close(Some(CloseFrame { code, reason })))) => {
                return (code.into(), reason.as_str().to_owned());
            }
            Some(Ok(Message::Close(None))) => return (1005, String::new()),
            Some(Ok(_)) => {}
            None | Some(Err(_)) => return (1006, String::new()),
        }
    }
}

pub(crate) fn reason(end: TunnelEnd) -> String {
    end.word().to_owned()
}
