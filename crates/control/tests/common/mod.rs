//! A host played by the test: its control socket, frame by frame.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

pub(crate) const SOON: Duration = Duration::from_secs(20);

/// The socket.
pub(crate) struct Host(UnixListener);

/// The host's end of a connection.
pub(crate) struct End(WebSocketStream<UnixStream>);

impl Host {
    pub(crate) fn at(data_dir: &Path) -> Self {
        std::fs::create_dir_all(data_dir.join("run")).unwrap();
        Self(UnixListener::bind(data_dir.join("run/control.sock")).unwrap())
    }

    /// The next client, introduced.
    pub(crate) async fn client(&self) -> End {
        let mut end = End(tokio_tungstenite::accept_async(self.stream().await)
            .await
            .unwrap());
        let hello = end.answer("initialize", json!({})).await;
        assert_eq!(hello["client"], "a test");
        end
    }

    /// The next client, introduced, with the state.
    pub(crate) async fn follower(&self, seq: u64) -> End {
        let mut end = self.client().await;
        end.answer("snapshot", view(seq)).await;
        end
    }

    /// Refuses the next client in HTTP.
    pub(crate) async fn refuse(&self, body: &str) {
        let mut stream = self.stream().await;
        let mut head = [0_u8; 4096];
        let _ = stream.read(&mut head).await.unwrap();
        let length = body.len();
        let answer =
            format!("HTTP/1.1 403 Forbidden\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
        stream.write_all(answer.as_bytes()).await.unwrap();
    }

    async fn stream(&self) -> UnixStream {
        timeout(SOON, self.0.accept()).await.expect("a client").unwrap().0
    }
}

impl End {
    /// The next request: id, method, parameters.
    pub(crate) async fn request(&mut self) -> (Value, String, Value) {
        loop {
            let message = timeout(SOON, self.0.next()).await.expect("a request");
            if let Message::Text(text) = message.expect("the connection stands").unwrap() {
                let mut frame: Value = serde_json::from_str(&text).unwrap();
                let method = frame["method"].as_str().unwrap().to_owned();
                return (frame["id"].take(), method, frame["params"].take());
            }
        }
    }

    /// Answers the next request, which must be this one.
    pub(crate) async fn answer(&mut self, method: &str, result: Value) -> Value {
        let (id, asked, params) = self.request().await;
        assert_eq!(asked, method);
        self.send(json!({"id": id, "result": result})).await;
        params
    }

    pub(crate) async fn send(&mut self, frame: Value) {
        self.message(Message::text(frame.to_string())).await;
    }

    pub(crate) async fn message(&mut self, message: Message) {
        timeout(SOON, self.0.send(message))
            .await
            .expect("it is read")
            .unwrap();
    }

    /// That a thread is gone, as change number `seq`.
    pub(crate) async fn change(&mut self, seq: u64) {
        let change = json!({"thread_closed": {"id": seq.to_string()}});
        self.send(json!({"method": "delta", "params": {"seq": seq, "change": change}}))
            .await;
    }

    /// Writes bytes that are no frame.
    pub(crate) async fn bytes(mut self, bytes: &[u8]) {
        self.0.get_mut().write_all(bytes).await.unwrap();
        tokio::spawn(async move { while let Some(Ok(_)) = self.0.next().await {} });
    }

    pub(crate) async fn close(mut self, reason: &'static str) {
        let frame = CloseFrame {
            code: CloseCode::Error,
            reason: reason.into(),
        };
        let _ = self.0.close(Some(frame)).await;
        // Stays until the other side has read it.
        tokio::spawn(async move { while let Some(Ok(_)) = self.0.next().await {} });
    }
}

pub(crate) fn view(seq: u64) -> Value {
    json!({
        "seq": seq,
        "host": {"id": "h", "name": "H", "pid": 1, "version": "1", "data_dir": "/d"},
        "app_server": {"generation": 1, "state": {"state": "ready"}, "pid": null, "user_agent": null},
        "links": [], "config": null, "threads": [], "approvals": [], "leases": [], "connections": [],
        "skills": drawbridge_wire::skills::SkillsView::default(),
        "vault": {"state": {"state": "none"}, "key": "keyring", "place": "p", "files": [], "notices": []},
        "policy": {"answer": "local", "role": "operator", "roots": [], "ceilings": []},
    })
}
