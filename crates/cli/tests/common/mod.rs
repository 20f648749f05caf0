//! A host and a bus played by the test, and the real binary in front of them.

#![allow(dead_code, reason = "each test file uses its part")]

use drawbridge_wire::control::{
    AppServerState, AppServerView, ApprovalKind, ApprovalState, ApprovalView, Change, Choice, Delta,
    HostIdentity, HostView, LeaseView, Notification, PolicyView, Request,
};
use drawbridge_wire::{Decision, Role, WhoMayAnswer};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;
use tokio::net::{UnixListener, UnixStream};
use tokio::process::{Child, Command};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

/// Longest wait for anything in a test.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// The real binary, without the variables of whoever runs the tests.
pub(crate) fn drawbridge(data_dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_drawbridge"));
    command
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", data_dir)
        .env("DRAWBRIDGE_DATA_DIR", data_dir);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// What it printed and how it ended.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Waits for the end of a process.
pub(crate) async fn ended(child: Child) -> Ended {
    let Output {
        status,
        stdout,
        stderr,
    } = timeout(SOON, child.wait_with_output())
        .await
        .expect("it ends")
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ended {
        code: status.code(),
        stdout: text(stdout),
        stderr: text(stderr),
    }
}

/// Everything another process can read of what a process was started with.
pub(crate) fn shown_to_others(pid: u32) -> String {
    let read = |file: &str| {
        String::from_utf8_lossy(&std::fs::read(format!("/proc/{pid}/{file}")).unwrap()).replace('\0', "\n")
    };
    format!("{}\n{}", read("cmdline"), read("environ"))
}

/// The control socket of a host.
pub(crate) struct FakeHost(UnixListener);

impl FakeHost {
    pub(crate) fn at(data_dir: &Path) -> Self {
        std::fs::create_dir_all(data_dir.join("run")).unwrap();
        Self(UnixListener::bind(data_dir.join("run/control.sock")).unwrap())
    }

    /// The next client, before it has said anything.
    pub(crate) async fn client(&self) -> HostEnd {
        let (stream, _) = timeout(SOON, self.0.accept())
            .await
            .expect("a client comes")
            .unwrap();
        let pid = stream
            .peer_cred()
            .unwrap()
            .pid()
            .and_then(|pid| u32::try_from(pid).ok())
            .unwrap();
        HostEnd {
            socket: tokio_tungstenite::accept_async(stream).await.unwrap(),
            pid,
        }
    }

    /// The next client, introduced and with the state.
    pub(crate) async fn ready_client(&self, view: &HostView) -> HostEnd {
        let mut client = self.client().await;
        let (id, request) = client.request().await;
        assert!(matches!(request, Request::Initialize(_)), "{request:?}");
        client.reply(id, json!({})).await;
        let (id, request) = client.request().await;
        assert_eq!(request, Request::Snapshot {});
        client.reply(id, serde_json::to_value(view).unwrap()).await;
        client
    }
}

/// The host's end of one connection.
pub(crate) struct HostEnd {
    socket: WebSocketStream<UnixStream>,
    pub(crate) pid: u32,
}

impl HostEnd {
    pub(crate) async fn request(&mut self) -> (u64, Request) {
        loop {
            let message = timeout(SOON, self.socket.next())
                .await
                .expect("a request comes")
                .unwrap()
                .unwrap();
            if let Message::Text(text) = message {
                let mut frame: Value = serde_json::from_str(&text).unwrap();
                let id = frame
                    .as_object_mut()
                    .unwrap()
                    .remove("id")
                    .unwrap()
                    .as_u64()
                    .unwrap();
                return (id, serde_json::from_value(frame).unwrap());
            }
        }
    }

    async fn send(&mut self, frame: Value) {
        self.socket.send(Message::text(frame.to_string())).await.unwrap();
    }

    pub(crate) async fn reply(&mut self, id: u64, result: Value) {
        self.send(json!({"id": id, "result": result})).await;
    }

    pub(crate) async fn reject(&mut self, id: u64, code: &str) {
        self.send(json!({"id": id, "error": {"code": -32000, "message": format!("words for {code}"), "data": {"code": code}}})).await;
    }

    pub(crate) async fn change(&mut self, seq: u64, change: Change) {
        self.send(serde_json::to_value(Notification::Delta(Delta { seq, change })).unwrap())
            .await;
    }
}

/// A quiet host; its only lease is that of `pid`.
pub(crate) fn view(data_dir: &Path, lease_of: Option<u32>) -> HostView {
    HostView {
        seq: 7,
        host: HostIdentity {
            id: "desk-1".to_owned(),
            name: "Desk".to_owned(),
            pid: 1,
            version: "0.1.0".to_owned(),
            data_dir: data_dir.to_owned(),
        },
        app_server: AppServerView {
            generation: 1,
            state: AppServerState::Ready,
            pid: Some(2),
            user_agent: None,
        },
        links: Vec::new(),
        vault: drawbridge_wire::buses::VaultView {
            state: drawbridge_wire::buses::VaultCondition::None,
            key: "keyring".to_owned(),
            place: "the system's keyring".to_owned(),
            files: Vec::new(),
            notices: Vec::new(),
        },
        config: None,
        skills: drawbridge_wire::skills::SkillsView::default(),
        threads: Vec::new(),
        approvals: Vec::new(),
        leases: lease_of
            .map(|pid| LeaseView {
                client: "drawbridge connect".to_owned(),
                pid: Some(pid),
            })
            .into_iter()
            .collect(),
        connections: Vec::new(),
        policy: PolicyView {
            answer: WhoMayAnswer::Local,
            role: Role::Operator,
            roots: Vec::new(),
            ceilings: Vec::new(),
        },
    }
}

/// An open approval.
pub(crate) fn approval(id: &str) -> ApprovalView {
    ApprovalView {
        id: id.to_owned(),
        kind: ApprovalKind::Command,
        thread: Some("T".to_owned()),
        turn: Some("U".to_owned()),
        origin: "local".to_owned(),
        cwd: None,
        headline: format!("Run a command: touch {id}"),
        body: format!("Command\n  │ touch {id}\nWorking directory\n  │ /w"),
        parts: Vec::new(),
        form: None,
        digest: format!("d1gest0f{id}"),
        choices: [
            (Decision::Accept, "Run it once"),
            (Decision::Decline, "Say no"),
            (Decision::Cancel, "Say no and end the turn"),
        ]
        .map(|(decision, label)| Choice {
            decision,
            label: label.to_owned(),
        })
        .into(),
        raised_at_ms: 1,
        deadline_ms: u64::MAX,
        state: ApprovalState::Open,
        outcome: None,
    }
}
