//! Why a host cannot start or go on.

use std::path::PathBuf;

/// A host that could not start. The text says what to do now.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The data directory is in use.
    #[error("a host already runs on {0}; `drawbridge status` shows it, `drawbridge stop` ends it")]
    AlreadyRunning(PathBuf),
    /// A file or directory of ours could not be made or read.
    #[error("cannot use {path}: {source}; check that the folder exists and belongs to you")]
    Files {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The socket path is longer than the system takes.
    #[error(
        "the path {0} is longer than 103 bytes, more than a socket may have; choose a shorter --data-dir"
    )]
    SocketPath(PathBuf),
    /// The data directory lies where a sandboxed agent may write.
    #[error("{0} lies in a temporary folder, where a sandboxed agent may write; choose another --data-dir")]
    DataDirWritable(PathBuf),
    /// A root that would give a remote too much.
    #[error("{path} cannot be a root for remote clients: {why}; choose a project folder with --root")]
    Root {
        /// As given.
        path: PathBuf,
        /// What is wrong.
        why: &'static str,
    },
    /// The working directory does not exist.
    #[error("the working directory {0} does not exist; choose another with --cwd")]
    Cwd(PathBuf),
    /// The bus address is not usable.
    #[error("{0}")]
    Bus(String),
    /// Codex is not there.
    #[error(transparent)]
    Codex(#[from] drawbridge_codex::LocateError),
    /// `CODEX_HOME` is wrong.
    #[error(transparent)]
    Home(#[from] drawbridge_codex::HomeError),
    /// What the configuration file names is not there, and neither is the default.
    #[error("{error}\n{problem}")]
    WithMissing {
        /// What is wrong with the default.
        error: Box<HostError>,
        /// What is wrong with the file, with its place.
        problem: String,
    },
    /// The identity file is damaged.
    #[error("the host key {0} is damaged; move it away and enroll again under a new host id")]
    Identity(PathBuf),
    /// The system refused randomness.
    #[error("the system gives no random numbers: {0}")]
    Random(String),
    /// The record of decisions cannot be opened.
    #[error("the record of decisions cannot be opened: {0}")]
    Record(String),
    /// Child processes cannot be started.
    #[error("{0}")]
    Spawner(String),
    /// The app-server's address must be loopback.
    #[error("{0} is not a loopback address; the app-server is never reachable from outside")]
    NotLoopback(std::net::IpAddr),
}

impl HostError {
    /// Stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            HostError::AlreadyRunning(_) => "already_running",
            HostError::Files { .. } => "files",
            HostError::SocketPath(_) => "socket_path",
            HostError::DataDirWritable(_) => "data_dir_writable",
            HostError::Root { .. } => "bad_root",
            HostError::Cwd(_) => "bad_cwd",
            HostError::Bus(_) => "bad_bus",
            HostError::Codex(_) => "codex_not_found",
            HostError::Home(_) => "codex_home",
            HostError::WithMissing { error, .. } => error.code(),
            HostError::Identity(_) => "identity_damaged",
            HostError::Random(_) => "no_random",
            HostError::Record(_) => "record",
            HostError::Spawner(_) => "spawner",
            HostError::NotLoopback(_) => "not_loopback",
        }
    }

    /// The same, with what the configuration file names and this computer does not have.
    pub(crate) fn with_missing(self, problems: &[drawbridge_config::Problem]) -> Self {
        let missing: Vec<String> = problems
            .iter()
            .filter(|problem| problem.code == "missing_path")
            .map(ToString::to_string)
            .collect();
        if missing.is_empty() {
            return self;
        }
        HostError::WithMissing {
            error: Box::new(self),
            problem: missing.join("\n"),
        }
    }

    pub(crate) fn files(path: &std::path::Path) -> impl FnOnce(std::io::Error) -> HostError {
        let path = path.to_owned();
        move |source| HostError::Files { path, source }
    }
}
