//! Why an app-server did not become ready.

use super::READY_DEADLINE;
use crate::{CallError, DialError};
use drawbridge_process::{Child, LogRing, NoRandomness, SpawnError};
use std::fmt::Write as _;
use std::net::SocketAddr;

/// Lines of the child's log that an error holds.
const LINES: usize = 40;
/// Lines of them that its message shows.
const SHOWN: usize = 5;

/// Why an app-server did not become ready. Those that happen after its process was started hold the
/// last lines of its log.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// Its process could not be started.
    #[error(transparent)]
    Spawn(#[from] SpawnError),
    /// No token could be made.
    #[error(transparent)]
    Random(#[from] NoRandomness),
    /// Somebody else listens there.
    #[error(
        "the app-server cannot listen at {addr}, the port is taken; choose another with --app-server-port, or 0 for a free one"
    )]
    PortTaken {
        /// Where.
        addr: SocketAddr,
        /// Its last lines.
        lines: Vec<String>,
    },
    /// It ended before it answered.
    #[error(
        "codex app-server ended at once ({status}); run `codex doctor`, and see its last lines:{}",
        shown(lines)
    )]
    Ended {
        /// How.
        status: String,
        /// Its last lines.
        lines: Vec<String>,
    },
    /// It does not answer.
    #[error("codex app-server was not ready within {} s and was ended; run `codex doctor`, and see its last lines:{}", READY_DEADLINE.as_secs(), shown(lines))]
    Deadline {
        /// Its last lines.
        lines: Vec<String>,
    },
    /// It listens but could not be connected to.
    #[error("{source}{}", shown(lines))]
    Dial {
        /// Why.
        source: DialError,
        /// Its last lines.
        lines: Vec<String>,
    },
    /// It refused the handshake.
    #[error(
        "codex app-server did not accept us: {source}; update codex with `npm install -g @openai/codex`{}",
        shown(lines)
    )]
    Handshake {
        /// Why.
        source: CallError,
        /// Its last lines.
        lines: Vec<String>,
    },
}

impl LaunchError {
    /// Stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            LaunchError::Spawn(error) => error.code(),
            LaunchError::Random(error) => error.code(),
            LaunchError::PortTaken { .. } => "app_server_port_taken",
            LaunchError::Ended { .. } => "app_server_ended",
            LaunchError::Deadline { .. } => "app_server_not_ready",
            LaunchError::Dial { source, .. } => source.code(),
            LaunchError::Handshake { .. } => "app_server_handshake",
        }
    }

    /// The last lines of the child's log, oldest first.
    #[must_use]
    pub fn lines(&self) -> &[String] {
        match self {
            LaunchError::Spawn(_) | LaunchError::Random(_) => &[],
            LaunchError::PortTaken { lines, .. }
            | LaunchError::Ended { lines, .. }
            | LaunchError::Deadline { lines }
            | LaunchError::Dial { lines, .. }
            | LaunchError::Handshake { lines, .. } => lines,
        }
    }
}

/// The last lines that say something to a person: a stack backtrace, which codex adds when the user's
/// environment asks for one, would push the reason out of sight.
fn shown(lines: &[String]) -> String {
    let backtrace = |line: &String| line.eq_ignore_ascii_case("stack backtrace:");
    let end = lines.iter().position(backtrace).unwrap_or(lines.len());
    let told: Vec<&String> = lines[..end]
        .iter()
        .filter(|line| !line.trim().is_empty())
        .collect();
    told.iter()
        .skip(told.len().saturating_sub(SHOWN))
        .fold(String::new(), |mut text, line| {
            // Writing into a string does not fail.
            let _ = write!(text, "\n  {line}");
            text
        })
}

/// The same before the child's lines are all there.
pub(super) enum Failure {
    Ended(String),
    Deadline,
    Dial(DialError),
    Handshake(CallError),
}

impl From<DialError> for Failure {
    fn from(error: DialError) -> Self {
        Failure::Dial(error)
    }
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        Failure::Handshake(error)
    }
}

impl Failure {
    pub(super) fn ended(child: &Child) -> Self {
        let status = *child.exited().borrow();
        Failure::Ended(status.map_or_else(|| "unknown status".to_owned(), |status| status.to_string()))
    }

    pub(super) fn with_lines(self, addr: SocketAddr, log: &LogRing) -> LaunchError {
        let lines = log.last(LINES);
        match self {
            Failure::Ended(_)
                if lines
                    .iter()
                    .any(|line| line.contains("Address in use") || line.contains("already in use")) =>
            {
                LaunchError::PortTaken { addr, lines }
            }
            Failure::Ended(status) => LaunchError::Ended { status, lines },
            Failure::Deadline => LaunchError::Deadline { lines },
            Failure::Dial(source) => LaunchError::Dial { source, lines },
            Failure::Handshake(source) => LaunchError::Handshake { source, lines },
        }
    }
}
