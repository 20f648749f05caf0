//! The thread that spawns.

use super::{Hold, apart, registry};
use crate::log_file::LogFile;
use crate::{Child, ChildSpec, Marker, SpawnError, child, output};
use std::io;
use std::process::Stdio;
use std::sync::mpsc;
use tokio::process::Command;
use tokio::sync::oneshot;

/// Starts children, all from one thread that lives as long as this value, a clone of it, or a child does.
///
/// The kernel's parent-death signal follows the *thread* that spawned; the worker threads of an async
/// runtime come and go, and a child of theirs could be killed in the middle of its life.
#[derive(Debug, Clone)]
pub struct Spawner {
    requests: mpsc::Sender<Request>,
}

struct Request {
    command: Command,
    marker: Marker,
    runtime: tokio::runtime::Handle,
    answer: oneshot::Sender<io::Result<tokio::process::Child>>,
}

impl Spawner {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start() -> Result<Self, SpawnError> {
        let (requests, incoming) = mpsc::channel::<Request>();
        let serve = move || {
            for request in incoming {
                let outcome = spawn_here(request.command, request.marker, &request.runtime);
                // Who asked may have given up; dropping the child then kills it (`kill_on_drop`).
                drop(request.answer.send(outcome));
            }
        };
        let thread = std::thread::Builder::new().name("spawner".into()).spawn(serve);
        thread.map_err(|_| SpawnError::SpawnerGone("the system has no thread for it"))?;
        Ok(Self { requests })
    }

    /// Starts a child in a session of its own. It is collected when it ends, whether anybody looks or not.
    ///
    /// # Errors
    /// When the program, its directory or its log file cannot be used.
    pub async fn spawn(&self, spec: ChildSpec) -> Result<Child, SpawnError> {
        if !spec.cwd.is_dir() {
            return Err(SpawnError::Cwd {
                name: spec.name,
                cwd: spec.cwd,
            });
        }
        let log_file = match &spec.log_file {
            Some(path) => Some(LogFile::open(path).map_err(|source| SpawnError::LogFile {
                name: spec.name.clone(),
                path: path.clone(),
                source,
            })?),
            None => None,
        };
        let (answer, answered) = oneshot::channel();
        let runtime = tokio::runtime::Handle::current();
        let request = Request {
            command: command(&spec),
            marker: spec.marker.clone(),
            runtime,
            answer,
        };
        self.requests
            .send(request)
            .map_err(|_| SpawnError::SpawnerGone("it has ended"))?;
        let spawned = answered
            .await
            .map_err(|_| SpawnError::SpawnerGone("it gave no answer"))?;
        let process = spawned.map_err(|source| SpawnError::Start {
            name: spec.name.clone(),
            program: spec.program.clone(),
            source,
        })?;
        #[cfg(target_os = "linux")]
        if let Some(pid) = process.id() {
            apart::session_gives_way(pid, spec.marker.role);
        }
        child::adopt(process, spec, Hold::new(self.clone()), |stderr, log| {
            output::pump(stderr, log, log_file)
        })
    }
}

fn command(spec: &ChildSpec) -> Command {
    let pipe_or_null = |piped: bool| if piped { Stdio::piped() } else { Stdio::null() };
    let mut command = Command::new(&spec.program);
    command
        .args(&spec.args)
        .env_clear()
        .envs(spec.env.iter().map(|(name, value)| (name, value)))
        .envs([spec.marker.variable()])
        .current_dir(&spec.cwd)
        .stdin(pipe_or_null(spec.stdin_piped))
        .stdout(pipe_or_null(spec.stdout_piped))
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    apart::apart(&mut command, spec.marker.role);
    command
}

fn spawn_here(
    mut command: Command,
    marker: Marker,
    runtime: &tokio::runtime::Handle,
) -> io::Result<tokio::process::Child> {
    let _entered = runtime.enter();
    let mut children = registry::lock();
    let child = command.spawn()?;
    if let Some(pid) = child.id() {
        children.insert(pid, marker);
    }
    Ok(child)
}
