//! The codex program: is it there, does it answer, is somebody logged in, does its sandbox hold.

use super::finding::{Check, Finding, Level};
use drawbridge_codex::{
    CallError, CodexBinary, Launch, LaunchError, LocateError, launch, on_defaults, was_disturbed,
};
use drawbridge_process::{Child, ChildSpec, Ladder, Marker, MarkerRole, SpawnError, Spawner, stop};
use serde_json::{Value, json};
use std::ffi::OsString;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;
use tokio::io::AsyncReadExt as _;

/// How long codex may take to say its version.
const VERSION: Duration = Duration::from_secs(6);
/// How long the sandboxed command may take.
const SANDBOXED: Duration = Duration::from_secs(10);
/// How long the question about the login may take.
const ACCOUNT: Duration = Duration::from_secs(4);
/// A short-lived child has nothing to save.
const END: Ladder = Ladder {
    polite: Duration::from_millis(1500),
    polite2: Duration::from_millis(500),
    force: Duration::from_millis(500),
};
/// Lines of a child that are shown.
const LINES: usize = 4;
/// How often it is run, when another codex was in its way.
const TRIES: usize = 4;
/// What the sandboxed command ends with when it may write where it must not.
const OPEN: i32 = 9;
/// What is run in the sandbox: writes nothing, asks whether it could.
const TRY: &str = "test -w . && exit 9; exit 0";

/// What children of this look are started with.
pub(super) struct Starter<'a> {
    pub spawner: &'a Spawner,
    pub nonce: &'a str,
    pub env: &'a [(OsString, OsString)],
    /// Where they run.
    pub cwd: &'a Path,
}

impl Starter<'_> {
    fn marker(&self) -> Marker {
        Marker {
            nonce: self.nonce.to_owned(),
            role: MarkerRole::Agent,
        }
    }

    fn spec(&self, program: &Path, args: &[&str], stdout_piped: bool) -> ChildSpec {
        ChildSpec {
            name: "codex".to_owned(),
            program: program.to_owned(),
            args: args.iter().map(OsString::from).collect(),
            env: self.env.to_vec(),
            cwd: self.cwd.to_owned(),
            marker: self.marker(),
            stdin_piped: false,
            stdout_piped,
            log_file: None,
        }
    }
}

/// Why a look at codex came to nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error(transparent)]
    Spawn(#[from] SpawnError),
    #[error(transparent)]
    Launch(#[from] LaunchError),
    #[error(transparent)]
    Call(#[from] CallError),
    #[error("no answer within {} s", .0.as_secs())]
    NoAnswer(Duration),
    #[error("nothing came of it within {} s", .0.as_secs())]
    NoEnd(Duration),
    #[error(transparent)]
    Ended(#[from] BadEnd),
}

/// How a child ended that should have ended otherwise.
#[derive(Debug, thiserror::Error)]
pub(super) struct BadEnd {
    /// None where it cannot be waited for.
    pub status: Option<ExitStatus>,
    /// The last lines it wrote.
    pub lines: Vec<String>,
}

impl fmt::Display for BadEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.status {
            Some(status) => write!(f, "{status}")?,
            None => f.write_str("it cannot be waited for")?,
        }
        self.lines.iter().try_for_each(|line| write!(f, "\n{line}"))
    }
}

/// What `--version` came to.
#[derive(Debug)]
pub(super) enum Version {
    Said(String),
    Failed(Failure),
}

/// What starting an app-server came to.
#[derive(Debug)]
pub(super) enum Handshake {
    NotTried,
    Failed(Failure),
    /// It goes on without the configuration of the user.
    OnDefaults(String),
    Answered {
        user_agent: String,
        within: Duration,
    },
}

/// Who is logged in.
#[derive(Debug)]
pub(super) enum Login {
    NotAsked,
    NotAnswered(Failure),
    /// The model in the configuration needs none.
    NotNeeded,
    None,
    Is(String),
}

/// What the sandbox came to.
#[derive(Debug)]
pub(super) enum Sandbox {
    NotTried,
    Holds,
    Open,
    /// This codex has another command for it.
    Unknown(BadEnd),
    Failed(Failure),
}

pub(super) async fn version(starter: &Starter<'_>, binary: &CodexBinary) -> Version {
    let spec = starter.spec(&binary.program, &["--version"], true);
    let child = match starter.spawner.spawn(spec).await {
        Ok(child) => child,
        Err(error) => return Version::Failed(error.into()),
    };
    let said = async {
        let mut text = String::new();
        if let Some(stdout) = child.take_stdout() {
            // What is no text is no version.
            let _ = stdout.take(4096).read_to_string(&mut text).await;
        }
        (child.ended().await, text)
    };
    match tokio::time::timeout(VERSION, said).await {
        Ok((Some(status), text)) if status.success() && !text.trim().is_empty() => {
            Version::Said(text.trim().to_owned())
        }
        Ok((status, _)) => Version::Failed(bad_end(&child, status).await.into()),
        Err(_) => {
            stop(&child, END).await;
            Version::Failed(Failure::NoAnswer(VERSION))
        }
    }
}

pub(super) async fn handshake(starter: &Starter<'_>, binary: &CodexBinary) -> (Handshake, Login) {
    let began = std::time::Instant::now();
    let plan = Launch {
        binary: binary.clone(),
        cwd: starter.cwd.to_owned(),
        host: IpAddr::V4(Ipv4Addr::LOCALHOST),
        port: 0,
        env: starter.env.to_vec(),
        config: vec!["features.shell_snapshot=false".to_owned()],
        marker: starter.marker(),
        log_file: None,
        client_name: "drawbridge-doctor".to_owned(),
        client_version: env!("CARGO_PKG_VERSION").to_owned(),
        experimental: false,
    };
    let mut server = match Box::pin(launch(starter.spawner, plan)).await {
        Ok(server) => server,
        Err(error) => return (Handshake::Failed(error.into()), Login::NotAsked),
    };
    let within = began.elapsed();
    let account = server.observer.request("account/read", json!({}), ACCOUNT).await;
    stop(&server.child, END).await;
    let mut ignored = None;
    while let Ok(frame) = server.incoming.try_recv() {
        ignored = ignored.or_else(|| on_defaults(&frame));
    }
    let handshake = ignored.map_or(
        Handshake::Answered {
            user_agent: server.user_agent,
            within,
        },
        Handshake::OnDefaults,
    );
    let login = match account {
        Ok(answer) => login_of(&answer),
        Err(error) => Login::NotAnswered(error.into()),
    };
    (handshake, login)
}

fn login_of(answer: &Value) -> Login {
    let kind = answer.pointer("/account/type").and_then(Value::as_str);
    let needed = answer.get("requiresOpenaiAuth").and_then(Value::as_bool);
    match (kind, needed) {
        (Some(kind), _) => Login::Is(kind.to_owned()),
        (None, Some(false)) => Login::NotNeeded,
        (None, _) => Login::None,
    }
}

pub(super) async fn sandbox(starter: &Starter<'_>, binary: &CodexBinary) -> Sandbox {
    for _ in 1..TRIES {
        let tried = sandboxed(starter, binary).await;
        if !matches!(&tried, Sandbox::Failed(Failure::Ended(end)) if end.lines.iter().any(|line| was_disturbed(line)))
        {
            return tried;
        }
    }
    sandboxed(starter, binary).await
}

async fn sandboxed(starter: &Starter<'_>, binary: &CodexBinary) -> Sandbox {
    let args = ["sandbox", "-P", ":read-only", "--", "sh", "-c", TRY];
    let child = match starter
        .spawner
        .spawn(starter.spec(&binary.program, &args, false))
        .await
    {
        Ok(child) => child,
        Err(error) => return Sandbox::Failed(error.into()),
    };
    match tokio::time::timeout(SANDBOXED, child.ended()).await {
        Ok(Some(status)) if status.success() => Sandbox::Holds,
        Ok(Some(status)) if status.code() == Some(OPEN) => Sandbox::Open,
        Ok(Some(status)) if status.code() == Some(2) => Sandbox::Unknown(bad_end(&child, Some(status)).await),
        Ok(status) => Sandbox::Failed(bad_end(&child, status).await.into()),
        Err(_) => {
            stop(&child, END).await;
            Sandbox::Failed(Failure::NoEnd(SANDBOXED))
        }
    }
}

async fn bad_end(child: &Child, status: Option<ExitStatus>) -> BadEnd {
    let log = child.log();
    // Something may hold the pipe open.
    let _ = tokio::time::timeout(Duration::from_millis(500), log.complete()).await;
    BadEnd {
        status,
        lines: log.last(LINES),
    }
}

pub(super) fn of_program(found: &Result<CodexBinary, LocateError>, version: &Version) -> Finding {
    match (found, version) {
        (Err(error), _) => Finding::told(Level::Fail, Check::Codex, &error.to_string(), "install codex"),
        (Ok(binary), Version::Said(version)) => {
            let launcher = if binary.via_launcher {
                ", through npm's launcher"
            } else {
                ""
            };
            Finding::ok(
                Check::Codex,
                format!("{} ({version}{launcher})", binary.program.display()),
            )
        }
        (Ok(binary), Version::Failed(why)) => Finding::fail(
            Check::Codex,
            format!("{} does not say its version: {why}", binary.program.display()),
            "install it anew with `npm install -g @openai/codex`, or name another with --codex-bin",
        ),
    }
}

pub(super) fn of_handshake(handshake: &Handshake) -> Finding {
    match handshake {
        Handshake::NotTried => Finding::warn(
            Check::Handshake,
            "not tried: codex or its state folder cannot be used",
            "correct that first",
        ),
        Handshake::Failed(why) => Finding::fail(
            Check::Handshake,
            why.to_string(),
            "correct what codex says, then try again",
        ),
        Handshake::OnDefaults(why) => Finding::fail(
            Check::Handshake,
            format!("codex cannot read its configuration and would go on without it: {why}"),
            "correct config.toml in codex's state folder",
        ),
        Handshake::Answered { user_agent, within } => Finding::ok(
            Check::Handshake,
            format!(
                "an app-server of its own answered as {user_agent} within {} ms and was ended",
                within.as_millis()
            ),
        ),
    }
}

pub(super) fn of_login(login: &Login) -> Finding {
    const REMEDY: &str = "log in with `codex login`";
    match login {
        Login::NotAsked => Finding::warn(
            Check::Login,
            "not asked: no app-server answered",
            "correct that first",
        ),
        Login::NotAnswered(why) => Finding::warn(Check::Login, why.to_string(), "try again"),
        Login::NotNeeded => Finding::ok(
            Check::Login,
            "none, and the model in codex's configuration needs none",
        ),
        Login::None => Finding::fail(
            Check::Login,
            "nobody is logged in to codex; no turn will work",
            REMEDY,
        ),
        Login::Is(kind) => Finding::ok(Check::Login, format!("codex is logged in ({kind})")),
    }
}

pub(super) fn of_sandbox(sandbox: &Sandbox) -> Finding {
    match sandbox {
        Sandbox::NotTried => Finding::warn(
            Check::Sandbox,
            "not tried: there is no codex or no state folder",
            "correct that first",
        ),
        Sandbox::Holds => Finding::ok(
            Check::Sandbox,
            "`codex sandbox` ran a command that could read and not write",
        ),
        Sandbox::Open => Finding::fail(
            Check::Sandbox,
            "`codex sandbox` ran a command read-only, and it could write all the same",
            "update codex; until then answer every approval as if there were no sandbox",
        ),
        Sandbox::Unknown(why) => Finding::warn(
            Check::Sandbox,
            format!("this codex has no sandbox command that we know: {why}"),
            "update codex or Drawbridge to look again",
        ),
        Sandbox::Failed(why) => Finding::fail(
            Check::Sandbox,
            format!("`codex sandbox` cannot run a command: {why}"),
            NO_SANDBOX,
        ),
    }
}

const NO_SANDBOX: &str = if cfg!(target_os = "linux") {
    "install bubblewrap (Debian and Ubuntu: `apt install bubblewrap`) and allow user namespaces (sysctl \
     kernel.unprivileged_userns_clone=1, user.max_user_namespaces above 0; on Ubuntu also \
     kernel.apparmor_restrict_unprivileged_userns=0)"
} else {
    "update codex, then try again"
};

/// Another process on the same state folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Holder {
    pub pid: u32,
    pub name: String,
    pub threads: usize,
}

/// Who else uses codex's state folder.
#[derive(Debug, Default)]
pub(super) struct Others {
    /// This system tells.
    pub seen: bool,
    pub holders: Vec<Holder>,
    /// The socket of a daemon that accepts connections.
    pub daemon: Option<PathBuf>,
}

/// Looks for processes outside `ours` (a host and what it started) that hold threads. Blocks.
pub(super) fn others(home: &Path, ours: Option<u32>) -> Others {
    let locks = home.join("thread-writer-locks");
    let locks = locks.canonicalize().unwrap_or(locks);
    let socket = home.join("app-server-control/app-server-control.sock");
    let daemon = super::system::is_listened_at(&socket).then_some(socket);
    let table = drawbridge_process::proc::table();
    let own = ours.map(|host| drawbridge_process::proc::descendants(&table, &[host].into()));
    let own = own.unwrap_or_default();
    let mut holders = Vec::new();
    for process in table.values().filter(|process| !own.contains(&process.pid)) {
        let open = std::fs::read_dir(format!("/proc/{}/fd", process.pid));
        let threads = open
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|fd| std::fs::read_link(fd.path()).ok())
            .filter(|file| file.parent() == Some(&locks))
            .filter(|file| file.file_name().is_some_and(|name| name != ".coordination.lock"))
            .count();
        if threads > 0 {
            holders.push(Holder {
                pid: process.pid,
                name: process.name.clone(),
                threads,
            });
        }
    }
    Others {
        seen: !table.is_empty(),
        holders,
        daemon,
    }
}

pub(super) fn of_others(home: &Path, others: &Others) -> Finding {
    let mut found: Vec<String> = others
        .holders
        .iter()
        .map(|holder| {
            format!(
                "{} (pid {}) holds {} thread(s)",
                holder.name, holder.pid, holder.threads
            )
        })
        .collect();
    found.extend(
        others
            .daemon
            .iter()
            .map(|socket| format!("codex's own daemon listens at {}", socket.display())),
    );
    if !found.is_empty() {
        return Finding::warn(
            Check::OtherCodex,
            found.join("; "),
            "their threads are busy here: end that codex, or its daemon with `codex app-server daemon stop`, to \
             drive them from here",
        );
    }
    if !others.seen {
        let what = "no daemon; other processes cannot be seen on this system";
        return Finding::ok(Check::OtherCodex, what);
    }
    Finding::ok(
        Check::OtherCodex,
        format!("no other process holds threads of {}", home.display()),
    )
}
