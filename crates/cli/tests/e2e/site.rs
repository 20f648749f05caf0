//! A computer that is enrolled: a keyring of its own (or none), a data directory that outlives its hosts,
//! and the buses around it.

use crate::world::{CLIENT_TOKEN, Client, SOON, drawbridge, local_at, remote_at};
use drawbridge_testkit::home::{CodexHome, Scratch, fake_codex, real_codex, scratch_dir};
use drawbridge_testkit::model::ScriptedModel;
use drawbridge_testkit::secret_service::Session;
use drawbridge_wire::control::{AppServerState, HostView, LinkView};
use drawbridge_wire::pipe::LinkState;
use serde_json::json;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Output, Stdio};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpStream, UnixStream};
use tokio::process::{Child, Command};
use tokio::time::{Instant, timeout};

/// Password of the keyring.
pub(crate) const PASSWORD: &str = "correct horse";
/// What its runner pairs hosts with, at every bus.
pub(crate) const ADMIN_TOKEN: &str = "canary-admin-5e02";

/// Where the key of the vault is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    /// A real Secret Service, unlocked.
    Keyring,
    /// A session bus with nothing on it.
    Nowhere,
    /// A file; there is no session bus either.
    File,
}

/// Which codex.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Codex {
    Real,
    Fake,
}

/// A computer.
pub(crate) struct Site {
    pub(crate) scratch: Scratch,
    _model: ScriptedModel,
    _home: CodexHome,
    pub(crate) work: PathBuf,
    pub(crate) data: PathBuf,
    pub(crate) keyring: Option<Session>,
    env: Vec<(String, OsString)>,
}

/// What a command came to.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    /// It worked.
    #[track_caller]
    pub(crate) fn well(self) -> String {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.stdout
    }

    /// It did not, with this exit code and this name of what is wrong.
    #[track_caller]
    pub(crate) fn failed(self, code: i32, name: &str) -> String {
        assert_eq!(self.code, Some(code), "{self:?}");
        assert!(self.stderr.contains(&format!("[{name}]")), "{name}: {self:?}");
        self.stderr
    }
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }
}

impl Site {
    pub(crate) async fn new(key: Key, codex: Codex) -> Self {
        let scratch = scratch_dir("en").unwrap();
        let model = ScriptedModel::start().await.unwrap();
        let home = CodexHome::create(scratch.path(), &model.base_url()).unwrap();
        let work = scratch.folder("w").unwrap();
        let data = scratch.path().join("d");
        let mut env: Vec<(String, OsString)> = Vec::new();
        let mut set = |name: &str, value: OsString| env.push((name.to_owned(), value));
        set("HOME", scratch.folder("u").unwrap().into());
        let keyring = (key != Key::File).then(|| Session::start(&scratch.folder("s").unwrap()).unwrap());
        for (name, value) in keyring.iter().flat_map(Session::environment) {
            set(name, value);
        }
        set("DRAWBRIDGE_DATA_DIR", data.clone().into());
        set("DRAWBRIDGE_CONFIG", scratch.path().join("config.toml").into());
        set("CODEX_HOME", home.path().into());
        set("TMPDIR", scratch.folder("t").unwrap().into());
        let codex = match codex {
            Codex::Real => real_codex(),
            Codex::Fake => fake_codex(),
        };
        set("FORGE_CODEX_CONNECTOR_CODEX_BIN", codex.into());
        if key == Key::File {
            set("DRAWBRIDGE_KEY_FILE", scratch.path().join("key").into());
        }
        if let (Some(session), Key::Keyring) = (&keyring, key) {
            session.start_keyring(Some(PASSWORD)).unwrap();
        }
        Self {
            scratch,
            _model: model,
            _home: home,
            work,
            data,
            keyring,
            env,
        }
    }

    /// Replaces the configuration file.
    pub(crate) fn configure(&self, text: &str) {
        std::fs::write(self.scratch.path().join("config.toml"), text).unwrap();
    }

    pub(crate) fn keyring(&self) -> &Session {
        self.keyring.as_ref().unwrap()
    }

    /// The command, as the user of this computer would run it.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = drawbridge();
        command
            .args(args)
            .envs(self.env.iter().cloned())
            .current_dir(&self.work)
            .stdin(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs it with this on its stdin.
    pub(crate) async fn say(&self, stdin: &str, args: &[&str]) -> Ended {
        ended(self.command(args).spawn().unwrap(), stdin).await
    }

    pub(crate) async fn cli(&self, args: &[&str]) -> Ended {
        self.say("", args).await
    }

    /// Enrolls with a token, and an MCP token if there is one.
    pub(crate) async fn enroll(&self, bus: &Bus, mcp_token: Option<&str>, more: &[&str]) -> LinkView {
        let api = bus.api();
        let mut args = vec!["enroll", "--api", &api, "--json", "--token-stdin"];
        args.extend(mcp_token.map(|_| "--mcp-token-stdin"));
        args.extend(more);
        let stdin = format!("{}\n{}\n", bus.connect_token, mcp_token.unwrap_or_default());
        serde_json::from_str(&self.say(&stdin, &args).await.well()).unwrap()
    }

    /// Starts `connect`; answers when a host does.
    pub(crate) async fn connect(&self, args: &[&str], env: &[(&str, &str)]) -> Child {
        let mut command = self.command(&["connect"]);
        let child = command
            .args(args)
            .envs(env.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.until(|_| true).await;
        child
    }

    pub(crate) async fn view(&self) -> Option<HostView> {
        serde_json::from_str(&self.cli(&["status", "--json"]).await.stdout).ok()
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
            "the host never came to the state asked for; last: {last:#?}\nrecord:\n{}\nlog:\n{}",
            self.record()
                .lines()
                .filter(|line| !line.contains("\"kind\":\"connection_"))
                .collect::<Vec<_>>()
                .join("\n"),
            std::fs::read_to_string(self.data.join("logs/host.log")).unwrap_or_default(),
        );
    }

    /// Waits until the link to this bus stands and codex answers.
    pub(crate) async fn connected(&self, bus: &Bus) -> HostView {
        self.until(|view| connected(view, bus).is_some() && view.app_server.state == AppServerState::Ready)
            .await
    }

    /// Ends the host, and waits for `connect` to end with it.
    pub(crate) async fn stop(&self, mut connect: Child) {
        self.cli(&["stop"]).await.well();
        timeout(SOON, connect.wait()).await.unwrap().unwrap();
        assert!(!self.data.join("run/control.sock").exists());
    }

    pub(crate) async fn local(&self) -> Client<UnixStream> {
        let mut client = local_at(&self.data).await;
        client.initialize(json!({ "experimentalApi": true })).await;
        client
    }

    /// A file of the vault's folder.
    pub(crate) fn vault(&self, name: &str) -> PathBuf {
        self.data.join("vault").join(name)
    }

    /// Names of the vault's files that hold something.
    pub(crate) fn kept(&self) -> Vec<String> {
        let names = std::fs::read_dir(self.data.join("vault")).into_iter().flatten();
        let mut names: Vec<String> = names
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.contains(".age"))
            .collect();
        names.sort();
        names
    }

    pub(crate) fn record(&self) -> String {
        std::fs::read_to_string(self.data.join("audit.jsonl")).unwrap_or_default()
    }
}

/// Its link at this bus, if it stands.
pub(crate) fn connected<'a>(view: &'a HostView, bus: &Bus) -> Option<&'a LinkView> {
    at(view, bus).filter(|link| matches!(link.link, LinkState::Connected { .. }))
}

/// What a host says of a bus.
pub(crate) fn at<'a>(view: &'a HostView, bus: &Bus) -> Option<&'a LinkView> {
    view.links.iter().find(|link| link.bus == bus.address)
}

pub(crate) async fn ended(mut child: Child, stdin: &str) -> Ended {
    if let Some(mut pipe) = child.stdin.take() {
        // One that does not read has ended already.
        let _ = pipe.write_all(stdin.as_bytes()).await;
    }
    timeout(SOON, child.wait_with_output())
        .await
        .expect("it ends")
        .unwrap()
        .into()
}

/// Starts a bus, and answers where it listens.
async fn listening(command: &mut Command) -> (Child, String) {
    let mut process = command.spawn().unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let line = timeout(SOON, lines.next_line()).await.unwrap().unwrap().unwrap();
    let address = line.strip_prefix("listening on http://").expect(&line).to_owned();
    (process, address)
}

/// A real bus that remembers its hosts, and can be restarted.
pub(crate) struct Bus {
    pub(crate) address: String,
    pub(crate) connect_token: String,
    /// Of its `/mcp`.
    pub(crate) http_token: String,
    state: PathBuf,
    process: Child,
}

impl Bus {
    /// `name` is part of its tokens.
    pub(crate) async fn start(site: &Site, name: &str) -> Self {
        let mut command = drawbridge();
        let state = site.scratch.path().join(format!("bus-{name}.json"));
        let connect_token = format!("canary-connect-{name}");
        let http_token = format!("canary-http-{name}");
        command
            .args(["bus", "--state"])
            .arg(&state)
            .env("CODEX_BUS_CONNECT_TOKEN", &connect_token)
            .env("CODEX_BUS_HTTP_TOKEN", &http_token)
            .env("DRAWBRIDGE_BUS_CLIENT_TOKEN", CLIENT_TOKEN)
            .env("DRAWBRIDGE_BUS_ADMIN_TOKEN", ADMIN_TOKEN)
            .args(["--listen", "127.0.0.1:0"]);
        let (process, address) = listening(&mut command).await;
        Self {
            address,
            connect_token,
            http_token,
            state,
            process,
        }
    }

    pub(crate) fn api(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id().unwrap()
    }

    pub(crate) async fn kill(&mut self) {
        self.process.kill().await.unwrap();
    }

    /// At the same address, with what it remembers.
    pub(crate) async fn again(&mut self) {
        let mut command = drawbridge();
        command
            .args(["bus", "--listen", &self.address, "--state"])
            .arg(&self.state)
            .env("CODEX_BUS_CONNECT_TOKEN", &self.connect_token)
            .env("CODEX_BUS_HTTP_TOKEN", &self.http_token)
            .env("DRAWBRIDGE_BUS_CLIENT_TOKEN", CLIENT_TOKEN)
            .env("DRAWBRIDGE_BUS_ADMIN_TOKEN", ADMIN_TOKEN);
        (self.process, self.address) = listening(&mut command).await;
    }

    /// Runs `bus pair`, `hosts` or `revoke` as who runs this bus.
    pub(crate) async fn admin(&self, args: &[&str]) -> Ended {
        let mut command = drawbridge();
        command
            .arg("bus")
            .args(args)
            .args(["--bus", &self.api()])
            .env("DRAWBRIDGE_BUS_ADMIN_TOKEN", ADMIN_TOKEN)
            .stderr(Stdio::piped());
        ended(command.spawn().unwrap(), "").await
    }

    /// A code for one host.
    pub(crate) async fn code(&self) -> String {
        let said = self.admin(&["pair"]).await.well();
        let code = said.lines().next().unwrap().strip_prefix("Code: ").unwrap();
        code.to_owned()
    }

    /// A remote client of a host here.
    pub(crate) async fn remote(&self, host: &str) -> Client<TcpStream> {
        let mut client = remote_at(&self.address, host, CLIENT_TOKEN).await;
        client.initialize(json!({ "experimentalApi": true })).await;
        client
    }
}
