//! What to spawn, how to stop it, and what came of either.

use crate::{Ended, Marker};
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

/// A child to be. Its standard error always goes to the log ring.
#[derive(Debug, Clone)]
pub struct ChildSpec {
    /// What people call it, e.g. `app-server`.
    pub name: String,
    /// Absolute path of the program; the child's own `PATH` is not searched.
    pub program: PathBuf,
    /// Arguments. Every user of the computer can read them: no secrets.
    pub args: Vec<OsString>,
    /// The whole environment; nothing else is inherited but the marker.
    pub env: Vec<(OsString, OsString)>,
    /// Working directory.
    pub cwd: PathBuf,
    /// Whose child it is.
    pub marker: Marker,
    /// Whether its standard input is a pipe to us; otherwise it is empty.
    pub stdin_piped: bool,
    /// Whether its standard output is a pipe to us; otherwise it is discarded.
    pub stdout_piped: bool,
    /// Where its standard error is also appended.
    pub log_file: Option<PathBuf>,
}

/// Why there is no child.
#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    /// The program could not be started.
    #[error("{name} could not be started from {}: {source}; check that the file exists and may be executed", program.display())]
    Start {
        /// What people call it.
        name: String,
        /// What was to run.
        program: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The working directory is no directory.
    #[error("{name} cannot start in {}: it is no directory; choose another with --cwd", cwd.display())]
    Cwd {
        /// What people call it.
        name: String,
        /// Where it was to run.
        cwd: PathBuf,
    },
    /// The log file cannot be written.
    #[error("the log file {} of {name} cannot be opened: {source}; check the permissions of its folder", path.display())]
    LogFile {
        /// What people call it.
        name: String,
        /// Of the log.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The thread that spawns is not there.
    #[error("the thread that starts child processes is gone ({0}); restart drawbridge")]
    SpawnerGone(&'static str),
}

impl SpawnError {
    /// Stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            SpawnError::Start { .. } => "spawn_failed",
            SpawnError::Cwd { .. } => "cwd_invalid",
            SpawnError::LogFile { .. } => "log_file_unwritable",
            SpawnError::SpawnerGone(_) => "spawner_gone",
        }
    }
}

/// How long each step of a stop may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ladder {
    /// After the first polite signal.
    pub polite: Duration,
    /// After the second polite signal.
    pub polite2: Duration,
    /// For everything to be gone after force.
    pub force: Duration,
}

impl Default for Ladder {
    /// Long enough for an app-server to save its state, short enough for a person who waits.
    fn default() -> Self {
        Self {
            polite: Duration::from_secs(5),
            polite2: Duration::from_secs(2),
            force: Duration::from_secs(3),
        }
    }
}

/// Which step ended the child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopStep {
    /// It had ended before.
    AlreadyGone,
    /// The first polite signal.
    Polite,
    /// The second polite signal.
    SecondPolite,
    /// Force.
    Forced,
    /// It is still there: the kernel does not let it go.
    Stuck,
}

/// What a stop did.
#[derive(Debug)]
pub struct StopReport {
    /// Which step ended the child itself.
    pub step: StopStep,
    /// How it ended, unless it is stuck.
    pub status: Option<ExitStatus>,
    /// Descendants that had to be ended after it.
    pub ended: Vec<Ended>,
    /// Pids that are still there after the deadline.
    pub left: Vec<u32>,
}
