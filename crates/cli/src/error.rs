//! What went wrong, and the exit code it gives.

use crate::remote::RemoteError;
use crate::secrets::SecretsError;
use drawbridge_control::ControlError;
use drawbridge_control::spawn::SpawnError;
use std::path::PathBuf;
use std::process::ExitCode;

/// Exit codes of the command. They are part of its interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// It did not work, or the turn failed or was interrupted.
    Failed = 1,
    /// The arguments or variables are not usable.
    Usage = 2,
    /// No host runs on the data directory.
    NoHost = 3,
    /// A connection was refused or ended before the work was done.
    Closed = 4,
    /// The answer to an approval did not count.
    NotCounted = 5,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

/// Why the command failed. The text says what to do now.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// Arguments or variables.
    #[error("{0}")]
    Usage(String),
    /// Secrets could not be taken out of arguments and variables.
    #[error(transparent)]
    Secrets(#[from] SecretsError),
    /// The host.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// The way to a host through a bus.
    #[error(transparent)]
    Remote(#[from] RemoteError),
    /// The host did not come up.
    #[error("the host could not start ({code}): {message}")]
    HostStart {
        /// Stable code.
        code: String,
        /// What to do.
        message: String,
    },
    /// The host kept ending.
    #[error("the host ended {0} times in a row; its log is {log}", log = .1.display())]
    HostKeepsEnding(usize, PathBuf),
    /// No such approval.
    #[error("there is no approval `{0}`; `drawbridge approvals list` shows those that wait")]
    NoApproval(String),
    /// No such skill.
    #[error("there is no skill `{0}`; `drawbridge skills list` shows those that are known")]
    NoSkill(String),
    /// More than one of that name.
    #[error("several skills are called `{0}`; name one by its path:\n  {paths}", paths = .1.join("\n  "))]
    SeveralSkills(String, Vec<String>),
    /// The answer came to nothing.
    #[error("the answer did not count: {0}")]
    NotCounted(String),
    /// The bus.
    #[error("the bus could not run ({code}): {message}")]
    Bus {
        /// Stable code.
        code: &'static str,
        /// What to do.
        message: String,
    },
    /// The connector.
    #[error("the connector ended ({code}): {message}")]
    Connector {
        /// Stable code.
        code: &'static str,
        /// What to do.
        message: String,
    },
    /// The host, after it stood.
    #[error("the host ended ({code}): {message}")]
    Host {
        /// Stable code.
        code: &'static str,
        /// What to do.
        message: String,
    },
    /// A file.
    #[error("cannot use {path}: {source}", path = .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Nobody reads what is printed.
    #[error("cannot write the output: {0}")]
    Output(std::io::Error),
    /// No home.
    #[error("the system names no folder for the data of programs; choose one with --data-dir")]
    NoDataDir,
    /// No home either.
    #[error("the system names no folder for the settings of programs; choose a file with --config")]
    NoConfigDir,
    /// The configuration file was not changed.
    #[error(transparent)]
    Config(#[from] drawbridge_config::FileError),
    /// It is not known which enrollment is meant, or it cannot be used.
    #[error(transparent)]
    Which(#[from] crate::enrollments::which::WhichError),
    /// A key was not set.
    #[error(transparent)]
    ConfigSet(#[from] crate::config::set::SetError),
    /// The async runtime.
    #[error("cannot start: {0}; the system may be out of threads or file descriptors")]
    Runtime(std::io::Error),
}

impl CliError {
    /// Stable code.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            CliError::Usage(_) => "usage",
            CliError::Secrets(error) => error.code(),
            CliError::Control(error) => error.code(),
            CliError::Remote(error) => error.code(),
            CliError::HostStart { .. } => "host_start",
            CliError::HostKeepsEnding(..) => "host_keeps_ending",
            CliError::NoApproval(_) => "no_approval",
            CliError::NotCounted(_) => "not_counted",
            CliError::NoSkill(_) => "no_skill",
            CliError::SeveralSkills(..) => "several_skills",
            CliError::Bus { code, .. } | CliError::Connector { code, .. } | CliError::Host { code, .. } => {
                code
            }
            CliError::File { .. } => "file",
            CliError::Output(_) => "output",
            CliError::NoDataDir => "no_data_dir",
            CliError::NoConfigDir => "no_config_dir",
            CliError::Config(error) => error.code(),
            CliError::ConfigSet(error) => error.code(),
            CliError::Which(error) => error.code(),
            CliError::Runtime(_) => "runtime",
        }
    }

    /// The exit code.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            CliError::Usage(_)
            | CliError::Secrets(_)
            | CliError::NoDataDir
            | CliError::NoConfigDir
            | CliError::Config(_)
            | CliError::ConfigSet(_) => Exit::Usage,
            CliError::Control(error) => exit_of(error),
            CliError::Remote(error) => error.exit(),
            CliError::NotCounted(_) | CliError::NoApproval(_) => Exit::NotCounted,
            CliError::HostStart { .. }
            | CliError::NoSkill(_)
            | CliError::SeveralSkills(..)
            | CliError::Which(_)
            | CliError::HostKeepsEnding(..)
            | CliError::Bus { .. }
            | CliError::Connector { .. }
            | CliError::Host { .. }
            | CliError::File { .. }
            | CliError::Output(_)
            | CliError::Runtime(_) => Exit::Failed,
        }
    }
}

/// What an error of the control socket means to a script.
fn exit_of(error: &ControlError) -> Exit {
    match error {
        ControlError::NotRunning(_) => Exit::NoHost,
        ControlError::Lost(_) | ControlError::Refused(_) => Exit::Closed,
        ControlError::Rejected { code, .. } => match code.as_str() {
            "unknown_approval" | "changed" | "already_answered" | "not_offered" | "bad_reply" => {
                Exit::NotCounted
            }
            _ => Exit::Failed,
        },
        ControlError::Unreachable { .. } | ControlError::NotUnderstood(_) | ControlError::Silent => {
            Exit::Failed
        }
    }
}

impl From<SpawnError> for CliError {
    fn from(error: SpawnError) -> Self {
        match error {
            SpawnError::Start { code, message } => CliError::HostStart { code, message },
            SpawnError::File { path, source } => CliError::File { path, source },
        }
    }
}
