//! The control socket.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "it is a part of the test that plays it; what the other side does wrong must fail that test"
)]

use drawbridge_wire::control::{Change, Delta, HostView, Initialize, Notification, Request};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::{UnixListener, UnixStream};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

/// Longest wait for what a client does.
const SOON: Duration = Duration::from_secs(20);

/// Listens where the clients of a host look for it.
#[derive(Debug)]
pub struct FakeHost(UnixListener);

impl FakeHost {
    /// Listens in this data directory, also where the socket of a host that is gone was left.
    #[must_use]
    pub fn at(data_dir: &Path) -> Self {
        std::fs::create_dir_all(data_dir.join("run")).unwrap();
        let socket = data_dir.join("run/control.sock");
        let _ = std::fs::remove_file(&socket);
        Self(UnixListener::bind(socket).unwrap())
    }

    /// The next connection, before anything was said on it.
    pub async fn stream(&self) -> UnixStream {
        timeout(SOON, self.0.accept()).await.expect("a client").unwrap().0
    }

    /// The next client, before it has introduced itself.
    pub async fn client(&self) -> HostEnd {
        let stream = self.stream().await;
        let pid = stream.peer_cred().unwrap().pid();
        HostEnd {
            pid: pid.and_then(|pid| u32::try_from(pid).ok()),
            socket: tokio_tungstenite::accept_async(stream).await.unwrap(),
            seq: 0,
        }
    }

    /// The next client, introduced and with the state.
    pub async fn ready_client(&self, view: &HostView) -> HostEnd {
        let mut client = self.client().await;
        client.introduced().await;
        client.snapshot(view).await;
        client
    }
}

/// The host's end of one connection.
#[derive(Debug)]
pub struct HostEnd {
    socket: WebSocketStream<UnixStream>,
    /// The process at the other end, where the system tells.
    pub pid: Option<u32>,
    /// The last change that the client knows.
    seq: u64,
}

impl HostEnd {
    /// The next request and its id.
    pub async fn request(&mut self) -> (u64, Request) {
        loop {
            let message = timeout(SOON, self.socket.next()).await.expect("a request");
            if let Message::Text(text) = message.expect("the connection stands").unwrap() {
                let mut frame: Value = serde_json::from_str(&text).unwrap();
                let id = frame.as_object_mut().unwrap().remove("id").unwrap();
                return (id.as_u64().unwrap(), serde_json::from_value(frame).unwrap());
            }
        }
    }

    /// Takes the introduction, which must come next.
    pub async fn introduced(&mut self) -> Initialize {
        let (id, request) = self.request().await;
        let Request::Initialize(hello) = request else {
            panic!("no introduction: {request:?}");
        };
        self.reply(id, json!({})).await;
        hello
    }

    /// Answers with the state, which must be asked for next.
    pub async fn snapshot(&mut self, view: &HostView) {
        self.answer(Request::Snapshot {}, serde_json::to_value(view).unwrap())
            .await;
        self.seq = view.seq;
    }

    /// Answers the next request, which must be this one.
    pub async fn answer(&mut self, request: Request, result: Value) {
        let (id, found) = self.request().await;
        assert_eq!(found, request);
        self.reply(id, result).await;
    }

    /// Answers a request.
    pub async fn reply(&mut self, id: u64, result: Value) {
        self.send(json!({"id": id, "result": result})).await;
    }

    /// Refuses a request.
    pub async fn reject(&mut self, id: u64, code: &str) {
        let error = json!({"code": -32000, "message": format!("words for {code}"), "data": {"code": code}});
        self.send(json!({"id": id, "error": error})).await;
    }

    /// Tells of the change after the last one.
    pub async fn change(&mut self, change: Change) {
        self.change_numbered(self.seq + 1, change).await;
    }

    /// Tells of a change under a number that need not be its turn.
    pub async fn change_numbered(&mut self, seq: u64, change: Change) {
        self.seq = seq;
        let delta = Notification::Delta(Delta { seq, change });
        self.send(serde_json::to_value(delta).unwrap()).await;
    }

    /// Sends any frame.
    pub async fn send(&mut self, frame: Value) {
        self.message(Message::text(frame.to_string())).await;
    }

    /// Sends what need not be a frame.
    pub async fn message(&mut self, message: Message) {
        timeout(SOON, self.socket.send(message))
            .await
            .expect("it is read")
            .unwrap();
    }

    /// Writes bytes that need not be a message.
    pub async fn bytes(mut self, bytes: &[u8]) {
        self.socket.get_mut().write_all(bytes).await.unwrap();
        self.stays();
    }

    /// Closes the connection with this reason.
    pub async fn close(mut self, reason: &'static str) {
        let frame = CloseFrame {
            code: CloseCode::Error,
            reason: reason.into(),
        };
        let _ = self.socket.close(Some(frame)).await;
        self.stays();
    }

    /// Until the other side has read what was sent.
    fn stays(mut self) {
        tokio::spawn(async move { while let Some(Ok(_)) = self.socket.next().await {} });
    }
}
