//! Everything between a remote client and the scripted model, brought up for one test.

#![allow(dead_code, reason = "each test uses its part")]

use drawbridge_testkit::home::{CodexHome, ExtraConfig, Scratch, real_codex, scratch_dir};
use drawbridge_testkit::model::ScriptedModel;
use drawbridge_wire::control::{AppServerState, ApprovalState, ApprovalView, HostView};
use drawbridge_wire::pipe::LinkState;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::{TcpStream, UnixStream};
use tokio::process::{Child, Command};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::{WebSocketStream, client_async};

/// Longest wait for anything in a test.
pub(crate) const SOON: Duration = Duration::from_secs(30);
/// A host ends within the deadlines of its parts, which together are longer than [`SOON`] where codex has much to
/// put away and little of the processor.
const ENDS: Duration = Duration::from_secs(60);
/// Tokens of the test's bus; canaries where a test looks for leaks.
pub(crate) const CONNECT_TOKEN: &str = "canary-connect-4c1f";
pub(crate) const CLIENT_TOKEN: &str = "canary-client-77ab";
pub(crate) const HTTP_TOKEN: &str = "canary-http-90de";
pub(crate) const MCP_TOKEN: &str = "canary-mcp-13f7";

/// What a test may set.
#[derive(Default)]
pub(crate) struct Plan<'a> {
    /// Further arguments of `connect`.
    pub(crate) connect: Vec<String>,
    /// Further keys and tables of codex's `config.toml`.
    pub(crate) extra: ExtraConfig<'a>,
    /// Further variables of `connect`.
    pub(crate) env: Vec<(&'a str, &'a str)>,
    /// Another MCP token than [`MCP_TOKEN`], e.g. the one the bus takes.
    pub(crate) mcp_token: Option<&'a str>,
    /// Another control plane than the test's bus; then nobody waits for the link.
    pub(crate) api: Option<String>,
    /// The configuration file, as bytes; `WORK` is the folder of the host.
    pub(crate) config: Option<&'a [u8]>,
    /// Another app-server than the real codex; then nobody waits until it is ready.
    pub(crate) codex: Option<PathBuf>,
}

/// One running world.
pub(crate) struct World {
    pub(crate) scratch: Scratch,
    pub(crate) model: ScriptedModel,
    pub(crate) bus: String,
    pub(crate) data: PathBuf,
    pub(crate) work: PathBuf,
    pub(crate) home: CodexHome,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    bus_process: Child,
    host_process: Child,
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::start_with(Plan::default()).await
    }

    pub(crate) async fn start_with(plan: Plan<'_>) -> Self {
        let scratch = scratch_dir("e2e").unwrap();
        let model = ScriptedModel::start().await.unwrap();
        let home = CodexHome::create_with(scratch.path(), &model.base_url(), plan.extra).unwrap();
        let work = scratch.folder("w").unwrap();
        let data = scratch.path().join("d");
        let user = scratch.folder("u").unwrap();
        let mut bus_command = drawbridge();
        bus_command
            .args(["bus", "--listen", "127.0.0.1:0"])
            .env("CODEX_BUS_CONNECT_TOKEN", CONNECT_TOKEN)
            .env("CODEX_BUS_HTTP_TOKEN", HTTP_TOKEN)
            .env("DRAWBRIDGE_BUS_CLIENT_TOKEN", CLIENT_TOKEN);
        let mut bus_process = bus_command.spawn().unwrap();
        let mut lines = BufReader::new(bus_process.stdout.take().unwrap()).lines();
        let line = timeout(SOON, lines.next_line()).await.unwrap().unwrap().unwrap();
        let bus = line.strip_prefix("listening on http://").expect(&line).to_owned();
        let wait_for_link = plan.api.is_none();
        let api = plan.api.unwrap_or_else(|| format!("http://{bus}"));
        let wait_for_agent = plan.codex.is_none();
        let config = scratch.path().join("config.toml");
        if let Some(bytes) = plan.config {
            std::fs::write(&config, in_folder(bytes, &work)).unwrap();
        }
        let mut args: Vec<OsString> = ["connect", "--api", &api, "--id", "h", "--name", "Host", "--cwd"]
            .map(Into::into)
            .to_vec();
        args.extend([work.clone().into(), "--codex-bin".into()]);
        args.push(plan.codex.unwrap_or_else(real_codex).into());
        args.extend(plan.connect.into_iter().map(Into::into));
        let mut env: Vec<(OsString, OsString)> = Vec::new();
        let mut set = |name: &str, value: OsString| env.push((name.into(), value));
        set("DRAWBRIDGE_DATA_DIR", data.clone().into());
        set("DRAWBRIDGE_CONFIG", config.into());
        set("HOME", user.into());
        set("CODEX_HOME", home.path().into());
        set("TMPDIR", scratch.folder("t").unwrap().into());
        set("FORGE_CODEX_CONNECTOR_TOKEN", CONNECT_TOKEN.into());
        let mcp_token = plan.mcp_token.unwrap_or(MCP_TOKEN);
        set("FORGE_CODEX_CONNECTOR_MCP_TOKEN", mcp_token.into());
        for (name, value) in plan.env {
            set(name, value.into());
        }
        let host_process = drawbridge()
            .args(&args)
            .envs(env.iter().cloned())
            // Nobody reads what it says, and a pipe that is full would hold it up.
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let world = Self {
            scratch,
            model,
            bus,
            data,
            work,
            home,
            args,
            env,
            bus_process,
            host_process,
        };
        world.up(wait_for_link, wait_for_agent).await;
        world
    }

    async fn up(&self, wait_for_link: bool, wait_for_agent: bool) {
        self.until(|view| {
            let linked = view
                .links
                .first()
                .is_some_and(|link| matches!(link.link, LinkState::Connected { .. }));
            let ready = view.app_server.state == AppServerState::Ready;
            (linked || !wait_for_link) && (ready || !wait_for_agent)
        })
        .await;
    }

    /// Ends `connect` as a user would and starts it again, as it was started first.
    pub(crate) async fn restart(&mut self) {
        self.end_host().await;
        self.host_process = drawbridge()
            .args(&self.args)
            .envs(self.env.iter().cloned())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        self.up(true, true).await;
    }

    async fn end_host(&mut self) {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.connect_pid()).unwrap());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
        timeout(ENDS, self.host_process.wait()).await.unwrap().unwrap();
    }

    /// Replaces the configuration file; `WORK` is the folder of the host.
    pub(crate) fn configure(&self, text: &str) {
        let file = self.scratch.path().join("config.toml");
        std::fs::write(file, in_folder(text.as_bytes(), &self.work)).unwrap();
    }

    /// Runs the CLI as the user of this host would.
    pub(crate) async fn cli(&self, args: &[&str]) -> Output {
        let run = drawbridge()
            .args(args)
            .env("DRAWBRIDGE_DATA_DIR", &self.data)
            .env("DRAWBRIDGE_CONFIG", self.scratch.path().join("config.toml"))
            .stderr(Stdio::piped())
            .output();
        timeout(SOON, run).await.unwrap().unwrap()
    }

    /// The host's view, when a host answers.
    pub(crate) async fn view(&self) -> Option<HostView> {
        let output = self.cli(&["status", "--json"]).await;
        serde_json::from_slice(&output.stdout).ok()
    }

    /// Waits for a view.
    pub(crate) async fn until(&self, found: impl Fn(&HostView) -> bool) -> HostView {
        let deadline = Instant::now() + SOON;
        let mut last = None;
        while Instant::now() < deadline {
            if let Some(view) = self.view().await {
                if found(&view) {
                    return view;
                }
                last = Some(view);
            }
        }
        panic!(
            "the host never came to the state asked for; last: {last:#?}\nrecord:\n{}",
            self.record()
        );
    }

    /// Waits for an open approval.
    pub(crate) async fn open_approval(&self) -> ApprovalView {
        let open = |a: &&ApprovalView| a.state == ApprovalState::Open;
        let view = self.until(|view| view.approvals.iter().any(|a| open(&a))).await;
        view.approvals.iter().find(open).unwrap().clone()
    }

    /// Waits until an approval is over, and answers its state.
    pub(crate) async fn ended_approval(&self, id: &str) -> ApprovalState {
        let over = |a: &&ApprovalView| a.id == id && a.state.is_over();
        let view = self.until(|view| view.approvals.iter().any(|a| over(&a))).await;
        view.approvals.iter().find(over).unwrap().state.clone()
    }

    /// The append-only record.
    pub(crate) fn record(&self) -> String {
        std::fs::read_to_string(self.data.join("audit.jsonl")).unwrap_or_default()
    }

    /// Pid of the process that runs `connect`.
    pub(crate) fn connect_pid(&self) -> u32 {
        self.host_process.id().unwrap()
    }

    /// Pid of the process that runs `bus`.
    pub(crate) fn bus_pid(&self) -> u32 {
        self.bus_process.id().unwrap()
    }

    /// A remote client, initialized.
    pub(crate) async fn remote(&self) -> Client<TcpStream> {
        let mut client = self.remote_raw().await;
        client.initialize(json!({ "experimentalApi": true })).await;
        client
    }

    /// A remote client that has not said anything yet.
    pub(crate) async fn remote_raw(&self) -> Client<TcpStream> {
        remote_at(&self.bus, "h", CLIENT_TOKEN).await
    }

    /// A client of the user's own on `app-server.sock`, initialized.
    pub(crate) async fn local(&self) -> Client<UnixStream> {
        let mut client = self.local_raw().await;
        client.initialize(json!({ "experimentalApi": true })).await;
        client
    }

    /// The same, before it has said anything.
    pub(crate) async fn local_raw(&self) -> Client<UnixStream> {
        local_at(&self.data).await
    }

    /// Stops everything as a user would, and waits for the end.
    pub(crate) async fn stop(mut self) {
        self.end_host().await;
        self.bus_process.kill().await.unwrap();
        self.model.shutdown().await;
        assert!(
            !self.data.join("run/control.sock").exists(),
            "the host has ended and taken its sockets down"
        );
    }
}

fn in_folder(text: &[u8], work: &Path) -> Vec<u8> {
    match std::str::from_utf8(text) {
        Ok(text) => text.replace("WORK", work.to_str().unwrap()).into_bytes(),
        Err(_) => text.to_vec(),
    }
}

/// A remote client of a host at a bus, that has not said anything yet.
pub(crate) async fn remote_at(bus: &str, host: &str, token: &str) -> Client<TcpStream> {
    let mut request = format!("ws://{bus}/hosts/{host}/app-server")
        .into_client_request()
        .unwrap();
    request
        .headers_mut()
        .insert("authorization", format!("Bearer {token}").parse().unwrap());
    let stream = TcpStream::connect(bus).await.unwrap();
    let (socket, _) = timeout(SOON, client_async(request, stream))
        .await
        .unwrap()
        .unwrap();
    Client::new(socket)
}

/// A client on the `app-server.sock` of a data directory, that has not said anything yet.
pub(crate) async fn local_at(data: &Path) -> Client<UnixStream> {
    let stream = UnixStream::connect(data.join("run/app-server.sock"))
        .await
        .unwrap();
    let (socket, _) = timeout(SOON, client_async("ws://localhost/rpc", stream))
        .await
        .unwrap()
        .unwrap();
    Client::new(socket)
}

/// The real binary, without the variables of whoever runs the tests.
pub(crate) fn drawbridge() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_drawbridge"));
    command
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    command
}

/// A client that speaks the plain app-server protocol.
pub(crate) struct Client<S> {
    socket: WebSocketStream<S>,
    next: i64,
    /// Frames that were read while waiting for something else.
    pub(crate) seen: Vec<Value>,
}

impl<S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin> Client<S> {
    fn new(socket: WebSocketStream<S>) -> Self {
        Self {
            socket,
            next: 0,
            seen: Vec::new(),
        }
    }

    pub(crate) async fn initialize(&mut self, capabilities: Value) {
        let params = json!({
            "clientInfo": { "name": "e2e", "version": "1" },
            "capabilities": capabilities,
        });
        self.call("initialize", params).await.unwrap();
        self.send(&json!({ "method": "initialized" }).to_string()).await;
    }

    /// Sends text as it is.
    pub(crate) async fn send(&mut self, text: &str) {
        timeout(SOON, self.socket.send(Message::text(text)))
            .await
            .unwrap()
            .unwrap();
    }

    /// Sends a message of any kind.
    pub(crate) async fn send_message(&mut self, message: Message) {
        timeout(SOON, self.socket.send(message)).await.unwrap().unwrap();
    }

    /// The next frame; `None` when the connection is closed.
    pub(crate) async fn frame(&mut self) -> Option<Value> {
        self.frame_before(Instant::now() + SOON)
            .await
            .expect("a frame, or the end, in time")
    }

    /// `Err` at the deadline.
    pub(crate) async fn frame_before(&mut self, deadline: Instant) -> Result<Option<Value>, ()> {
        loop {
            return match timeout_at(deadline, self.socket.next()).await {
                Err(_) => Err(()),
                Ok(Some(Ok(Message::Text(text)))) => Ok(Some(serde_json::from_str(&text).unwrap())),
                Ok(Some(Ok(Message::Close(_)) | Err(_)) | None) => Ok(None),
                Ok(Some(Ok(_))) => continue,
            };
        }
    }

    /// Reads on until the connection is closed, and answers the reason its close frame gave.
    pub(crate) async fn closed(&mut self) -> String {
        let deadline = Instant::now() + SOON;
        loop {
            match timeout_at(deadline, self.socket.next()).await.unwrap() {
                Some(Ok(Message::Close(frame))) => {
                    return frame.map(|f| f.reason.to_string()).unwrap_or_default();
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return String::new(),
            }
        }
    }

    /// A request and its response: the result or the error object.
    pub(crate) async fn call(&mut self, method: &str, params: Value) -> Result<Value, Value> {
        let id = self.next;
        self.next += 1;
        self.send(&json!({ "id": id, "method": method, "params": params }).to_string())
            .await;
        self.response(&json!(id)).await
    }

    /// The response to a request sent by hand.
    pub(crate) async fn response(&mut self, id: &Value) -> Result<Value, Value> {
        let frame = self
            .until(|frame| frame.get("id") == Some(id) && frame.get("method").is_none())
            .await;
        match frame.get("error") {
            Some(error) => Err(error.clone()),
            None => Ok(frame["result"].clone()),
        }
    }

    /// Reads on until a frame fits; the others are kept in `seen`.
    pub(crate) async fn until(&mut self, fits: impl Fn(&Value) -> bool) -> Value {
        loop {
            let frame = self.frame().await.expect("the connection stands");
            if fits(&frame) {
                return frame;
            }
            self.seen.push(frame);
        }
    }

    /// Reads on until a notification or request of this method.
    pub(crate) async fn method(&mut self, method: &str) -> Value {
        self.until(|frame| frame["method"] == method).await
    }

    /// Starts a thread and answers its id.
    pub(crate) async fn thread(&mut self, cwd: &Path, policy: &str, sandbox: &str) -> String {
        let params = json!({ "cwd": cwd, "approvalPolicy": policy, "sandbox": sandbox });
        let started = self.call("thread/start", params).await.unwrap();
        started["thread"]["id"].as_str().unwrap().to_owned()
    }

    /// Starts a thread that may only read, and a turn in it that asks to write `made.txt` and then says something.
    pub(crate) async fn asks_to_write(&mut self, cwd: &Path, say: &str) {
        let thread = self.thread(cwd, "on-request", "read-only").await;
        self.turn(&thread, &format!("ESC: printf yes > made.txt\nSAY: {say}"))
            .await
            .unwrap();
    }

    /// Starts a turn with a script for the model.
    pub(crate) async fn turn(&mut self, thread: &str, script: &str) -> Result<Value, Value> {
        let input = json!([{ "type": "text", "text": script }]);
        self.call("turn/start", json!({ "threadId": thread, "input": input }))
            .await
    }
}
