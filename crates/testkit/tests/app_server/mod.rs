//! The real app-server as a child, and a client of it.

use drawbridge_testkit::home::{CodexHome, Scratch, real_codex, scratch_dir};
use drawbridge_testkit::model::ScriptedModel;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// Longest until an expected frame.
const DEADLINE: Duration = Duration::from_secs(30);
const TOKEN: &str = "sesame";
/// SHA-256 of it.
const HASH: &str = "d0c04f4b1951e4aeaaec8223ed2039e542f3aae805a6fa7f6d794e5afff5d272";

/// Model, codex and one client with one thread.
pub(crate) struct Bench {
    pub(crate) model: ScriptedModel,
    /// The thread's folder.
    pub(crate) work: PathBuf,
    thread: String,
    child: Child,
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// Frames that came while an answer was waited for.
    early: VecDeque<Value>,
    next_id: u64,
    _scratch: Scratch,
}

/// What a turn did.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    /// All frames, in order.
    pub(crate) frames: Vec<Value>,
    /// Its end.
    pub(crate) status: String,
}

impl Turn {
    /// The text the agent streamed.
    pub(crate) fn text(&self) -> String {
        let deltas = self
            .frames
            .iter()
            .filter(|frame| frame["method"] == "item/agentMessage/delta");
        deltas
            .filter_map(|frame| frame["params"]["delta"].as_str())
            .collect()
    }

    /// The methods of the requests it made.
    pub(crate) fn asked(&self) -> Vec<&str> {
        let requests = self.frames.iter().filter(|frame| frame.get("id").is_some());
        requests.filter_map(|frame| frame["method"].as_str()).collect()
    }

    /// The last state of the items of this kind.
    pub(crate) fn item(&self, kind: &str) -> &Value {
        let items = self.frames.iter().rev().map(|frame| &frame["params"]["item"]);
        items
            .into_iter()
            .find(|item| item["type"] == kind)
            .unwrap_or(&Value::Null)
    }
}

impl Bench {
    /// Starts everything; the thread has this policy and sandbox.
    pub(crate) async fn start(approval_policy: &str, sandbox: &str) -> Self {
        let model = ScriptedModel::start().await.unwrap();
        let scratch = scratch_dir("real").unwrap();
        let home = CodexHome::create(scratch.path(), &model.base_url()).unwrap();
        let work = scratch.folder("work").unwrap();
        let mut child = Command::new(real_codex())
            .args([
                "app-server",
                "--listen",
                "ws://127.0.0.1:0",
                "--ws-auth",
                "capability-token",
            ])
            .args(["--ws-token-sha256", HASH])
            .env("CODEX_HOME", home.path())
            // Neither the user's skills nor the user's shell profile take part.
            .env("HOME", home.path())
            .current_dir(&work)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let url = address(&mut child).await;
        let mut request = url.into_client_request().unwrap();
        request
            .headers_mut()
            .insert("authorization", format!("Bearer {TOKEN}").parse().unwrap());
        let socket = timeout(DEADLINE, connect_async(request))
            .await
            .expect("a connection")
            .unwrap()
            .0;
        let mut bench = Self {
            model,
            work,
            thread: String::new(),
            child,
            socket,
            early: VecDeque::new(),
            next_id: 0,
            _scratch: scratch,
        };
        bench
            .call(
                "initialize",
                json!({"clientInfo": {"name": "testkit", "version": "0"}}),
            )
            .await;
        bench.send(json!({"method": "initialized"})).await;
        let params = json!({"cwd": bench.work, "approvalPolicy": approval_policy, "sandbox": sandbox});
        let started = bench.call("thread/start", params).await;
        bench.thread = started["thread"]["id"].as_str().expect("a thread").to_owned();
        bench
    }

    /// Runs a turn to its end; `decision` answers every approval.
    pub(crate) async fn turn(&mut self, prompt: &str, decision: &str) -> Turn {
        self.begin(prompt).await;
        let mut turn = Turn::default();
        loop {
            let frame = self.frame().await;
            if let (Some(id), Some(_)) = (frame.get("id"), frame.get("method")) {
                self.send(json!({"id": id, "result": {"decision": decision}}))
                    .await;
            }
            if frame["method"] == "turn/completed" {
                turn.status = frame["params"]["turn"]["status"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned();
                turn.frames.push(frame);
                return turn;
            }
            turn.frames.push(frame);
        }
    }

    /// Starts a turn; returns its id.
    pub(crate) async fn begin(&mut self, prompt: &str) -> String {
        let input = json!([{"type": "text", "text": prompt}]);
        let result = self
            .call("turn/start", json!({"threadId": self.thread, "input": input}))
            .await;
        result["turn"]["id"].as_str().expect("a turn").to_owned()
    }

    /// Interrupts a turn; returns how it ended.
    pub(crate) async fn interrupt(&mut self, turn: &str) -> String {
        self.call("turn/interrupt", json!({"threadId": self.thread, "turnId": turn}))
            .await;
        loop {
            let frame = self.frame().await;
            if frame["method"] == "turn/completed" {
                return frame["params"]["turn"]["status"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned();
            }
        }
    }

    /// Ends codex, and waits until it is gone.
    pub(crate) async fn end(mut self) {
        self.child.kill().await.unwrap();
    }

    async fn call(&mut self, method: &str, params: Value) -> Value {
        self.next_id += 1;
        let id = self.next_id;
        self.send(json!({"id": id, "method": method, "params": params}))
            .await;
        loop {
            let mut frame = self.read().await;
            if frame["id"] == id && frame.get("method").is_none() {
                assert!(frame.get("error").is_none(), "{method}: {frame}");
                return frame["result"].take();
            }
            self.early.push_back(frame);
        }
    }

    async fn send(&mut self, frame: Value) {
        timeout(DEADLINE, self.socket.send(Message::text(frame.to_string())))
            .await
            .expect("sent")
            .unwrap();
    }

    async fn frame(&mut self) -> Value {
        match self.early.pop_front() {
            Some(frame) => frame,
            None => self.read().await,
        }
    }

    async fn read(&mut self) -> Value {
        loop {
            let message = timeout(DEADLINE, self.socket.next())
                .await
                .expect("a frame in time")
                .expect("open")
                .unwrap();
            if let Message::Text(text) = message {
                return serde_json::from_str(&text).unwrap();
            }
        }
    }
}

/// Reads the banner as far as the address; what follows on stderr is read and forgotten.
async fn address(child: &mut Child) -> String {
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut said = Vec::new();
    loop {
        let line = timeout(DEADLINE, lines.next_line())
            .await
            .expect("a banner in time")
            .unwrap();
        let line = line.unwrap_or_else(|| panic!("codex ended before its banner: {said:#?}"));
        if let Some(url) = line.trim().strip_prefix("listening on: ") {
            let url = url.to_owned();
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return url;
        }
        said.push(line);
    }
}
