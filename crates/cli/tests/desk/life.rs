//! The app may die and come back; it ends with everything, or asks first.

use crate::common::{App, Did};
use crate::world::{Client, SOON, drawbridge, local_at};
use drawbridge_control::spawn::Program;
use drawbridge_core::tray::Action;
use drawbridge_desk::{Ask, Settings};
use drawbridge_testkit::home::{CodexHome, Scratch, real_codex, scratch_dir};
use drawbridge_testkit::model::ScriptedModel;
use drawbridge_wire::control::{AppServerState, HostView};
use drawbridge_wire::pipe::{HostSetup, VaultKey};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

/// Names the folder of the test to [`the_app`].
const PLACE: &str = "DRAWBRIDGE_TEST_PLACE";

fn data(place: &Path) -> PathBuf {
    place.join("d")
}

/// The app in a process of its own, for tests that kill it. It starts the real host.
#[tokio::test]
#[ignore = "other tests run it"]
async fn the_app() {
    let Some(place) = std::env::var_os(PLACE).map(PathBuf::from) else {
        return;
    };
    let settings = Settings {
        data_dir: data(&place),
        config_file: None,
        program: Program {
            path: env!("CARGO_BIN_EXE_drawbridge").into(),
            search_path: None,
        },
        setup: HostSetup {
            cwd: Some(place.join("w")),
            codex_bin: Some(real_codex()),
            vault_key: VaultKey::File(place.join("key")),
            ..HostSetup::default()
        },
        version: "9.9.9".to_owned(),
        first_pause: Duration::from_secs(1),
        tray_patience: Duration::from_secs(1),
        hidden: true,
    };
    App::start_as(settings, true).ended().await;
}

/// A computer on which nothing runs yet.
struct Computer {
    scratch: Scratch,
    home: CodexHome,
    model: ScriptedModel,
}

impl Computer {
    async fn new() -> Self {
        let scratch = scratch_dir("desk").unwrap();
        let model = ScriptedModel::start().await.unwrap();
        let home = CodexHome::create(scratch.path(), &model.base_url()).unwrap();
        for folder in ["w", "u", "t"] {
            scratch.folder(folder).unwrap();
        }
        Self { scratch, home, model }
    }

    fn data(&self) -> PathBuf {
        data(self.scratch.path())
    }

    /// Starts the app as a process.
    fn app(&self) -> Child {
        let place = self.scratch.path();
        Command::new(std::env::current_exe().unwrap())
            .args(["life::the_app", "--exact", "--ignored", "--nocapture"])
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", place.join("u"))
            .env("TMPDIR", place.join("t"))
            .env("CODEX_HOME", self.home.path())
            .env(PLACE, place)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap()
    }

    async fn view(&self) -> Option<HostView> {
        let run = drawbridge()
            .args(["status", "--json"])
            .env("DRAWBRIDGE_DATA_DIR", self.data())
            .output();
        let output = timeout(SOON, run).await.unwrap().unwrap();
        serde_json::from_slice(&output.stdout).ok()
    }

    async fn until(&self, wanted: impl Fn(&HostView) -> bool) -> HostView {
        let begin = Instant::now();
        loop {
            let view = self.view().await;
            if let Some(view) = view.as_ref().filter(|view| wanted(view)) {
                return view.clone();
            }
            assert!(begin.elapsed() < SOON, "the host is not as wanted: {view:#?}");
        }
    }

    /// A thread with a turn that goes on for longer than the test.
    async fn busy(&self) -> (Client<UnixStream>, String, Value) {
        self.until(|view| view.app_server.state == AppServerState::Ready)
            .await;
        let mut agent = local_at(&self.data()).await;
        agent.initialize(json!({ "experimentalApi": true })).await;
        let thread = agent
            .thread(&self.scratch.path().join("w"), "never", "workspace-write")
            .await;
        let turn = agent.turn(&thread, "STREAM: 10000 20").await.unwrap();
        agent.method("item/agentMessage/delta").await;
        (agent, thread, turn["turn"]["id"].clone())
    }

    async fn end(self) {
        self.model.shutdown().await;
    }
}

/// Whether a process runs. One that ended and that nobody asked about does not.
pub(crate) fn runs(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
    let state = stat.ok().and_then(|stat| {
        let (_, rest) = stat.rsplit_once(')')?;
        rest.trim_start().chars().next()
    });
    state.is_some_and(|state| !matches!(state, 'Z' | 'X'))
}

pub(crate) async fn until_gone(pid: u32) {
    let begin = Instant::now();
    while runs(pid) {
        assert!(begin.elapsed() < SOON, "{pid} stays");
        // Nothing tells when a process that is no child of ours ends.
        sleep(Duration::from_millis(20)).await;
    }
}

// proves S0.05
#[tokio::test]
async fn killed_and_started_again_it_finds_the_turn_running_and_quits_with_all_of_it() {
    let computer = Computer::new().await;
    let mut first = computer.app();
    let (_agent, thread, turn) = computer.busy().await;
    let is_ours = |view: &HostView| {
        view.threads
            .iter()
            .any(|one| one.id == thread && one.status == "active")
    };
    let before = computer.until(is_ours).await;
    assert_eq!(before.leases.len(), 1);
    // SIGKILL: nothing is said to anybody.
    first.kill().await.unwrap();
    computer.until(|view| view.leases.is_empty()).await;

    // What listens is used: this one could start nothing.
    let mut app = App::start(&computer.data());
    let tray = app.until_tray(|tray| tray.offers(&Action::OpenThreads)).await;
    assert!(tray.offers(&Action::Quit));
    let told = app.ask("main", Ask::Snapshot).await.unwrap();
    let host = before.host.pid;
    assert_eq!(told["supervisor"], json!({"state": "up", "pid": host}));
    assert_eq!(told["host"]["app_server"]["pid"], json!(before.app_server.pid));
    // The same turn, and it goes on.
    let page = app
        .ask("main", Ask::ThreadOpen { id: thread.clone() })
        .await
        .unwrap();
    assert_eq!(page["turn"], json!({"id": turn, "status": "inProgress"}));
    app.until(|did| matches!(did, Did::Thread(_)).then_some(())).await;

    app.desk.clicked(Action::Quit);
    app.until(|did| (did == Did::AskQuit(1)).then_some(())).await;
    let asked = app.ask("main", Ask::Quit { really: false }).await.unwrap();
    assert_eq!(asked, json!({"running": 1}));
    assert!(
        is_ours(&computer.view().await.unwrap()),
        "a question ends nothing"
    );
    let begin = Instant::now();
    let quit = app.ask("main", Ask::Quit { really: true }).await.unwrap();
    assert_eq!(quit, json!({"running": 1}));
    app.ended().await;
    assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
    for pid in [Some(host), before.app_server.pid].into_iter().flatten() {
        until_gone(pid).await;
    }
    assert!(!computer.data().join("run/control.sock").exists());
    computer.end().await;
}

// proves S0.05
#[tokio::test]
async fn a_quiet_app_quits_without_a_question_and_leaves_nothing() {
    let computer = Computer::new().await;
    let mut process = computer.app();
    let view = computer
        .until(|view| view.app_server.state == AppServerState::Ready)
        .await;
    // As at the end of a session: both are told, and the last lease ends the host.
    let mut app = App::start(&computer.data());
    app.until_tray(|tray| tray.offers(&Action::Quit)).await;
    computer.until(|view| view.leases.len() == 2).await;
    app.desk.clicked(Action::Quit);
    app.until(|did| (did == Did::Exit).then_some(())).await;
    app.ended().await;
    let held: HostView = computer.until(|view| view.leases.len() == 1).await;
    assert_eq!(held.host.pid, view.host.pid, "somebody else keeps it up");
    process.kill().await.unwrap();
    let mut app = App::start(&computer.data());
    let quiet: Value = loop {
        let told = app.ask("main", Ask::Snapshot).await.unwrap();
        if told["supervisor"]["state"] == "up" {
            break told;
        }
        app.next().await;
    };
    assert_eq!(quiet["supervisor"]["pid"], json!(view.host.pid));
    computer.until(|view| view.leases.len() == 1).await;
    assert_eq!(
        app.ask("main", Ask::Quit { really: false }).await.unwrap(),
        json!({"running": 0})
    );
    app.ended().await;
    for pid in [Some(view.host.pid), view.app_server.pid].into_iter().flatten() {
        until_gone(pid).await;
    }
    computer.end().await;
}
