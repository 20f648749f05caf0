//! `remote send` against a bus played by the test.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails"
)]

mod common;

use common::{SOON, drawbridge, ended, shown_to_others};
use drawbridge_testkit::tls;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::path::Path;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Child;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

struct FakeBus(TcpListener);

impl FakeBus {
    async fn start() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    fn send(&self, data_dir: &Path, arguments: &[&str]) -> Child {
        let bus = format!("http://{}", self.0.local_addr().unwrap());
        drawbridge(data_dir)
            .args(["remote", "send", "--bus", &bus])
            .args(arguments)
            .env("DRAWBRIDGE_BUS_CLIENT_TOKEN", "canary-client")
            .spawn()
            .unwrap()
    }

    async fn stream(&self) -> TcpStream {
        timeout(SOON, self.0.accept())
            .await
            .expect("a client comes")
            .unwrap()
            .0
    }

    /// The next client with the path and the token it came with.
    async fn client(&self) -> (Agent, String, String) {
        let (mut path, mut token) = (String::new(), String::new());
        #[allow(clippy::result_large_err, reason = "the library's callback has this type")]
        let look = |request: &Request, response: Response| {
            path = request.uri().path().to_owned();
            token = request.headers()["authorization"].to_str().unwrap().to_owned();
            Ok(response)
        };
        let socket = tokio_tungstenite::accept_hdr_async(self.stream().await, look)
            .await
            .unwrap();
        (Agent(socket), path, token)
    }
}

struct Agent(WebSocketStream<TcpStream>);

impl Agent {
    async fn frame(&mut self) -> Value {
        loop {
            match timeout(SOON, self.0.next())
                .await
                .expect("a frame comes")
                .unwrap()
                .unwrap()
            {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Ping(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    async fn send(&mut self, frame: Value) {
        self.0.send(Message::text(frame.to_string())).await.unwrap();
    }

    /// Up to a turn `U` on thread `T`; gives the request for the thread.
    async fn begin(&mut self) -> Value {
        assert_eq!(self.frame().await["method"], "initialize");
        self.send(json!({"id": 1, "result": {}})).await;
        assert_eq!(self.frame().await["method"], "initialized");
        let thread = self.frame().await;
        self.send(json!({"id": 2, "result": {"thread": {"id": "T"}}}))
            .await;
        assert_eq!(self.frame().await["params"]["input"][0]["text"], "make it");
        self.send(json!({"id": 3, "result": {"turn": {"id": "U"}}})).await;
        thread
    }

    async fn end(&mut self, status: &str) {
        self.send(json!({"method": "turn/completed", "params": {"threadId": "T", "turn": {"id": "U", "status": status}}})).await;
    }
}

#[tokio::test]
async fn a_turn_is_streamed_and_the_token_is_in_no_argument_or_variable() {
    let dir = tempfile::tempdir().unwrap();
    let bus = FakeBus::start().await;
    let child = bus.send(
        dir.path(),
        &[
            "--host",
            "desk",
            "--cwd",
            "/w",
            "--sandbox",
            "read-only",
            "--approval-policy",
            "on-request",
            "make it",
        ],
    );
    let pid = child.id().unwrap();
    let (mut agent, path, token) = bus.client().await;
    assert_eq!(
        (path.as_str(), token.as_str()),
        ("/hosts/desk/app-server", "Bearer canary-client")
    );
    let shown = shown_to_others(pid);
    assert!(!shown.contains("canary") && shown.contains("make it"), "{shown}");

    let thread = agent.begin().await;
    assert_eq!(thread["method"], "thread/start");
    assert_eq!(
        thread["params"],
        json!({"cwd": "/w", "sandbox": "read-only", "approvalPolicy": "on-request"})
    );
    // A question of the agent in between: whoever may answer it, not this client.
    agent.send(json!({"id": 0, "method": "item/commandExecution/requestApproval", "params": {"threadId": "T", "turnId": "U"}})).await;
    for delta in ["hel", "lo\u{1b}[1m"] {
        agent.send(json!({"method": "item/agentMessage/delta", "params": {"threadId": "T", "turnId": "U", "itemId": "m", "delta": delta}})).await;
    }
    agent.send(json!({"method": "item/started", "params": {"threadId": "T", "turnId": "U", "item": {"type": "commandExecution", "command": "ls"}}})).await;
    agent.end("completed").await;
    let ended = ended(child).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    // Into a pipe the words go as they came.
    assert_eq!(ended.stdout, "hello\u{1b}[1m\n");
    assert_eq!(ended.stderr, "thread T\n$ ls\n");
}

#[tokio::test]
async fn a_thread_is_resumed_and_the_exit_code_tells_how_the_turn_ended() {
    let dir = tempfile::tempdir().unwrap();
    let bus = FakeBus::start().await;
    for (status, code) in [("completed", 0), ("failed", 1), ("interrupted", 1)] {
        let child = bus.send(dir.path(), &["--thread", "T", "make it"]);
        let (mut agent, path, _) = bus.client().await;
        assert_eq!(path, "/");
        let thread = agent.begin().await;
        assert_eq!(
            (&thread["method"], &thread["params"]["threadId"]),
            (&json!("thread/resume"), &json!("T"))
        );
        agent.end(status).await;
        assert_eq!(ended(child).await.code, Some(code), "{status}");
    }
}

#[tokio::test]
async fn a_closed_connection_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let bus = FakeBus::start().await;
    let child = bus.send(dir.path(), &["make it"]);
    let (mut agent, ..) = bus.client().await;
    agent.begin().await;
    agent
        .0
        .close(Some(CloseFrame {
            code: CloseCode::Away,
            reason: "agent_restarted".into(),
        }))
        .await
        .unwrap();
    let ended = ended(child).await;
    assert_eq!(ended.code, Some(4));
    assert!(
        ended
            .stderr
            .contains("the agent was started again [agent_restarted]"),
        "{}",
        ended.stderr
    );
}

#[tokio::test]
async fn a_refusal_of_the_bus_is_told_in_its_words() {
    let dir = tempfile::tempdir().unwrap();
    let bus = FakeBus::start().await;
    let child = bus.send(dir.path(), &["--host", "desk", "make it"]);
    let mut stream = bus.stream().await;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        assert_ne!(
            timeout(SOON, stream.read_buf(&mut head)).await.unwrap().unwrap(),
            0
        );
    }
    let body = r#"{"error":{"code":"host_offline","message":"host `desk` is known but not connected"}}"#;
    let answer = format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(answer.as_bytes()).await.unwrap();
    let ended = ended(child).await;
    assert_eq!(ended.code, Some(4));
    assert!(
        ended
            .stderr
            .contains("host `desk` is known but not connected [host_offline]"),
        "{}",
        ended.stderr
    );
}

#[tokio::test]
async fn a_refusal_of_the_host_fails() {
    let dir = tempfile::tempdir().unwrap();
    let bus = FakeBus::start().await;
    let child = bus.send(dir.path(), &["make it"]);
    let (mut agent, ..) = bus.client().await;
    agent.frame().await;
    agent.send(json!({"id": 1, "result": {}})).await;
    agent.frame().await;
    agent.frame().await;
    agent
        .send(json!({"id": 2, "error": {"code": -32600, "message": "outside the roots"}}))
        .await;
    let ended = ended(child).await;
    assert_eq!(ended.code, Some(1));
    assert!(
        ended
            .stderr
            .contains("the host refused the thread: outside the roots"),
        "{}",
        ended.stderr
    );
}

#[tokio::test]
async fn a_turn_that_takes_too_long_is_interrupted() {
    let dir = tempfile::tempdir().unwrap();
    let bus = FakeBus::start().await;
    let child = bus.send(dir.path(), &["--timeout", "1", "make it"]);
    let (mut agent, ..) = bus.client().await;
    agent.begin().await;
    let interrupt = agent.frame().await;
    assert_eq!(
        (&interrupt["method"], &interrupt["params"]),
        (&json!("turn/interrupt"), &json!({"threadId": "T", "turnId": "U"}))
    );
    agent.send(json!({"id": 4, "result": {}})).await;
    agent.end("interrupted").await;
    let ended = ended(child).await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("--timeout"), "{}", ended.stderr);
}

#[tokio::test]
async fn without_a_token_nothing_is_dialled() {
    let dir = tempfile::tempdir().unwrap();
    let child = drawbridge(dir.path())
        .args(["remote", "send", "--bus", "https://bus.example", "hi"])
        .spawn()
        .unwrap();
    let ended = ended(child).await;
    assert_eq!(ended.code, Some(2));
    assert!(
        ended.stderr.contains("DRAWBRIDGE_BUS_CLIENT_TOKEN"),
        "{}",
        ended.stderr
    );
}

/// A bus behind TLS, with a certificate of a private authority.
struct TlsBus {
    listener: TcpListener,
    acceptor: tokio_rustls::TlsAcceptor,
    authority: String,
}

impl TlsBus {
    async fn start() -> Self {
        let tls::Private { authority, server } = tls::Private::new("Test authority", "localhost");
        Self {
            listener: TcpListener::bind("127.0.0.1:0").await.unwrap(),
            acceptor: server.into(),
            authority,
        }
    }

    fn send(&self, data_dir: &Path, arguments: &[&str]) -> Child {
        let bus = format!("https://localhost:{}", self.listener.local_addr().unwrap().port());
        drawbridge(data_dir)
            .args(["remote", "send", "--bus", &bus])
            .args(arguments)
            .arg("hi")
            .env("DRAWBRIDGE_BUS_CLIENT_TOKEN", "canary-client")
            .spawn()
            .unwrap()
    }
}

#[tokio::test]
async fn a_private_authority_is_trusted_only_when_it_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let bus = TlsBus::start().await;
    let ca = dir.path().join("ca.pem");
    std::fs::write(&ca, &bus.authority).unwrap();

    let child = bus.send(dir.path(), &["--ca", ca.to_str().unwrap()]);
    let (tcp, _) = timeout(SOON, bus.listener.accept()).await.unwrap().unwrap();
    let stream = timeout(SOON, bus.acceptor.accept(tcp)).await.unwrap().unwrap();
    let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
    let hello = timeout(SOON, socket.next()).await.unwrap().unwrap().unwrap();
    assert!(hello.to_text().unwrap().contains("initialize"));
    drop(socket);
    assert_eq!(ended(child).await.code, Some(4));

    let child = bus.send(dir.path(), &[]);
    let (tcp, _) = timeout(SOON, bus.listener.accept()).await.unwrap().unwrap();
    assert!(
        timeout(SOON, bus.acceptor.accept(tcp)).await.unwrap().is_err(),
        "the client must not trust it"
    );
    let refused = ended(child).await;
    assert_eq!(refused.code, Some(4));
    assert!(refused.stderr.contains("[bus_unreachable]"), "{}", refused.stderr);
    assert!(!refused.stderr.contains("canary"));

    std::fs::write(&ca, "no certificate").unwrap();
    let unusable = ended(bus.send(dir.path(), &["--ca", ca.to_str().unwrap()])).await;
    // The listener takes the TCP connection without anybody accepting it.
    assert_eq!(unusable.code, Some(2), "{}", unusable.stderr);
    assert!(unusable.stderr.contains("[ca_file]"), "{}", unusable.stderr);
}
