//! A desktop of the test's own: X server, session bus, tray host, home. All of it ends with it.

use crate::driver::{Browser, SOON};
use crate::processes::{self, Process};
use drawbridge_testkit::home::{CodexHome, Scratch, real_codex, scratch_dir};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

/// Names another app than the one that was built with these tests, with its `drawbridge` beside it.
const APP: &str = "DRAWBRIDGE_TEST_APP";
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

/// What a program logs.
pub(crate) type Lines = tokio::io::Lines<BufReader<tokio::process::ChildStderr>>;

/// Of who runs the bus.
const ADMIN: &str = "canary-admin";

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
        session.keyring().await;
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
            .env("DRAWBRIDGE_CONFIG", place.join("u/config.toml"))
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

    /// A real Secret Service, unlocked.
    async fn keyring(&mut self) {
        let mut command = self.command(
            "gnome-keyring-daemon",
            &["--foreground", "--unlock", "--components=secrets"],
        );
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(b"correct horse")
            .await
            .unwrap();
        self.running.push(child);
    }

    /// A connection of the test's own to the session bus.
    pub(crate) async fn dbus(&self) -> zbus::Connection {
        let bus = zbus::connection::Builder::address(self.bus.as_str())
            .unwrap()
            .build();
        timeout(SOON, bus).await.unwrap().unwrap()
    }

    /// The app, started by the driver, with its window.
    pub(crate) async fn app(&self) -> Browser {
        let browser = Browser::start(self.driver_port, &program().to_string_lossy()).await;
        browser.until_text("Drawbridge").await;
        browser
    }

    /// The app, started as a desktop does, with its output for the test.
    pub(crate) fn start_app(&self, arguments: &[&str]) -> Child {
        let mut command = self.command(&program().to_string_lossy(), arguments);
        command.spawn().unwrap()
    }

    /// The same; what it logs comes line by line.
    pub(crate) fn start_app_that_tells(&self, arguments: &[&str]) -> (Child, Lines) {
        self.start_app_with(arguments, &[])
    }

    /// The same, with these variables.
    pub(crate) fn start_app_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> (Child, Lines) {
        let mut command = self.command(&program().to_string_lossy(), arguments);
        command
            .envs(variables.iter().copied())
            .env("DRAWBRIDGE_LOG", "info")
            .env("NO_COLOR", "1")
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        (child, lines)
    }

    /// The command beside the app, as a person runs it here.
    pub(crate) async fn cli(&self, arguments: &[&str]) -> String {
        let mut command = self.command(&slim().to_string_lossy(), arguments);
        let output = command.stdout(Stdio::piped()).stderr(Stdio::piped()).output();
        let output = timeout(SOON, output).await.unwrap().unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// A bus on this computer.
    pub(crate) async fn bus(&mut self) -> Bus {
        let slim = slim();
        let mut command = self.command(&slim.to_string_lossy(), &["bus", "--listen", "127.0.0.1:0"]);
        command
            .env("CODEX_BUS_CONNECT_TOKEN", "canary-connect")
            .env("CODEX_BUS_HTTP_TOKEN", "canary-http")
            .env("DRAWBRIDGE_BUS_CLIENT_TOKEN", "canary-client")
            .env("DRAWBRIDGE_BUS_ADMIN_TOKEN", ADMIN)
            .stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = timeout(SOON, lines.next_line()).await.unwrap().unwrap().unwrap();
        let at = line.find("127.0.0.1:").unwrap_or_else(|| panic!("{line}"));
        let address = line[at..].split_whitespace().next().unwrap().to_owned();
        self.running.push(child);
        Bus {
            api: format!("http://{address}"),
        }
    }

    /// Runs `bus pair` or `bus hosts` as who runs it.
    pub(crate) async fn admin(&self, bus: &Bus, what: &str) -> String {
        let mut command = self.command(&slim().to_string_lossy(), &["bus", what, "--bus", &bus.api]);
        command.env("DRAWBRIDGE_BUS_ADMIN_TOKEN", ADMIN);
        let output = command.stdout(Stdio::piped()).output();
        let output = timeout(SOON, output).await.unwrap().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Waits until `bus hosts` says this.
    pub(crate) async fn until_hosts(&self, bus: &Bus, word: &str) {
        let begin = Instant::now();
        loop {
            let hosts = self.admin(bus, "hosts").await;
            if hosts.contains(word) {
                return;
            }
            assert!(begin.elapsed() < SOON, "not {word}: {hosts}");
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// Every process of the app that lives: itself, host, connector, app-server and what they started.
    pub(crate) fn processes(&self) -> Vec<Process> {
        processes::with(&format!("DRAWBRIDGE_DATA_DIR={}", self.data().display()))
    }

    /// Proportional size of everything of the app but Codex and the bus, in MB.
    pub(crate) fn megabytes(&self) -> f64 {
        self.sizes().iter().map(|(_, size)| size).sum()
    }

    /// The parts of it.
    pub(crate) fn by_process(&self) -> String {
        let parts = self.sizes().into_iter();
        let parts: Vec<String> = parts.map(|(name, size)| format!("{name} {size:.1}")).collect();
        format!("    {}", parts.join(", "))
    }

    fn sizes(&self) -> Vec<(String, f64)> {
        let all = self.processes();
        // Codex is not ours, and the bus is elsewhere.
        let counted = all.iter().filter(|one| !one.is_codex() && !one.is("bus"));
        counted
            .filter_map(|one| Some((one.title(), one.megabytes()?)))
            .collect()
    }

    /// The sum once it is below `budget`, or after the patience is at its end.
    pub(crate) async fn settled_megabytes(&self, budget: f64, patience: Duration) -> f64 {
        let begin = Instant::now();
        loop {
            let now = self.megabytes();
            if now <= budget || begin.elapsed() > patience {
                return now;
            }
            sleep(Duration::from_millis(200)).await;
        }
    }

    /// Closes every window of the app as its close button does.
    pub(crate) async fn close_windows(&self) {
        for line in self.windows().await {
            let id = line.split(' ').next().unwrap();
            let mut close = self.command("wmctrl", &["-ic", id]);
            assert!(timeout(SOON, close.status()).await.unwrap().unwrap().success());
        }
    }

    /// The processes that are the app itself, without those that show its windows.
    pub(crate) fn of_the_app(&self) -> Vec<Process> {
        let mut all = self.processes();
        all.retain(|one| one.name == "drawbridge-desktop" && !one.shows_windows());
        all
    }

    /// The process that draws the page of the one window.
    pub(crate) async fn until_page_is_drawn(&self) -> Process {
        let begin = Instant::now();
        loop {
            let mut running = self.processes();
            if let Some(at) = running.iter().position(|one| one.name == "WebKitWebProcess") {
                return running.swap_remove(at);
            }
            assert!(begin.elapsed() < SOON, "{running:#?}");
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until no process for windows is left, and nothing of a web view.
    pub(crate) async fn until_no_windows_process(&self) {
        let begin = Instant::now();
        while self.processes().iter().any(Process::is_of_windows) {
            assert!(begin.elapsed() < SOON, "{:#?}", self.processes());
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until nothing of the app lives.
    pub(crate) async fn until_nothing_runs(&self) {
        let begin = Instant::now();
        loop {
            let left = self.processes();
            if left.is_empty() {
                return;
            }
            assert!(begin.elapsed() < SOON, "left: {left:#?}");
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits for the number of windows of the app.
    pub(crate) async fn until_windows(&self, count: usize) {
        let begin = Instant::now();
        loop {
            let windows = self.windows().await;
            if windows.len() == count {
                return;
            }
            assert!(begin.elapsed() < SOON, "not {count} windows: {windows:#?}");
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Follows the windows that the window manager has put on the screen: a line for every change.
    pub(crate) fn follow_screen(&self) -> (Child, tokio::io::Lines<BufReader<tokio::process::ChildStdout>>) {
        let mut command = self.command("xprop", &["-root", "-spy", "_NET_CLIENT_LIST"]);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        (child, lines)
    }

    /// The windows of the app as the window manager lists them: its name for each first.
    async fn windows(&self) -> Vec<String> {
        let mut list = self.command("wmctrl", &["-lx"]);
        let output = timeout(SOON, list.stdout(Stdio::piped()).output())
            .await
            .unwrap()
            .unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        let ours = said
            .lines()
            .filter(|line| line.to_lowercase().contains("drawbridge"));
        ours.map(str::to_owned).collect()
    }

    pub(crate) fn work(&self) -> PathBuf {
        self.scratch.path().join("w")
    }

    /// The home folder of the person.
    pub(crate) fn home_folder(&self) -> PathBuf {
        self.scratch.path().join("u")
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

    /// Ends the host, whoever else uses it, and sees it go; then the desktop.
    pub(crate) async fn end(mut self) {
        self.cli(&["stop"]).await;
        let begin = Instant::now();
        while self.data().join("run/control.sock").exists() {
            assert!(begin.elapsed() < SOON, "the host stays");
            sleep(Duration::from_millis(50)).await;
        }
        self.end_desktop().await;
    }

    /// Ends the desktop, when the app has ended already.
    pub(crate) async fn end_desktop(&mut self) {
        for child in self.running.iter_mut().rev() {
            let _ = child.kill().await;
        }
    }
}

/// A bus that runs here.
pub(crate) struct Bus {
    pub(crate) api: String,
}

impl Bus {
    /// A code for one enrollment.
    pub(crate) async fn code(&self, session: &Session) -> String {
        let said = session.admin(self, "pair").await;
        let code = said.lines().find_map(|line| line.strip_prefix("Code: "));
        code.unwrap_or_else(|| panic!("{said}")).to_owned()
    }
}

/// The app.
fn program() -> PathBuf {
    let named = std::env::var_os(APP).map(PathBuf::from);
    named.unwrap_or_else(|| env!("CARGO_BIN_EXE_drawbridge-desktop").into())
}

/// The command beside it.
fn slim() -> PathBuf {
    let slim = program().with_file_name("drawbridge");
    assert!(slim.exists(), "build drawbridge-cli first: `cargo xtask desktop`");
    slim
}

fn free_port() -> u16 {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    socket.local_addr().unwrap().port()
}

/// A client of the user's own that gives the agent work.
pub(crate) struct Agent {
    socket: WebSocketStream<UnixStream>,
    next: i64,
    thread: Value,
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
        let mut this = Self {
            socket,
            next: 0,
            thread: Value::Null,
        };
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
        self.thread = started["thread"]["id"].clone();
        self.again(script).await;
    }

    /// One more turn of the thread that was made last.
    pub(crate) async fn again(&mut self, script: &str) {
        let input = json!([{"type": "text", "text": script}]);
        let params = json!({"threadId": self.thread, "input": input});
        self.call("turn/start", params).await;
    }

    pub(crate) async fn until_completed(&mut self) {
        let done = self.until(|frame| frame["method"] == "turn/completed").await;
        assert_eq!(done["params"]["turn"]["status"], "completed");
    }
}
