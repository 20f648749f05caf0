//! A client of `control.sock`: requests with deadlines, and the numbered changes after a snapshot.

use drawbridge_local::door::{self, Stream};
use drawbridge_wire::control::{
    Answer, AnswerResult, Delta, HostView, Initialize, MAX_FRAME, Notification, Request, VERSION,
};
use drawbridge_wire::link::SOCKET_BUFFER;
use futures_util::{SinkExt, StreamExt};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::VecDeque;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error as SocketError, Message};

/// Longest the host may take for an answer.
pub(crate) const ANSWER: Duration = Duration::from_secs(10);
/// What the way to the host and back may take besides.
pub(crate) const GRACE: Duration = Duration::from_secs(2);
/// Changes kept while an answer is awaited. A host that sends more meanwhile has another trouble.
const KEPT_CHANGES: usize = 4096;

/// Where the control socket of a data directory is.
#[must_use]
pub fn socket_path(data_dir: &Path) -> PathBuf {
    data_dir.join("run").join("control.sock")
}

/// Where the user's own clients speak the app-server protocol.
fn app_server_path(data_dir: &Path) -> PathBuf {
    data_dir.join("run").join("app-server.sock")
}

/// Connects to the app-server of a data directory's host, through its gate, as the user's own client. What
/// is spoken on it is the app-server protocol, which begins with its own `initialize`.
///
/// # Errors
/// When no host runs there, or it refuses or does not answer.
pub async fn dial_app_server(data_dir: &Path) -> Result<WebSocketStream<Stream>, ControlError> {
    let path = app_server_path(data_dir);
    tokio::time::timeout(ANSWER, open(data_dir, &path, "ws://localhost/rpc"))
        .await
        .map_err(|_| ControlError::Silent)?
}

/// Why the host did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// Nobody listens.
    #[error("no host runs on {dir}; start one with `drawbridge connect`, or name its folder with --data-dir", dir = .0.display())]
    NotRunning(PathBuf),
    /// The socket cannot be used.
    #[error("cannot reach the host through {path}: {why}", path = .path.display())]
    Unreachable {
        /// The socket.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The host does not take this process as a client.
    #[error("the host refused this process: {0}")]
    Refused(String),
    /// The connection ended.
    #[error("the connection to the host ended: {0}; `drawbridge status` shows whether it still runs")]
    Lost(String),
    /// The host answered with an error.
    #[error("{message}")]
    Rejected {
        /// Stable code of the host.
        code: String,
        /// Its words.
        message: String,
    },
    /// The host speaks another language.
    #[error("the host sent something this version does not understand ({0}); use the same version for both")]
    NotUnderstood(String),
    /// The host does not answer.
    #[error("the host did not answer within {} s; `drawbridge stop` ends it", ANSWER.as_secs())]
    Silent,
}

impl ControlError {
    /// Stable code.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            ControlError::NotRunning(_) => "no_host",
            ControlError::Unreachable { .. } => "host_unreachable",
            ControlError::Refused(_) => "refused",
            ControlError::Lost(_) => "connection_lost",
            ControlError::Rejected { code, .. } => code,
            ControlError::NotUnderstood(_) => "not_understood",
            ControlError::Silent => "host_silent",
        }
    }

    /// Whether the host that is there was started for a short command only, and ends by itself.
    #[must_use]
    pub fn is_visited(&self) -> bool {
        matches!(self, ControlError::Rejected { code, .. } if code == "host_visiting")
    }

    /// Whether, for who has asked for nothing yet, there is no host or one that is ending.
    #[must_use]
    pub fn is_over(&self) -> bool {
        match self {
            ControlError::NotRunning(_) | ControlError::Lost(_) => true,
            ControlError::Rejected { code, .. } => code == "stopping",
            _ => false,
        }
    }
}

/// One connection to a host.
#[derive(Debug)]
pub struct ControlClient {
    pub(crate) socket: WebSocketStream<Stream>,
    pub(crate) last_id: u64,
    /// Number of the last change, once there was a snapshot.
    pub(crate) seq: Option<u64>,
    pub(crate) waiting: VecDeque<Delta>,
}

/// A frame of the host.
#[derive(Deserialize)]
struct Frame {
    id: Option<u64>,
    method: Option<String>,
    #[serde(default)]
    params: Value,
    result: Option<Value>,
    error: Option<ErrorFrame>,
}

#[derive(Deserialize)]
struct ErrorFrame {
    message: String,
    #[serde(default)]
    data: Option<drawbridge_wire::control::ErrorData>,
}

pub(crate) enum Incoming {
    Change(Delta),
    Answer(u64, Result<Value, ControlError>),
}

impl ControlClient {
    /// Connects to the host of a data directory and introduces this client.
    ///
    /// # Errors
    /// When no host runs there, or it refuses or does not answer.
    pub async fn connect(data_dir: &Path, client: &str, lease: bool) -> Result<Self, ControlError> {
        Self::introduce(
            data_dir,
            Initialize {
                version: VERSION,
                client: client.to_owned(),
                lease,
                visit: false,
            },
        )
        .await
    }

    /// As [`ControlClient::connect`] with a lease, for a short command: a host that was started for another
    /// one will do.
    ///
    /// # Errors
    /// As [`ControlClient::connect`].
    pub async fn visit(data_dir: &Path, client: &str) -> Result<Self, ControlError> {
        Self::introduce(
            data_dir,
            Initialize {
                version: VERSION,
                client: client.to_owned(),
                lease: true,
                visit: true,
            },
        )
        .await
    }

    async fn introduce(data_dir: &Path, hello: Initialize) -> Result<Self, ControlError> {
        let path = socket_path(data_dir);
        let socket = tokio::time::timeout(ANSWER, open(data_dir, &path, "ws://localhost/control"))
            .await
            .map_err(|_| ControlError::Silent)??;
        let mut this = Self {
            socket,
            last_id: 0,
            seq: None,
            waiting: VecDeque::new(),
        };
        this.request(&Request::Initialize(hello)).await?;
        Ok(this)
    }

    /// Asks for something and waits for the answer; changes that come meanwhile are kept for
    /// [`ControlClient::next`].
    ///
    /// # Errors
    /// When the host answers with an error, does not answer in time, or is gone.
    pub async fn request(&mut self, request: &Request) -> Result<Value, ControlError> {
        self.last_id += 1;
        let id = self.last_id;
        let frame = frame(request, id)?;
        let exchange = async {
            self.socket.send(frame).await.map_err(lost)?;
            loop {
                match self.read().await? {
                    Incoming::Answer(to, answer) if to == id => return answer,
                    // The answer to a request that was given up.
                    Incoming::Answer(..) => {}
                    Incoming::Change(_) if self.waiting.len() >= KEPT_CHANGES => {
                        return Err(ControlError::Lost("it sent too many changes at once".to_owned()));
                    }
                    Incoming::Change(delta) => self.waiting.push_back(delta),
                }
            }
        };
        // A little more than the host gives itself.
        tokio::time::timeout(request.patience() + GRACE, exchange)
            .await
            .map_err(|_| ControlError::Silent)?
    }

    /// The whole state. From now on [`ControlClient::next`] gives every change.
    ///
    /// # Errors
    /// As [`ControlClient::request`].
    pub async fn snapshot(&mut self) -> Result<HostView, ControlError> {
        let view: HostView = read_as(self.request(&Request::Snapshot {}).await?)?;
        // Changes from before the snapshot are in it.
        self.waiting.retain(|delta| delta.seq > view.seq);
        self.seq = Some(view.seq);
        Ok(view)
    }

    /// Answers an approval.
    ///
    /// # Errors
    /// As [`ControlClient::request`].
    pub async fn answer(&mut self, answer: Answer) -> Result<AnswerResult, ControlError> {
        read_as(self.request(&Request::Answer(answer)).await?)
    }

    /// The next change. May be dropped while it waits without losing one.
    ///
    /// # Errors
    /// When the connection ends or a change is missing.
    pub async fn next(&mut self) -> Result<Delta, ControlError> {
        let delta = loop {
            match self.waiting.pop_front() {
                Some(delta) => break delta,
                None => {
                    if let Incoming::Change(delta) = self.read().await? {
                        break delta;
                    }
                }
            }
        };
        if let Some(seq) = &mut self.seq {
            if delta.seq != *seq + 1 {
                return Err(ControlError::NotUnderstood(format!(
                    "change {} after change {seq}",
                    delta.seq
                )));
            }
            *seq = delta.seq;
        }
        Ok(delta)
    }

    async fn read(&mut self) -> Result<Incoming, ControlError> {
        loop {
            if let Some(incoming) = read_frame(self.socket.next().await)? {
                return Ok(incoming);
            }
        }
    }
}

/// What the socket gave; `None` for a frame that says nothing.
pub(crate) fn read_frame(
    frame: Option<Result<Message, SocketError>>,
) -> Result<Option<Incoming>, ControlError> {
    match frame {
        Some(Ok(Message::Text(text))) => parse(&text).map(Some),
        Some(Ok(Message::Close(frame))) => {
            let why = frame
                .map(|frame| frame.reason.to_string())
                .filter(|reason| !reason.is_empty());
            Err(ControlError::Lost(
                why.unwrap_or_else(|| "the host closed it".to_owned()),
            ))
        }
        Some(Ok(Message::Binary(_))) => Err(ControlError::NotUnderstood("a binary frame".to_owned())),
        Some(Ok(_)) => Ok(None),
        Some(Err(error)) => Err(lost(error)),
        None => Err(ControlError::Lost("the host closed it".to_owned())),
    }
}

/// A request as it goes out.
pub(crate) fn frame(request: &Request, id: u64) -> Result<Message, ControlError> {
    let mut frame = serde_json::to_value(request).map_err(|e| ControlError::NotUnderstood(e.to_string()))?;
    frame["id"] = Value::from(id);
    Ok(Message::text(frame.to_string()))
}

fn parse(text: &str) -> Result<Incoming, ControlError> {
    let wrong = |why: &dyn std::fmt::Display| ControlError::NotUnderstood(why.to_string());
    let frame: Frame = serde_json::from_str(text).map_err(|error| wrong(&error))?;
    match (frame.id, frame.method) {
        (None, Some(method)) => {
            let whole = serde_json::json!({"method": method, "params": frame.params});
            let Notification::Delta(delta) = read_as(whole)?;
            Ok(Incoming::Change(delta))
        }
        (Some(id), None) => Ok(Incoming::Answer(
            id,
            match (frame.result, frame.error) {
                (_, Some(error)) => Err(ControlError::Rejected {
                    code: error.data.map_or_else(|| "unknown".to_owned(), |data| data.code),
                    message: error.message,
                }),
                (result, None) => Ok(result.unwrap_or(Value::Null)),
            },
        )),
        _ => Err(wrong(&"a frame that is neither answer nor change")),
    }
}

fn read_as<T: DeserializeOwned>(value: Value) -> Result<T, ControlError> {
    serde_json::from_value(value).map_err(|error| ControlError::NotUnderstood(error.to_string()))
}

pub(crate) fn lost(error: SocketError) -> ControlError {
    match error {
        SocketError::ConnectionClosed | SocketError::AlreadyClosed => {
            ControlError::Lost("the host closed it".to_owned())
        }
        SocketError::Protocol(_) => ControlError::Lost("it broke off".to_owned()),
        other => ControlError::Lost(other.to_string()),
    }
}

async fn open(data_dir: &Path, path: &Path, address: &str) -> Result<WebSocketStream<Stream>, ControlError> {
    let unreachable = |why: String| ControlError::Unreachable {
        path: path.to_owned(),
        why,
    };
    let failed = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound | ErrorKind::ConnectionRefused => ControlError::NotRunning(data_dir.to_owned()),
        // A host that ends takes those along that it has not welcomed yet.
        ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::BrokenPipe
        | ErrorKind::NotConnected => ControlError::Lost(error.to_string()),
        _ => unreachable(error.to_string()),
    };
    let stream = door::connect(path).await.map_err(failed)?;
    // An answer typed here must reach a host of this user, whoever could put a socket there.
    if let Some(owner) = door::foreign_owner(&stream).map_err(failed)? {
        return Err(unreachable(format!("it belongs to another user ({owner})")));
    }
    let config = WebSocketConfig::default()
        .read_buffer_size(SOCKET_BUFFER)
        .write_buffer_size(SOCKET_BUFFER)
        .max_message_size(Some(MAX_FRAME))
        .max_frame_size(Some(MAX_FRAME));
    tokio_tungstenite::client_async_with_config(address, stream, Some(config))
        .await
        .map(|(socket, _)| socket)
        .map_err(|error| match error {
            SocketError::Http(response) => {
                let said = refusal(response.body().as_deref().unwrap_or_default());
                ControlError::Refused(said.unwrap_or_else(|| format!("HTTP {}", response.status())))
            }
            other => lost(other),
        })
}

/// The host's words in `{"error":{"code","message"}}`.
fn refusal(body: &[u8]) -> Option<String> {
    let said: Value = serde_json::from_slice(body).ok()?;
    let member = |key: &str| {
        said.get("error")?
            .get(key)?
            .as_str()
            .map(drawbridge_consent::visible_line)
    };
    Some(format!("{} [{}]", member("message")?, member("code")?))
}

#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;
