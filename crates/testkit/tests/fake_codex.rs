//! The program `fake-codex` in each of its modes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends where its setup fails"
)]

use drawbridge_testkit::fake_codex::{EXIT_AFTER_READY, MODE, RECORD};
use drawbridge_testkit::home::{fake_codex, scratch_dir};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

const DEADLINE: Duration = Duration::from_secs(10);
/// SHA-256 of "sesame".
const HASH: &str = "d0c04f4b1951e4aeaaec8223ed2039e542f3aae805a6fa7f6d794e5afff5d272";

fn command(mode: &str) -> Command {
    let mut command = Command::new(fake_codex());
    command.args([
        "app-server",
        "--listen",
        "ws://127.0.0.1:0",
        "--ws-auth",
        "capability-token",
    ]);
    command
        .args(["--ws-token-sha256", HASH, "-c", "a.b=1"])
        .env(MODE, mode);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

async fn code(child: &mut Child) -> Option<i32> {
    timeout(DEADLINE, child.wait())
        .await
        .expect("it ends")
        .unwrap()
        .code()
}

/// Starts it and reads the banner as far as the address.
async fn start(mode: &str) -> (Child, Lines<BufReader<ChildStderr>>, String) {
    let mut child = command(mode).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    loop {
        let line = timeout(DEADLINE, lines.next_line())
            .await
            .expect("a banner")
            .unwrap()
            .expect("a banner");
        if let Some(url) = line.trim().strip_prefix("listening on: ") {
            return (child, lines, url.to_owned());
        }
    }
}

type Socket = WebSocketStream<MaybeTlsStream<tokio::net::TcpStream>>;

async fn connect(url: &str) -> Socket {
    let mut request = url.into_client_request().unwrap();
    request
        .headers_mut()
        .insert("authorization", "Bearer sesame".parse().unwrap());
    let mut socket = connect_async(request).await.unwrap().0;
    let params = json!({"clientInfo": {"name": "t", "version": "0"}});
    let greeting = json!({"id": 1, "method": "initialize", "params": params}).to_string();
    socket.send(Message::text(greeting)).await.unwrap();
    socket
}

async fn answer(socket: &mut Socket) -> Value {
    let message = timeout(DEADLINE, socket.next())
        .await
        .expect("an answer")
        .unwrap()
        .unwrap();
    serde_json::from_str(message.to_text().unwrap()).unwrap()
}

#[tokio::test]
async fn ok_serves_with_the_token_only() {
    let (mut child, _stderr, url) = start("ok").await;
    assert!(connect_async(&url).await.is_err(), "no token");
    let mut socket = connect(&url).await;
    assert_eq!(answer(&mut socket).await["id"], 1);
    socket
        .send(Message::text(
            json!({"id": 2, "method": "thread/list"}).to_string(),
        ))
        .await
        .unwrap();
    assert_eq!(answer(&mut socket).await["result"]["data"], json!([]));
    child.kill().await.unwrap();
}

#[tokio::test]
async fn a_crash_on_start_says_why_and_listens_nowhere() {
    let mut child = command("crash_on_start").spawn().unwrap();
    let mut stderr = String::new();
    let mut pipe = child.stderr.take().unwrap();
    timeout(DEADLINE, pipe.read_to_string(&mut stderr))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(code(&mut child).await, Some(1));
    assert!(
        stderr.contains("Error:") && !stderr.contains("listening"),
        "{stderr}"
    );
}

#[tokio::test]
async fn never_ready_takes_connections_and_answers_no_handshake() {
    let (mut child, _stderr, url) = start("never_ready").await;
    let mut socket = connect(&url).await;
    // The second greeting is refused; so the first was read, and got no answer.
    let again = json!({"id": 2, "method": "initialize", "params": {}}).to_string();
    socket.send(Message::text(again)).await.unwrap();
    assert_eq!(answer(&mut socket).await["id"], 2);
    child.kill().await.unwrap();
}

#[tokio::test]
async fn exit_after_ready_ends_once_it_was_ready() {
    let (mut child, _stderr, url) = start("exit_after_ready").await;
    let mut socket = connect(&url).await;
    assert_eq!(answer(&mut socket).await["id"], 1);
    assert!(child.try_wait().unwrap().is_none());
    socket
        .send(Message::text(json!({"method": "initialized"}).to_string()))
        .await
        .unwrap();
    assert_eq!(code(&mut child).await, Some(i32::from(EXIT_AFTER_READY)));
}

#[tokio::test]
async fn arguments_and_environment_are_recorded() {
    let scratch = scratch_dir("rec").unwrap();
    let file = scratch.path().join("record.json");
    let mut child = command("crash_on_start")
        .env(RECORD, &file)
        .env("SEEN", "yes")
        .spawn()
        .unwrap();
    assert_eq!(code(&mut child).await, Some(1));
    let record: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    assert_eq!(record["args"][0], "app-server");
    assert_eq!(record["env"]["SEEN"], "yes");
}

#[tokio::test]
async fn unknown_modes_and_arguments_are_refused() {
    let mut child = command("sulk").spawn().unwrap();
    assert_eq!(code(&mut child).await, Some(2));
    let mut child = command("ok").arg("--verbose").spawn().unwrap();
    assert_eq!(code(&mut child).await, Some(2));
}

#[cfg(unix)]
mod signals {
    use super::{Child, answer, code, connect, start};

    async fn signal(child: &Child, name: &str) {
        let pid = child.id().unwrap().to_string();
        let sent = super::Command::new("kill")
            .args(["-s", name, &pid])
            .status()
            .await
            .unwrap();
        assert!(sent.success());
    }

    #[tokio::test]
    async fn a_polite_signal_ends_it_with_0() {
        let (mut child, _stderr, url) = start("ok").await;
        answer(&mut connect(&url).await).await;
        signal(&child, "TERM").await;
        assert_eq!(code(&mut child).await, Some(0));
    }

    #[tokio::test]
    async fn ignore_term_serves_on_after_polite_signals() {
        let (mut child, _stderr, url) = start("ignore_term").await;
        answer(&mut connect(&url).await).await;
        signal(&child, "TERM").await;
        signal(&child, "TERM").await;
        answer(&mut connect(&url).await).await;
        assert!(child.try_wait().unwrap().is_none());
        signal(&child, "KILL").await;
        assert_eq!(code(&mut child).await, None);
    }
}
