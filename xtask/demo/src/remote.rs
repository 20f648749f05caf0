//! The remote client: a plain WebSocket to the bus, as any client elsewhere would open it.

use crate::hop::Failure;
use drawbridge_wire::link::MAX_APP_SERVER_MESSAGE;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

/// Longest until the tunnel stands.
const CONNECT: Duration = Duration::from_secs(15);
/// Longest until a request is answered.
const REQUEST: Duration = Duration::from_secs(30);

/// A client that is connected.
pub(crate) struct Remote {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    log: std::fs::File,
    last_id: i64,
    turn: Turn,
}

/// What arrived of the running turn.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Turn {
    /// Streamed text.
    pub(crate) text: String,
    /// In so many pieces.
    pub(crate) pieces: usize,
    /// `completed`, `interrupted` or `failed`, once it ended.
    pub(crate) ended: Option<String>,
    /// Message of the error, if there was one.
    pub(crate) error: Option<String>,
}

impl Turn {
    /// Takes in one notification of the thread.
    fn take(&mut self, frame: &Value) {
        let params = &frame["params"];
        match frame["method"].as_str() {
            Some("item/agentMessage/delta") => {
                self.text.push_str(params["delta"].as_str().unwrap_or_default());
                self.pieces += 1;
            }
            Some("error") => self.error = params["error"]["message"].as_str().map(str::to_owned),
            Some("turn/completed") => {
                self.ended = Some(params["turn"]["status"].as_str().unwrap_or("unknown").to_owned());
            }
            _ => {}
        }
    }
}

impl Remote {
    /// Opens the tunnel.
    pub(crate) async fn connect(url: &str, token: &str, log: &Path) -> Result<Self, Failure> {
        let see = "see the logs of bus and host";
        let mut request = url
            .into_client_request()
            .map_err(|e| Failure::new(format!("{url} is no address ({e})"), "report this"))?;
        let bearer = http::HeaderValue::from_str(&format!("Bearer {token}"))
            .map_err(|e| Failure::new(format!("bad token ({e})"), "report this"))?;
        request.headers_mut().insert(http::header::AUTHORIZATION, bearer);
        let limits = WebSocketConfig::default()
            .max_message_size(Some(MAX_APP_SERVER_MESSAGE))
            .max_frame_size(Some(MAX_APP_SERVER_MESSAGE));
        let connected = timeout(CONNECT, connect_async_with_config(request, Some(limits), true))
            .await
            .map_err(|_| Failure::new(format!("no tunnel within {} s", CONNECT.as_secs()), see))?;
        let (socket, _) = connected.map_err(|error| Failure::new(refusal(&error), see))?;
        let log = std::fs::File::create(log)
            .map_err(|e| Failure::new(format!("cannot write {} ({e})", log.display()), "check the disk"))?;
        Ok(Self {
            socket,
            log,
            last_id: 0,
            turn: Turn::default(),
        })
    }

    /// Sends a request and waits for its answer; what arrives meanwhile is taken in.
    pub(crate) async fn request(&mut self, method: &str, params: Value) -> Result<Value, Failure> {
        self.last_id += 1;
        let id = self.last_id;
        self.send(&json!({"id": id, "method": method, "params": params}))
            .await?;
        let answered = timeout(REQUEST, async {
            loop {
                let frame = self.next().await?;
                if frame["method"].is_null() && frame["id"] == id {
                    return Ok::<_, Failure>(frame);
                }
            }
        });
        let mut answer = answered.await.map_err(|_| {
            Failure::new(
                format!("`{method}` was not answered within {} s", REQUEST.as_secs()),
                "see the logs",
            )
        })??;
        match answer.get_mut("result") {
            Some(result) => Ok(result.take()),
            None => Err(Failure::new(
                format!("`{method}` was refused: {}", answer["error"]),
                "see the host's audit log",
            )),
        }
    }

    /// Sends a notification.
    pub(crate) async fn notify(&mut self, method: &str) -> Result<(), Failure> {
        self.send(&json!({"method": method})).await
    }

    /// Reads until the turn has ended.
    pub(crate) async fn turn_end(&mut self) -> Result<Turn, Failure> {
        while self.turn.ended.is_none() {
            self.next().await?;
        }
        Ok(std::mem::take(&mut self.turn))
    }

    /// Leaves.
    pub(crate) async fn close(mut self) {
        let _ = timeout(Duration::from_secs(2), self.socket.close(None)).await;
    }

    async fn send(&mut self, frame: &Value) -> Result<(), Failure> {
        let text = frame.to_string();
        let _ = writeln!(self.log, "> {text}");
        self.socket.send(Message::text(text)).await.map_err(|e| {
            Failure::new(
                format!("the tunnel broke while sending ({e})"),
                "see the logs of bus and host",
            )
        })
    }

    async fn next(&mut self) -> Result<Value, Failure> {
        let broke = |what: String| Failure::new(what, "see the logs of bus and host");
        loop {
            let text = match self.socket.next().await {
                Some(Ok(Message::Text(text))) => text,
                Some(Ok(Message::Close(frame))) => {
                    let reason = frame.map_or_else(
                        || "no reason given".to_owned(),
                        |f| format!("{} {}", f.code, f.reason),
                    );
                    return Err(broke(format!("the tunnel was closed ({reason})")));
                }
                Some(Ok(_)) => continue,
                Some(Err(error)) => return Err(broke(format!("the tunnel broke ({error})"))),
                None => return Err(broke("the tunnel ended".to_owned())),
            };
            let _ = writeln!(self.log, "< {text}");
            let frame: Value =
                serde_json::from_str(&text).map_err(|e| broke(format!("a frame is not JSON ({e})")))?;
            self.turn.take(&frame);
            return Ok(frame);
        }
    }
}

/// What the bus said when it refused the connection.
fn refusal(error: &WsError) -> String {
    match error {
        WsError::Http(response) => {
            let body = response.body().as_deref().unwrap_or_default();
            format!(
                "the bus refused it with {}: {}",
                response.status(),
                String::from_utf8_lossy(body).trim()
            )
        }
        other => format!("cannot connect to the bus ({other})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_collects_its_text_and_its_end() {
        let mut turn = Turn::default();
        for frame in [
            json!({"method": "turn/started", "params": {}}),
            json!({"method": "item/agentMessage/delta", "params": {"delta": "one "}}),
            json!({"method": "item/commandExecution/outputDelta", "params": {"delta": "noise"}}),
            json!({"method": "item/agentMessage/delta", "params": {"delta": "two"}}),
            json!({"id": 7, "result": {}}),
        ] {
            turn.take(&frame);
        }
        assert_eq!(
            turn,
            Turn {
                text: "one two".into(),
                pieces: 2,
                ended: None,
                error: None
            }
        );
        turn.take(&json!({"method": "error", "params": {"error": {"message": "no model"}}}));
        turn.take(&json!({"method": "turn/completed", "params": {"turn": {"status": "failed"}}}));
        assert_eq!(
            (turn.ended.as_deref(), turn.error.as_deref()),
            (Some("failed"), Some("no model"))
        );
    }
}
