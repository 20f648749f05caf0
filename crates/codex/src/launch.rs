//! Starting an app-server and shaking hands with it.

mod failure;

pub use failure::LaunchError;

use crate::{CodexBinary, DELTA_NOTIFICATIONS, Endpoint, Incoming, Peer, was_disturbed};
use drawbridge_process::{Child, ChildSpec, Ladder, Marker, Spawner, stop};
use drawbridge_wire::Secret;
use failure::Failure;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// How long it may take from the start of the process to its answer.
pub const READY_DEADLINE: Duration = Duration::from_secs(10);
/// How often it is started once more because another codex was in its way.
const AGAIN: usize = 3;
/// How a child that did not become ready is ended. It has nothing to save.
const GIVE_UP: Ladder = Ladder {
    polite: Duration::from_millis(500),
    polite2: Duration::from_millis(250),
    force: Duration::from_secs(2),
};
/// How long the last lines of a child that has ended may take to arrive.
const LAST_LINES: Duration = Duration::from_millis(500);

/// What to start.
#[derive(Debug, Clone)]
pub struct Launch {
    /// The program.
    pub binary: CodexBinary,
    /// Its working directory, which threads without one of their own take.
    pub cwd: PathBuf,
    /// Where it listens.
    pub host: IpAddr,
    /// Its port; 0 for one that is free.
    pub port: u16,
    /// Its whole environment.
    pub env: Vec<(OsString, OsString)>,
    /// Settings, each `key=value` with a TOML value. Every user of the computer can read them: no secrets.
    pub config: Vec<String>,
    /// Whose child it is.
    pub marker: Marker,
    /// Where its log goes, besides the ring.
    pub log_file: Option<PathBuf>,
    /// How we call ourselves. The first connection's name becomes the process's name.
    pub client_name: String,
    /// Our version.
    pub client_version: String,
    /// Whether our own connection may use experimental methods.
    pub experimental: bool,
}

/// A running app-server that has answered.
#[derive(Debug)]
pub struct AppServer {
    /// Its process.
    pub child: Child,
    /// How to make further connections.
    pub endpoint: Endpoint,
    /// The first connection, initialized, without delta notifications.
    pub observer: Peer,
    /// What comes in on it.
    pub incoming: mpsc::Receiver<Incoming>,
    /// What the app-server calls itself; holds its version.
    pub user_agent: String,
    /// Where it keeps its state, as it says.
    pub codex_home: Option<PathBuf>,
}

/// Starts an app-server; returns when it has answered `initialize`. One that another codex was in the way of is
/// started again a few times, as long as there is time for it, see [`was_disturbed`]. If none answers within
/// [`READY_DEADLINE`], or the returned future is dropped, the child is ended.
///
/// # Errors
/// When it does not become ready; the error holds the child's last lines.
pub async fn launch(spawner: &Spawner, launch: Launch) -> Result<AppServer, LaunchError> {
    let deadline = Instant::now() + READY_DEADLINE;
    let mut again = AGAIN;
    loop {
        // One that is ended must leave its successor the time to become ready.
        let any = again == 0 || deadline.saturating_duration_since(Instant::now()) < READY_DEADLINE / 2;
        if let Some(server) = start(spawner, &launch, any, deadline).await? {
            return Ok(server);
        }
        tracing::warn!("another codex was in the way of the app-server; it is started again");
        again -= 1;
    }
}

/// Starts one. `None`: another codex was in its way, and it was ended again, unless `any` will do.
async fn start(
    spawner: &Spawner,
    launch: &Launch,
    any: bool,
    deadline: Instant,
) -> Result<Option<AppServer>, LaunchError> {
    let token = fresh_token()?;
    let child = spawner.spawn(spec(launch, &token)).await?;
    let unfinished = Unfinished(Some(child.clone()));
    let ready = Box::pin(become_ready(&child, launch, token, any));
    let outcome = tokio::time::timeout_at(deadline, ready)
        .await
        .unwrap_or(Err(Failure::Deadline));
    match outcome {
        Ok(server) => {
            if server.is_none() {
                stop(&child, GIVE_UP).await;
            }
            unfinished.keep();
            Ok(server)
        }
        Err(failure) => {
            stop(&child, GIVE_UP).await;
            unfinished.keep();
            // Something may hold the pipe open; what is there by then is what the person gets.
            let _ = tokio::time::timeout(LAST_LINES, child.log().complete()).await;
            Err(failure.with_lines(SocketAddr::new(launch.host, launch.port), &child.log()))
        }
    }
}

fn fresh_token() -> Result<Secret, LaunchError> {
    let mut bytes = zeroize::Zeroizing::new([0_u8; 32]);
    getrandom::fill(bytes.as_mut_slice()).map_err(drawbridge_process::NoRandomness::from)?;
    Ok(Secret::new(&zeroize::Zeroizing::new(hex::encode(
        bytes.as_slice(),
    ))))
}

fn spec(launch: &Launch, token: &Secret) -> ChildSpec {
    let listen = format!("ws://{}", SocketAddr::new(launch.host, launch.port));
    let digest = hex::encode(Sha256::digest(token.reveal()));
    let fixed = [
        "app-server",
        "--listen",
        &listen,
        "--ws-auth",
        "capability-token",
        "--ws-token-sha256",
        &digest,
    ];
    let settings = launch.config.iter().flat_map(|setting| ["-c", setting.as_str()]);
    ChildSpec {
        name: "app-server".to_owned(),
        program: launch.binary.program.clone(),
        args: fixed.into_iter().chain(settings).map(OsString::from).collect(),
        env: launch.env.clone(),
        cwd: launch.cwd.clone(),
        marker: launch.marker.clone(),
        stdin_piped: false,
        stdout_piped: false,
        log_file: launch.log_file.clone(),
    }
}

async fn become_ready(
    child: &Child,
    launch: &Launch,
    token: Secret,
    any: bool,
) -> Result<Option<AppServer>, Failure> {
    let Some(addr) = listening_at(child, launch, any).await? else {
        return Ok(None);
    };
    let endpoint = Endpoint { addr, token };
    let socket = endpoint.dial().await?;
    let (observer, incoming) = Peer::start(socket);
    let answer = observer
        .request("initialize", initialize(launch), READY_DEADLINE)
        .await?;
    observer.notify("initialized", Value::Null).await?;
    let text = |member: &str| answer.get(member).and_then(Value::as_str);
    let user_agent = text("userAgent").unwrap_or_default().to_owned();
    let codex_home = text("codexHome").map(PathBuf::from);
    Ok(Some(AppServer {
        child: child.clone(),
        endpoint,
        observer,
        incoming,
        user_agent,
        codex_home,
    }))
}

fn initialize(launch: &Launch) -> Value {
    json!({
        "clientInfo": { "name": launch.client_name, "title": null, "version": launch.client_version },
        "capabilities": {
            "experimentalApi": launch.experimental,
            "optOutNotificationMethods": DELTA_NOTIFICATIONS,
        },
    })
}

/// Reads the child's lines until it says where it listens, which it does after everything that is wrong.
async fn listening_at(child: &Child, launch: &Launch, any: bool) -> Result<Option<SocketAddr>, Failure> {
    let mut lines = child.log().follow();
    loop {
        let line = tokio::select! {
            // Lines first: what it said before it ended counts.
            biased;
            line = lines.next() => line,
            _ = child.ended() => return Err(Failure::ended(child)),
        };
        let Some(line) = line else {
            // It closed its standard error; without that line only its end can follow.
            child.ended().await;
            return Err(Failure::ended(child));
        };
        if !any && was_disturbed(&line) {
            return Ok(None);
        }
        if let Some(addr) = banner_address(&line, launch.host, launch.port) {
            return Ok(Some(reachable(addr)));
        }
    }
}

/// The address in `listening on: ws://IP:PORT`, if it is the one that was asked for.
fn banner_address(line: &str, host: IpAddr, port: u16) -> Option<SocketAddr> {
    let addr: SocketAddr = line
        .trim()
        .strip_prefix("listening on: ws://")?
        .trim_end_matches('/')
        .parse()
        .ok()?;
    (addr.ip() == host && addr.port() != 0 && (port == 0 || addr.port() == port)).then_some(addr)
}

/// Who listens everywhere is dialled on the loopback.
fn reachable(addr: SocketAddr) -> SocketAddr {
    let ip = match addr.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, addr.port())
}

/// Ends the child when whoever launches it gives up in the middle.
struct Unfinished(Option<Child>);

impl Unfinished {
    fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(child) = &self.0 {
            child.kill_group();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_address_that_was_asked_for_is_taken() {
        let local = IpAddr::from(Ipv4Addr::LOCALHOST);
        let read = |line: &str, port| banner_address(line, local, port).map(|a| a.to_string());
        assert_eq!(
            read("  listening on: ws://127.0.0.1:34923", 0),
            Some("127.0.0.1:34923".into())
        );
        assert_eq!(
            read("  listening on: ws://127.0.0.1:34923", 34923),
            Some("127.0.0.1:34923".into())
        );
        for (line, port) in [
            ("  listening on: ws://127.0.0.1:34923", 1),
            ("  listening on: ws://192.0.2.7:34923", 0),
            ("  listening on: ws://127.0.0.1:0", 0),
            ("  readyz: http://127.0.0.1:34923/readyz", 0),
            ("listening on: ws://localhost:1", 0),
            ("", 0),
        ] {
            assert_eq!(read(line, port), None, "{line}");
        }
        assert_eq!(
            reachable("0.0.0.0:5".parse().unwrap()),
            "127.0.0.1:5".parse().unwrap()
        );
        assert_eq!(reachable("[::]:5".parse().unwrap()), "[::1]:5".parse().unwrap());
    }
}
