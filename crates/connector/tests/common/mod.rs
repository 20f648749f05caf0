//! A small bus, a small host socket, and the host's end of the connector's pipe.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(unreachable_pub, reason = "shared by several test binaries")]

use drawbridge_wire::link::{FromBus, FromHost};
use drawbridge_wire::pipe::{FromConnector, LinkState, ToConnector};
use drawbridge_wire::{Role, Secret};
use futures_util::{SinkExt, StreamExt};
use http::HeaderMap;
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader, DuplexStream, Lines};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};

pub const PATIENCE: Duration = Duration::from_secs(20);
pub const TOKEN: &str = "canary-enrollment-token";
pub const NONCE: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
pub const HOST_ID: &str = "host-1";

pub trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}
pub type Ws = WebSocketStream<Box<dyn Io>>;

/// Waits for what must come.
pub async fn soon<F: Future>(what: F) -> F::Output {
    timeout(PATIENCE, what).await.expect("it did not happen in time")
}

/// A WebSocket that somebody opened here.
pub struct Arrival {
    pub path: String,
    pub headers: HeaderMap,
    pub ws: Ws,
}

impl Arrival {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

async fn take_in(io: Box<dyn Io>, refusals: Refusals, subprotocol: bool, out: mpsc::Sender<Arrival>) {
    let mut asked = None;
    #[allow(clippy::result_large_err, reason = "the library's signature")]
    let callback = |request: &Request, mut response: Response| -> Result<Response, ErrorResponse> {
        let path = request.uri().path().to_owned();
        if let Some(status) = refusals.next(&path) {
            let refusal = http::Response::builder()
                .status(status)
                .header("location", "http://127.0.0.1:1/connect");
            return Err(refusal.body(None).unwrap());
        }
        if let Some(value) = request.headers().get("sec-websocket-protocol")
            && subprotocol
        {
            response
                .headers_mut()
                .insert("sec-websocket-protocol", value.clone());
        }
        asked = Some((path, request.headers().clone()));
        Ok(response)
    };
    let big = WebSocketConfig::default()
        .max_frame_size(None)
        .max_message_size(None);
    let Ok(ws) = tokio_tungstenite::accept_hdr_async_with_config(io, callback, Some(big)).await else {
        return;
    };
    if let Some((path, headers)) = asked {
        let _ = out.send(Arrival { path, headers, ws }).await;
    }
}

/// Statuses to answer with, in order; then upgrades succeed.
#[derive(Clone, Default)]
pub struct Refusals(Arc<Mutex<VecDeque<(&'static str, u16)>>>);

impl Refusals {
    pub fn add(&self, path_prefix: &'static str, status: u16) {
        self.0.lock().unwrap().push_back((path_prefix, status));
    }

    fn next(&self, path: &str) -> Option<u16> {
        let mut queue = self.0.lock().unwrap();
        let fits = queue.front().is_some_and(|(prefix, _)| path.starts_with(prefix));
        if fits {
            queue.pop_front().map(|(_, status)| status)
        } else {
            None
        }
    }
}

/// A bus as far as a connector sees it.
pub struct FakeBus {
    pub url: String,
    pub refusals: Refusals,
    arrivals: mpsc::Receiver<Arrival>,
    task: JoinHandle<()>,
}

impl FakeBus {
    pub async fn start() -> Self {
        Self::with(TcpListener::bind("127.0.0.1:0").await.unwrap(), None, true)
    }

    pub fn with(listener: TcpListener, tls: Option<TlsAcceptor>, subprotocol: bool) -> Self {
        let scheme = if tls.is_some() { "wss" } else { "ws" };
        let url = format!(
            "{scheme}://127.0.0.1:{}/connect",
            listener.local_addr().unwrap().port()
        );
        let refusals = Refusals::default();
        let (out, arrivals) = mpsc::channel(512);
        let task = tokio::spawn({
            let refusals = refusals.clone();
            async move {
                while let Ok((tcp, _)) = listener.accept().await {
                    let (refusals, out, tls) = (refusals.clone(), out.clone(), tls.clone());
                    tokio::spawn(async move {
                        let io: Box<dyn Io> = match tls {
                            None => Box::new(tcp),
                            Some(tls) => match tls.accept(tcp).await {
                                Ok(tls) => Box::new(tls),
                                Err(_) => return,
                            },
                        };
                        take_in(io, refusals, subprotocol, out).await;
                    });
                }
            }
        });
        Self {
            url,
            refusals,
            arrivals,
            task,
        }
    }

    pub async fn arrival(&mut self) -> Arrival {
        soon(self.arrivals.recv()).await.unwrap()
    }

    /// That nobody comes while `within` passes.
    pub async fn nobody_within(&mut self, within: Duration) {
        assert!(
            timeout(within, self.arrivals.recv()).await.is_err(),
            "somebody dialled"
        );
    }

    /// Takes in a link and registers the host.
    pub async fn register(&mut self, host: &mut FakeHost) -> Ws {
        let mut link = self.arrival().await.ws;
        greet(&mut link, host).await;
        host.until_connected().await;
        link
    }
}

impl Drop for FakeBus {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// `challenge`, `hello`, `welcome`; gives back the hello.
pub async fn greet(link: &mut Ws, host: &mut FakeHost) -> FromHost {
    tell(
        link,
        &FromBus::Challenge {
            nonce: NONCE.to_owned(),
        },
    )
    .await;
    host.sign().await;
    let hello = hear(link).await;
    tell(
        link,
        &FromBus::Welcome {
            host_id: HOST_ID.to_owned(),
        },
    )
    .await;
    hello
}

pub async fn tell(link: &mut Ws, message: &FromBus) {
    soon(link.send(Message::text(serde_json::to_string(message).unwrap())))
        .await
        .unwrap();
}

/// The next message of the host that is no ping.
pub async fn hear(link: &mut Ws) -> FromHost {
    loop {
        match soon(link.next())
            .await
            .expect("the link ended")
            .expect("the link broke")
        {
            Message::Text(text) => match serde_json::from_str(&text).unwrap() {
                FromHost::Ping { .. } => {}
                message => return message,
            },
            other => panic!("no message of the link: {other:?}"),
        }
    }
}

/// The close frame that ends a socket.
pub async fn closed(ws: &mut Ws) -> Option<CloseFrame> {
    loop {
        match soon(ws.next()).await {
            Some(Ok(Message::Close(frame))) => return frame,
            Some(Ok(_)) => {}
            other => panic!("ended without a close frame: {other:?}"),
        }
    }
}

pub async fn text(ws: &mut Ws) -> String {
    match soon(ws.next()).await {
        Some(Ok(Message::Text(text))) => text.to_string(),
        other => panic!("no text: {other:?}"),
    }
}

pub fn open(tunnel: &str) -> FromBus {
    FromBus::Open {
        tunnel: tunnel.to_owned(),
        client: "alice".to_owned(),
        role: Role::Operator,
        scopes: vec!["app-server".to_owned()],
    }
}

/// The host: its end of the pipe and its tunnel socket.
pub struct FakeHost {
    stdin: Option<DuplexStream>,
    stdout: Lines<BufReader<DuplexStream>>,
    pub connector: JoinHandle<Result<(), drawbridge_connector::ConnectorError>>,
    door: mpsc::Receiver<Arrival>,
    door_task: Option<JoinHandle<()>>,
    _folder: tempfile::TempDir,
}

impl FakeHost {
    pub async fn start(connect_url: &str) -> Self {
        Self::with(connect_url, None, true).await
    }

    pub async fn with(connect_url: &str, ca_file: Option<PathBuf>, with_door: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let tunnel_socket = folder.path().join("tunnel.sock");
        let (out, door) = mpsc::channel(512);
        let door_task = with_door.then(|| {
            let listener = UnixListener::bind(&tunnel_socket).unwrap();
            tokio::spawn(async move {
                while let Ok((io, _)) = listener.accept().await {
                    tokio::spawn(take_in(Box::new(io), Refusals::default(), false, out.clone()));
                }
            })
        });
        let mut host = Self::bare();
        host.door = door;
        host.door_task = door_task;
        host.send(&setup(connect_url, ca_file, &tunnel_socket)).await;
        host._folder = folder;
        host
    }

    /// A connector that was told nothing.
    pub fn bare() -> Self {
        let (stdin, theirs) = tokio::io::duplex(256 * 1024);
        let (ours, stdout) = tokio::io::duplex(256 * 1024);
        Self {
            stdin: Some(stdin),
            stdout: BufReader::new(stdout).lines(),
            connector: tokio::spawn(drawbridge_connector::run(theirs, ours)),
            door: mpsc::channel(1).1,
            door_task: None,
            _folder: tempfile::tempdir().unwrap(),
        }
    }

    pub async fn send(&mut self, message: &ToConnector) {
        self.send_raw(&format!("{}\n", serde_json::to_string(message).unwrap()))
            .await;
    }

    pub async fn send_raw(&mut self, text: &str) {
        soon(self.stdin.as_mut().unwrap().write_all(text.as_bytes()))
            .await
            .unwrap();
    }

    /// Closes the pipe as a host does that died.
    pub fn die(&mut self) {
        self.stdin = None;
    }

    pub async fn status(&mut self, active_threads: u32) {
        self.send(&ToConnector::Status {
            app_server_ready: true,
            active_threads,
            open_approvals: 0,
        })
        .await;
    }

    /// The next line, round trips left out.
    pub async fn line(&mut self) -> FromConnector {
        loop {
            let line = soon(self.stdout.next_line())
                .await
                .unwrap()
                .expect("the connector closed its stdout");
            assert!(!line.contains(TOKEN), "the token is in a line: {line}");
            match serde_json::from_str(&line).unwrap() {
                FromConnector::Link {
                    state:
                        LinkState::Connected {
                            round_trip_ms: Some(_),
                        },
                } => {}
                line => return line,
            }
        }
    }

    pub async fn state(&mut self) -> LinkState {
        match self.line().await {
            FromConnector::Link { state } => state,
            other => panic!("no state: {other:?}"),
        }
    }

    /// The next state that is neither connecting nor connected.
    pub async fn trouble(&mut self) -> LinkState {
        loop {
            match self.line().await {
                FromConnector::Link {
                    state: LinkState::Connecting { .. } | LinkState::Connected { .. },
                }
                | FromConnector::TunnelOpened { .. }
                | FromConnector::TunnelClosed { .. } => {}
                FromConnector::Link { state } => return state,
                other @ (FromConnector::Sign { .. } | FromConnector::Answer { .. }) => {
                    panic!("no state: {other:?}")
                }
            }
        }
    }

    pub async fn until_connected(&mut self) {
        loop {
            match self.line().await {
                FromConnector::Link {
                    state: LinkState::Connected { .. },
                } => return,
                FromConnector::Link {
                    state: LinkState::Failed { code, message },
                } => panic!("{code}: {message}"),
                _ => {}
            }
        }
    }

    /// Answers the next request for a signature.
    pub async fn sign(&mut self) {
        loop {
            if let FromConnector::Sign { nonce } = self.line().await {
                assert_eq!(nonce, NONCE);
                let signature = "signature-of-the-host".to_owned();
                return self.send(&ToConnector::Signature { nonce, signature }).await;
            }
        }
    }

    /// The next connection at `tunnel.sock`.
    pub async fn at_door(&mut self) -> Arrival {
        soon(self.door.recv()).await.unwrap()
    }

    /// Waits until the connector has ended, its last words read.
    pub async fn ended(&mut self) -> Vec<FromConnector> {
        let mut last = Vec::new();
        while let Some(line) = soon(self.stdout.next_line()).await.unwrap() {
            last.push(serde_json::from_str(&line).unwrap());
        }
        soon(&mut self.connector).await.unwrap().unwrap();
        last
    }
}

impl Drop for FakeHost {
    fn drop(&mut self) {
        self.connector.abort();
        if let Some(task) = &self.door_task {
            task.abort();
        }
    }
}

pub fn setup(connect_url: &str, ca_file: Option<PathBuf>, tunnel_socket: &Path) -> ToConnector {
    ToConnector::Setup {
        bus: "bus.example:7300".to_owned(),
        connect_url: connect_url.to_owned(),
        token: Secret::new(TOKEN),
        ca_file,
        tunnel_socket: tunnel_socket.to_owned(),
        host_id: HOST_ID.to_owned(),
        host_name: "My computer".to_owned(),
        public_key: "public-key".to_owned(),
    }
}

/// One message from one end of a tunnel to the other.
pub async fn say_and_hear(from: &mut Ws, to: &mut Ws) {
    soon(from.send(Message::text("words"))).await.unwrap();
    assert_eq!(text(to).await, "words");
}
