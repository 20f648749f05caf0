//! Brings everything up in order, has the job done, takes everything down.

use crate::answers::{self, Answered};
use crate::child::{self, Running};
use crate::hop::{Failure, Hops};
use crate::host::Desk;
use crate::places::{Places, random_hex};
use crate::remote::{Remote, Turn};
use crate::{Options, job, listening, sweep};
use drawbridge_testkit::home::CodexHome;
use drawbridge_testkit::model::ScriptedModel;
use drawbridge_wire::control::{AppServerState, HostView};
use drawbridge_wire::pipe::LinkState;
use serde_json::{Value, json};
use std::cell::Cell;
use std::path::Path;
use std::time::{Duration, Instant};

/// Longest until the bus listens.
const BUS: Duration = Duration::from_secs(15);
/// Longest until app-server and link stand.
const HOST: Duration = Duration::from_secs(45);
/// Longest until a program that was asked to end has ended.
const END: Duration = Duration::from_secs(20);
/// Longest until no process is left.
const SWEEP: Duration = Duration::from_secs(10);

/// Everything the demo has started.
pub(crate) struct Stage {
    hops: Hops,
    places: Places,
    home: Option<CodexHome>,
    model: Option<ScriptedModel>,
    bus: Option<Running>,
    host: Option<Running>,
    remote: Option<Remote>,
    pids: Vec<u32>,
}

struct Tokens {
    host: String,
    client: String,
    mcp: String,
}

impl Stage {
    /// Makes the folders; nothing is started yet.
    pub(crate) fn new(options: &Options) -> Result<Self, Failure> {
        let hops = Hops::new();
        let places = Places::make(&options.target).map_err(|failure| failure.at("folders"))?;
        Ok(Self {
            hops,
            places,
            home: None,
            model: None,
            bus: None,
            host: None,
            remote: None,
            pids: Vec::new(),
        })
    }

    /// The whole job.
    pub(crate) async fn perform(&mut self, options: &Options) -> Result<(), Failure> {
        let tokens = Tokens {
            host: random_hex(32)?,
            client: random_hex(32)?,
            mcp: random_hex(32)?,
        };
        if !options.live {
            self.hops.begin("scripted model");
            self.start_model().await?;
        }
        self.hops.begin("bus");
        let address = self.start_bus(&options.drawbridge, &tokens).await?;
        self.hops.begin("host");
        let id = self.start_host(options, &address, &tokens).await?;
        self.hops.begin("listening");
        self.nothing_public()?;
        self.hops.begin("remote client");
        let thread = self
            .start_remote(&format!("ws://{address}/hosts/{id}/app-server"), &tokens.client)
            .await?;
        self.hops.begin("turn");
        let (turn, answered) = self.turn(options, &thread).await?;
        self.hops.begin("checks");
        self.check(options, &turn, &answered)
    }

    async fn start_model(&mut self) -> Result<(), Failure> {
        let model = ScriptedModel::start().await.map_err(|e| {
            Failure::new(
                format!("it cannot listen on 127.0.0.1 ({e})"),
                "check the loopback interface",
            )
        })?;
        let home = CodexHome::create(&self.places.base, &model.base_url())
            .map_err(|e| Failure::new(e.to_string(), "check the disk"))?;
        self.home = Some(home);
        self.hops.up(&format!("answers at {}", model.base_url()));
        self.model = Some(model);
        Ok(())
    }

    async fn start_bus(&mut self, drawbridge: &Path, tokens: &Tokens) -> Result<String, Failure> {
        let mut command = child::marked(drawbridge, &self.places);
        command
            .args(["bus", "--listen", "127.0.0.1:0", "--state"])
            .arg(self.places.base.join("bus-pins.json"))
            .env("CODEX_BUS_CONNECT_TOKEN", &tokens.host)
            .env("CODEX_BUS_HTTP_TOKEN", &tokens.mcp)
            .env("DRAWBRIDGE_BUS_CLIENT_TOKEN", &tokens.client);
        let bus = self.bus.insert(child::start("bus", &mut command, &self.places)?);
        let address = bus.wait_for_line("listening on http://", BUS).await?;
        self.hops.up(&format!("listens on http://{address}"));
        Ok(address)
    }

    async fn start_host(
        &mut self,
        options: &Options,
        address: &str,
        tokens: &Tokens,
    ) -> Result<String, Failure> {
        let mut command = child::marked(&options.drawbridge, &self.places);
        command
            .arg("connect")
            .args(["--api", &format!("http://{address}"), "--name", "demo"]);
        command
            .arg("--cwd")
            .arg(&self.places.work)
            .arg("--root")
            .arg(&self.places.work);
        command
            .arg("--codex-bin")
            .arg(&options.codex)
            .arg("--data-dir")
            .arg(&self.places.data);
        command
            .env("FORGE_CODEX_CONNECTOR_TOKEN", &tokens.host)
            .env("FORGE_CODEX_CONNECTOR_MCP_TOKEN", &tokens.mcp);
        if let Some(home) = &self.home {
            command.env("CODEX_HOME", home.path());
            // The model is on this computer; a proxy could not reach it.
            for name in ["NO_PROXY", "no_proxy"] {
                command.env(name, "127.0.0.1,localhost");
            }
        }
        let host = self
            .host
            .insert(child::start("host", &mut command, &self.places)?);
        host.log_output();
        let desk = Desk {
            drawbridge: &options.drawbridge,
            places: &self.places,
        };
        let begin = Instant::now();
        let mut said_ready = false;
        loop {
            if let Some(status) = host.ended() {
                return Err(Failure::new(
                    format!("`drawbridge connect` ended with {status}"),
                    host.see_log(),
                ));
            }
            let waits = match desk.status().await {
                Ok(view) => {
                    self.pids = [Some(view.host.pid), view.app_server.pid]
                        .into_iter()
                        .flatten()
                        .collect();
                    if !said_ready && view.app_server.state == AppServerState::Ready {
                        self.hops.up(view
                            .app_server
                            .user_agent
                            .as_deref()
                            .unwrap_or("app-server ready"));
                        said_ready = true;
                    }
                    match standing(&view)? {
                        None => {
                            self.hops
                                .up(&format!("`{}` is connected to the bus", view.host.id));
                            return Ok(view.host.id);
                        }
                        Some(waits) => waits,
                    }
                }
                Err(failure) => failure.what,
            };
            if begin.elapsed() > HOST {
                return Err(Failure::new(
                    format!("not connected within {} s: {waits}", HOST.as_secs()),
                    host.see_log(),
                ));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// The host's side opens no port but the app-server's, on loopback.
    fn nothing_public(&self) -> Result<(), Failure> {
        let bus = self.bus.as_ref().and_then(Running::pid);
        let ours = sweep::left(&self.places.id, &self.places.base, &[]);
        let pids: Vec<u32> = ours
            .iter()
            .map(|process| process.pid)
            .filter(|pid| Some(*pid) != bus)
            .collect();
        if cfg!(not(target_os = "linux")) {
            return Ok(());
        }
        let found = listening::addresses(&pids);
        match found.as_slice() {
            [only] if listening::is_local(only) => {
                self.hops
                    .up(&format!("only the app-server, on {only}; all else is outbound"));
                Ok(())
            }
            others => Err(Failure::new(
                format!("host, connector and app-server listen on {others:?}, not on one loopback port"),
                "report this",
            )),
        }
    }

    async fn start_remote(&mut self, url: &str, token: &str) -> Result<String, Failure> {
        let remote = Remote::connect(url, token, &self.places.logs.join("remote.log")).await?;
        let remote = self.remote.insert(remote);
        let client = json!({"name": "drawbridge-demo", "title": null, "version": env!("CARGO_PKG_VERSION")});
        let who = remote
            .request("initialize", json!({"clientInfo": client}))
            .await?;
        remote.notify("initialized").await?;
        let agent = who["userAgent"]
            .as_str()
            .unwrap_or("an app-server without a name");
        self.hops
            .up(&format!("through bus, connector and gate to {agent}"));
        let start = json!({"cwd": self.places.work, "approvalPolicy": "on-request", "sandbox": "read-only"});
        let started = remote.request("thread/start", start).await?;
        let effective = (
            started["approvalPolicy"].as_str(),
            started["sandbox"]["type"].as_str(),
        );
        if effective != (Some("on-request"), Some("readOnly")) {
            return Err(Failure::new(
                format!("the thread runs with {effective:?}, not on-request and readOnly"),
                "report this",
            ));
        }
        match &started["thread"]["id"] {
            Value::String(id) => {
                self.hops.up(&format!("thread {id}, on-request, read-only"));
                Ok(id.clone())
            }
            _ => Err(Failure::new(
                "the answer to thread/start has no thread id",
                "see remote.log",
            )),
        }
    }

    async fn turn(&mut self, options: &Options, thread: &str) -> Result<(Turn, Vec<Answered>), Failure> {
        let Some(remote) = self.remote.as_mut() else {
            return Err(Failure::new("there is no remote client", "report this"));
        };
        let prompt = if options.live {
            job::live_prompt()
        } else {
            job::scripted_prompt()
        };
        let input = json!({"threadId": thread, "input": [{"type": "text", "text": prompt}]});
        remote.request("turn/start", input).await?;
        self.hops.up("started by the remote client");
        let desk = Desk {
            drawbridge: &options.drawbridge,
            places: &self.places,
        };
        let over = Cell::new(false);
        let reading = async {
            let turn = remote.turn_end().await;
            over.set(true);
            turn
        };
        let answering = answer_all(&desk, &self.hops, options, &over);
        let (turn, answered) = tokio::try_join!(Box::pin(reading), Box::pin(answering))?;
        match turn.ended.as_deref() {
            Some("completed") => {
                self.hops.up(&format!(
                    "completed; {} pieces of text streamed back",
                    turn.pieces
                ));
                Ok((turn, answered))
            }
            status => Err(Failure::new(
                format!(
                    "the turn is {}: {}",
                    status.unwrap_or("not ended"),
                    turn.error.as_deref().unwrap_or("no error named")
                ),
                "see remote.log",
            )),
        }
    }

    fn check(&self, options: &Options, turn: &Turn, answered: &[Answered]) -> Result<(), Failure> {
        let answers = if options.live {
            job::answers_by_file(answered).map(|answer| answer.unwrap_or(false))
        } else {
            let answers: Vec<bool> = answered.iter().map(|answer| answer.accepted).collect();
            <[bool; 3]>::try_from(answers).map_err(|found| {
                Failure::new(format!("{} approvals, not 3", found.len()), "see remote.log")
            })?
        };
        for line in job::check_files(&self.places.work, &answers)? {
            self.hops.up(&line);
        }
        if options.live {
            self.hops.up(&format!("the agent said: {}", turn.text.trim()));
        } else if turn.text.trim_end() == job::GOODBYE {
            self.hops
                .up(&format!("streamed text is what the model sent: {}", turn.text));
        } else {
            return Err(Failure::new(
                format!("`{}` streamed back, the model sent `{}`", turn.text, job::GOODBYE),
                "see remote.log",
            ));
        }
        Ok(())
    }

    /// Ends everything in order and counts what is left.
    pub(crate) async fn take_down(&mut self) -> Result<(), Failure> {
        self.hops.begin("take-down");
        let mut first: Option<Failure> = None;
        if let Some(remote) = self.remote.take() {
            remote.close().await;
            self.hops.up("remote client left");
        }
        for running in [self.host.take(), self.bus.take()] {
            let Some(mut running) = running else { continue };
            match running.stop(END).await {
                Ok(()) => self.hops.up(&format!("{} ended", running.name())),
                Err(failure) => {
                    self.hops.up(&failure.what);
                    first.get_or_insert(failure);
                }
            }
        }
        if let Some(model) = self.model.take() {
            model.shutdown().await;
            self.hops.up("scripted model ended");
        }
        let left = sweep::wait_until_none(&self.places.id, &self.places.base, &self.pids, SWEEP).await;
        println!("{} processes left", left.len());
        if !left.is_empty() {
            for process in &left {
                println!("  {} {}", process.pid, process.command);
                sweep::kill(process.pid);
            }
            first.get_or_insert(Failure::new(
                "processes were left (killed now)",
                "the host must end what it starts; report this",
            ));
        }
        first.map_or(Ok(()), |failure| Err(failure.at("take-down")))
    }

    /// What the programs wrote last.
    pub(crate) fn show_logs(&self) {
        for folder in [
            &self.places.logs,
            &self.places.data,
            &self.places.data.join("logs"),
        ] {
            let logs = std::fs::read_dir(folder)
                .into_iter()
                .flatten()
                .filter_map(Result::ok);
            for log in logs.map(|entry| entry.path()) {
                if log
                    .extension()
                    .is_some_and(|extension| extension == "log" || extension == "jsonl")
                {
                    print_tail(&log);
                }
            }
        }
    }

    /// Says where it failed.
    pub(crate) fn report(&self, failure: Failure) {
        eprintln!("{}", failure.at(self.hops.current()));
    }

    /// Removes the folders of a demo that succeeded.
    pub(crate) fn forget_folders(&self) {
        let _ = std::fs::remove_dir_all(&self.places.base);
    }

    /// Says where the folders of a demo that failed are.
    pub(crate) fn keep_folders(&self) {
        eprintln!("its folders are kept in {}", self.places.base.display());
    }
}

/// Answers approvals until the turn is over.
async fn answer_all(
    desk: &Desk<'_>,
    hops: &Hops,
    options: &Options,
    over: &Cell<bool>,
) -> Result<Vec<Answered>, Failure> {
    let mut answered = Vec::new();
    loop {
        let ask = if options.live {
            None
        } else {
            job::ASKS.get(answered.len())
        };
        // A real model takes its time, and nothing more is expected after the last question.
        let limit = ask.map(|_| answers::APPEARS);
        let next = answers::next_open(desk, &answered, limit, over).await;
        let Some(view) = next.map_err(|failure| failure.at("approvals"))? else {
            return Ok(answered);
        };
        let unattended = options.yes.then(|| ask.is_some_and(|ask| ask.accept));
        let hint = match ask {
            Some(ask) if !ask.accept => "(the demo expects n) ",
            Some(_) => "(the demo expects y) ",
            None => "",
        };
        let answer = answers::answer(
            desk,
            hops,
            view,
            ask.map_or(&[], |ask| ask.card),
            unattended,
            hint,
        )
        .await;
        answered.push(answer.map_err(|failure| failure.at("approvals"))?);
    }
}

/// What is not standing yet; an error when waiting cannot help.
fn standing(view: &HostView) -> Result<Option<String>, Failure> {
    match &view.app_server.state {
        AppServerState::Ready => {}
        AppServerState::Waiting { message, .. } => return Ok(Some(message.clone())),
        other => return Ok(Some(format!("the app-server is {other:?}"))),
    }
    match view.links.first().map(|link| &link.link) {
        Some(LinkState::Connected { .. }) => Ok(None),
        Some(LinkState::Failed { code, message }) => Err(Failure::new(
            format!("no link to the bus ({code})"),
            message.clone(),
        )),
        Some(LinkState::Waiting { message, .. }) => Ok(Some(message.clone())),
        Some(other) => Ok(Some(format!("the link is {other:?}"))),
        None => Err(Failure::new("the host was given no bus", "report this")),
    }
}

fn print_tail(log: &Path) {
    const LINES: usize = 15;
    let text = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    // Our own polling fills the record with these.
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.contains(r#""kind":"connection_"#))
        .collect();
    if lines.is_empty() {
        return;
    }
    eprintln!("--- the end of {}", log.display());
    for line in &lines[lines.len().saturating_sub(LINES)..] {
        let short: String = line.chars().take(400).collect();
        eprintln!("{short}");
    }
}
