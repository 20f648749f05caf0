//! A desktop of the test's own: X server, session bus, tray host, home. All of it ends with it.

use crate::driver::{Browser, SOON};
use drawbridge_testkit::home::{CodexHome, Scratch, real_codex, scratch_dir};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::UnixStream;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

/// Where a caller of these tests wants the screenshots.
const SHOTS: &str = "DRAWBRIDGE_SCREENSHOTS";

const PANEL: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<channel name="xfce4-panel" version="1.0"><property name="configver" type="int" value="2"/>
 <property name="panels" type="array"><value type="int" value="1"/><property name="panel-1" type="empty">
  <property name="position" type="string" value="p=6;x=0;y=0"/><property name="length" type="uint" value="100"/>
  <property name="position-locked" type="bool" value="true"/><property name="size" type="uint" value="32"/>
  <property name="plugin-ids" type="array"><value type="int" value="1"/></property></property></property>
 <property name="plugins" type="empty"><property name="plugin-1" type="string" value="systray"/></property></channel>
"#;

/// The desktop.
pub(crate) struct Session {
    scratch: Scratch,
    home: CodexHome,
    display: String,
    bus: String,
    driver_port: u16,
    running: Vec<Child>,
}

impl Session {
    pub(crate) async fn start(model: &str) -> Self {
        let scratch = scratch_dir("desktop").unwrap();
        let home = CodexHome::create(scratch.path(), model).unwrap();
        for folder in ["u", "r", "w", "t"] {
            scratch.folder(folder).unwrap();
        }
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        std::fs::set_permissions(scratch.path().join("r"), private).unwrap();
        let config = scratch.path().join("u/.config/xfce4/xfconf/xfce-perchannel-xml");
        std::fs::create_dir_all(&config).unwrap();
        std::fs::write(config.join("xfce4-panel.xml"), PANEL).unwrap();
        let mut session = Self {
            scratch,
            home,
            display: String::new(),
            bus: String::new(),
            driver_port: free_port(),
            running: Vec::new(),
        };
        let number = session
            .says(
                "Xvfb",
                &[
                    "-displayfd",
                    "1",
                    "-screen",
                    "0",
                    "1280x900x24",
                    "-nolisten",
                    "tcp",
                ],
            )
            .await;
        session.display = format!(":{number}");
        session.bus = session
            .says("dbus-daemon", &["--session", "--nofork", "--print-address"])
            .await;
        session.runs("openbox", &[]);
        session.runs("xfce4-panel", &["--disable-wm-check"]);
        let port = format!("--port={}", session.driver_port);
        session.runs("WebKitWebDriver", &[&port]);
        session
    }

    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let place = self.scratch.path();
        let codex = real_codex();
        let codex = codex.parent().unwrap().display();
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env_clear()
            .env("PATH", format!("/usr/local/bin:/usr/bin:/bin:{codex}"))
            .env("HOME", place.join("u"))
            .env("TMPDIR", place.join("t"))
            .env("XDG_RUNTIME_DIR", place.join("r"))
            .env("DISPLAY", &self.display)
            .env("DBUS_SESSION_BUS_ADDRESS", &self.bus)
            .env("CODEX_HOME", self.home.path())
            .env("DRAWBRIDGE_DATA_DIR", place.join("d"))
            .env("DRAWBRIDGE_KEY_FILE", place.join("u/key"))
            .env("TAURI_WEBVIEW_AUTOMATION", "true")
            .env("LANG", "C.UTF-8")
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true);
        command
    }

    fn runs(&mut self, program: &str, arguments: &[&str]) {
        let child = self.command(program, arguments).spawn();
        self.running
            .push(child.unwrap_or_else(|error| panic!("{program}: {error}; see `cargo xtask setup`")));
    }

    /// Starts a program and waits for its first line.
    async fn says(&mut self, program: &str, arguments: &[&str]) -> String {
        let mut command = self.command(program, arguments);
        let child = command.stdout(Stdio::piped()).spawn();
        let mut child = child.unwrap_or_else(|error| panic!("{program}: {error}; see `cargo xtask setup`"));
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = timeout(SOON, lines.next_line()).await.unwrap().unwrap().unwrap();
        self.running.push(child);
        line
    }

    /// The app, started by the driver, with its window.
    pub(crate) async fn app(&self) -> Browser {
        let program = env!("CARGO_BIN_EXE_drawbridge-desktop");
        let slim = Path::new(program).with_file_name("drawbridge");
        assert!(slim.exists(), "build drawbridge-cli first: `cargo xtask desktop`");
        let browser = Browser::start(self.driver_port, program).await;
        browser.until_text("Drawbridge").await;
        browser
    }

    pub(crate) fn work(&self) -> PathBuf {
        self.scratch.path().join("w")
    }

    fn data(&self) -> PathBuf {
        self.scratch.path().join("d")
    }

    /// Keeps a screenshot (base64 of a PNG) where the caller of the tests wants them.
    pub(crate) fn keep(&self, name: &str, shot: &str) {
        if let Some(folder) = std::env::var_os(SHOTS) {
            let folder = PathBuf::from(folder);
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join(format!("{name}.base64")), shot).unwrap();
        }
    }

    /// Quits the app as the end of a session would, and sees host and agent end.
    pub(crate) async fn end(mut self) {
        let slim = Path::new(env!("CARGO_BIN_EXE_drawbridge-desktop")).with_file_name("drawbridge");
        let stopped = self.command(&slim.to_string_lossy(), &["stop"]).status();
        assert!(timeout(SOON, stopped).await.unwrap().unwrap().success());
        let begin = Instant::now();
        while self.data().join("run/control.sock").exists() {
            assert!(begin.elapsed() < SOON, "the host stays");
            sleep(Duration::from_millis(50)).await;
        }
        for child in self.running.iter_mut().rev() {
            let _ = child.kill().await;
        }
    }
}

fn free_port() -> u16 {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    socket.local_addr().unwrap().port()
}

/// A client of the user's own that gives the agent work.
pub(crate) struct Agent {
    socket: WebSocketStream<UnixStream>,
    next: i64,
}

impl Agent {
    pub(crate) async fn connect(session: &Session) -> Self {
        let path = session.data().join("run/app-server.sock");
        let begin = Instant::now();
        // Until the host stands and its agent answers.
        let socket = loop {
            if let Ok(stream) = UnixStream::connect(&path).await
                && let Ok(Ok((socket, _))) = timeout(SOON, client_async("ws://localhost/rpc", stream)).await
            {
                break socket;
            }
            assert!(begin.elapsed() < SOON, "no agent");
            sleep(Duration::from_millis(100)).await;
        };
        let mut this = Self { socket, next: 0 };
        let hello = json!({"clientInfo": {"name": "desktop-test", "version": "1"}, "capabilities": {}});
        this.call("initialize", hello).await;
        this.send(&json!({"method": "initialized"})).await;
        this
    }

    async fn send(&mut self, frame: &Value) {
        let sent = self.socket.send(Message::text(frame.to_string()));
        timeout(SOON, sent).await.unwrap().unwrap();
    }

    async fn until(&mut self, fits: impl Fn(&Value) -> bool) -> Value {
        loop {
            let message = timeout(SOON, self.socket.next()).await.expect("a frame in time");
            if let Message::Text(text) = message.expect("the connection stands").unwrap() {
                let frame: Value = serde_json::from_str(&text).unwrap();
                if fits(&frame) {
                    return frame;
                }
            }
        }
    }

    async fn call(&mut self, method: &str, params: Value) -> Value {
        self.next += 1;
        let id = json!(self.next);
        self.send(&json!({"id": id, "method": method, "params": params}))
            .await;
        let answer = self
            .until(|frame| frame.get("id") == Some(&id) && frame.get("method").is_none())
            .await;
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer["result"].clone()
    }

    /// A thread of its own with one turn of this script.
    pub(crate) async fn turn(&mut self, work: &Path, script: &str) {
        let params = json!({"cwd": work, "approvalPolicy": "on-request", "sandbox": "read-only"});
        let started = self.call("thread/start", params).await;
        let input = json!([{"type": "text", "text": script}]);
        self.call(
            "turn/start",
            json!({"threadId": started["thread"]["id"], "input": input}),
        )
        .await;
    }

    pub(crate) async fn until_completed(&mut self) {
        let done = self.until(|frame| frame["method"] == "turn/completed").await;
        assert_eq!(done["params"]["turn"]["status"], "completed");
    }
}
