//! Starting a child in a job of its own.

use super::{Hold, job};
use crate::log_file::LogFile;
use crate::{Child, ChildSpec, MarkerRole, SpawnError, child, output};
use std::io;
use std::process::Stdio;
use tokio::process::Command;

/// `CREATE_NO_WINDOW`: a child has a console that nobody sees.
const NO_WINDOW: u32 = 0x0800_0000;
/// `BELOW_NORMAL_PRIORITY_CLASS`: an agent leaves the processor to what a person waits for.
const GIVES_WAY: u32 = 0x0000_4000;

/// Starts children.
#[derive(Debug, Clone)]
pub struct Spawner(());

impl Spawner {
    /// Starts nothing: no thread has to stay for a child's sake here.
    ///
    /// # Errors
    /// None.
    pub fn start() -> Result<Self, SpawnError> {
        Ok(Self(()))
    }

    /// Starts a child in a job of its own, within that of this process. It is collected when it ends, whether
    /// anybody looks or not.
    ///
    /// # Errors
    /// When the program, its directory or its log file cannot be used.
    #[allow(clippy::unused_async, reason = "one signature on all systems")]
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
        let failed = |source| SpawnError::Start {
            name: spec.name.clone(),
            program: spec.program.clone(),
            source,
        };
        let job = job::new().map_err(|error| failed(io::Error::other(error)))?;
        let mut process = command(&spec).spawn().map_err(failed)?;
        // What it started before this line is in the job of this process, and found below it. One that has ended
        // already has no handle, or one that no job takes any more.
        let handle = process
            .raw_handle()
            .map(|handle| handle.expose_provenance().cast_signed());
        if let Some(Err(error)) = handle.map(|handle| job.assign_process(handle))
            && matches!(process.try_wait(), Ok(None))
        {
            // Without a job it could not be ended with all that is its own.
            let _ = process.start_kill();
            return Err(failed(io::Error::other(error)));
        }
        child::adopt(process, spec, Hold::new(job), |stderr, log| {
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
        .creation_flags(match spec.marker.role {
            MarkerRole::Agent => NO_WINDOW | GIVES_WAY,
            MarkerRole::Connector => NO_WINDOW,
        })
        .kill_on_drop(true);
    command
}
