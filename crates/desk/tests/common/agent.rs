//! An app-server played by the test behind the socket for the user's own clients.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;
use tokio::net::{UnixListener, UnixStream};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

const SOON: Duration = Duration::from_secs(20);

/// The socket.
pub(crate) struct FakeAgent(UnixListener);

impl FakeAgent {
    pub(crate) fn at(dir: &Path) -> Self {
        std::fs::create_dir_all(dir.join("run")).unwrap();
        let socket = dir.join("run/app-server.sock");
        let _ = std::fs::remove_file(&socket);
        Self(UnixListener::bind(socket).unwrap())
    }

    /// The next client, introduced.
    pub(crate) async fn client(&self) -> AgentEnd {
        let (stream, _) = timeout(SOON, self.0.accept()).await.expect("a client").unwrap();
        let mut end = AgentEnd(tokio_tungstenite::accept_async(stream).await.unwrap());
        let hello = end.expect("initialize", json!({"userAgent": "fake"})).await;
        assert_eq!(hello["clientInfo"]["name"], "drawbridge-desktop");
        let initialized = end.frame().await;
        assert_eq!(initialized["method"], "initialized");
        end
    }
}

/// The app-server's end of one connection.
pub(crate) struct AgentEnd(WebSocketStream<UnixStream>);

impl AgentEnd {
    /// The next frame of the client.
    pub(crate) async fn frame(&mut self) -> Value {
        loop {
            let message = timeout(SOON, self.0.next()).await.expect("a frame");
            if let Message::Text(text) = message.expect("the connection stands").unwrap() {
                return serde_json::from_str(&text).unwrap();
            }
        }
    }

    pub(crate) async fn send(&mut self, frame: Value) {
        let sent = self.0.send(Message::text(frame.to_string()));
        timeout(SOON, sent).await.expect("it is read").unwrap();
    }

    /// The next request, which must be this one; gives its id and its parameters.
    pub(crate) async fn request(&mut self, method: &str) -> (Value, Value) {
        let mut frame = self.frame().await;
        assert_eq!(frame["method"], method, "{frame}");
        (frame["id"].take(), frame["params"].take())
    }

    /// Answers the next request, which must be this one; gives its parameters.
    pub(crate) async fn expect(&mut self, method: &str, result: Value) -> Value {
        let (id, params) = self.request(method).await;
        self.send(json!({"id": id, "result": result})).await;
        params
    }

    /// Refuses the next request, which must be this one.
    pub(crate) async fn refuse(&mut self, method: &str, message: &str) {
        let (id, _) = self.request(method).await;
        let error = json!({"code": -32600, "message": message});
        self.send(json!({"id": id, "error": error})).await;
    }

    /// Gives a thread that has these items, newest first, and perhaps a turn that runs.
    pub(crate) async fn give(&mut self, items: &[Value], turn: Option<&str>) {
        let turns: Vec<Value> = turn
            .map(|id| json!({"id": id, "status": "inProgress"}))
            .into_iter()
            .collect();
        let resumed = json!({
            "thread": {"id": "T", "gitInfo": {"branch": "main"}},
            "model": "gpt-5.5",
            "initialTurnsPage": {"data": turns, "nextCursor": null},
        });
        let asked = self.expect("thread/resume", resumed).await;
        assert_eq!(asked["excludeTurns"], true, "history comes by the page");
        let data: Vec<Value> = items
            .iter()
            .map(|item| json!({"item": item, "turnId": "u"}))
            .collect();
        self.expect("thread/items/list", json!({"data": data, "nextCursor": null}))
            .await;
    }

    pub(crate) async fn tell(&mut self, method: &str, mut params: Value) {
        params["threadId"] = json!("T");
        self.send(json!({"method": method, "params": params})).await;
    }

    pub(crate) async fn delta(&mut self, item: &str, text: &str) {
        self.tell("item/agentMessage/delta", json!({"itemId": item, "delta": text}))
            .await;
    }

    /// Ends the connection in the host's words.
    pub(crate) async fn close(mut self, reason: &'static str) {
        let frame = CloseFrame {
            code: CloseCode::Error,
            reason: reason.into(),
        };
        let _ = self.0.close(Some(frame)).await;
        while let Some(Ok(_)) = self.0.next().await {}
    }

    /// Waits until the client ends the connection.
    pub(crate) async fn ended(mut self) {
        let end = async { while let Some(Ok(_)) = self.0.next().await {} };
        timeout(SOON, end).await.expect("the client ends it");
    }
}
