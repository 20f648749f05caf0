//! What can go wrong in a test double.

use std::path::PathBuf;
use std::time::Duration;

/// A test double could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused something.
    #[error("{what}: {source}; check the path and its rights, then run the test again")]
    Io {
        /// What was tried.
        what: String,
        /// Why it did not work.
        source: std::io::Error,
    },
    /// Something expected did not happen in time.
    #[error("waited {after:?} for {what}; look at what the other side received, or allow more time")]
    Timeout {
        /// What was expected.
        what: String,
        /// How long.
        after: Duration,
    },
    /// The other side has gone.
    #[error("{what} is closed; expect that, or keep the other side alive for longer")]
    Closed {
        /// What has gone.
        what: String,
    },
    /// The pinned codex is not installed.
    #[error("there is no codex program under {}; run `cargo xtask setup`", .looked.display())]
    NoCodex {
        /// Where it was expected.
        looked: PathBuf,
    },
    /// `fake-codex` could not be built.
    #[error("the program fake-codex is not at {} and building it failed ({why}); run `cargo build -p drawbridge-testkit`", .path.display())]
    NoFakeCodex {
        /// Where it was expected.
        path: PathBuf,
        /// What the build said.
        why: String,
    },
    /// The place for scratch folders cannot be used.
    #[error("{} cannot hold test folders: {why}; set DRAWBRIDGE_TEST_DIR to a short path outside the temporary folder", .path.display())]
    ScratchPlace {
        /// The place.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// No such connection (any more).
    #[error("connection {number} is not open; accept it first, and send before it ends")]
    NoConnection {
        /// Its number, counted from 0.
        number: usize,
    },
    /// A line of a prompt begins like a step and is none.
    #[error("`{line}` is no step: {why}; correct the prompt")]
    Script {
        /// The line.
        line: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// An argument of `fake-codex`.
    #[error(
        "fake-codex does not take {argument}; start it as `fake-codex app-server --listen ws://127.0.0.1:0`"
    )]
    Argument {
        /// The argument.
        argument: String,
    },
}

impl Error {
    /// A stable word for this kind of error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Error::Io { .. } => "io",
            Error::Timeout { .. } => "timeout",
            Error::Closed { .. } => "closed",
            Error::NoCodex { .. } => "codex_missing",
            Error::NoFakeCodex { .. } => "fake_codex_missing",
            Error::ScratchPlace { .. } => "scratch_place",
            Error::NoConnection { .. } => "no_connection",
            Error::Script { .. } => "script",
            Error::Argument { .. } => "argument",
        }
    }

    pub(crate) fn io(what: impl Into<String>, source: std::io::Error) -> Self {
        Error::Io {
            what: what.into(),
            source,
        }
    }

    pub(crate) fn timeout(what: impl Into<String>, after: Duration) -> Self {
        Error::Timeout {
            what: what.into(),
            after,
        }
    }
}
