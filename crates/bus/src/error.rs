//! Why a bus does not start.

use std::net::SocketAddr;
use std::path::PathBuf;

/// A bus could not be started. The message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    /// The address is taken or not ours.
    #[error(
        "cannot listen on {address}: {source}. Choose another address with --listen, or end what uses it"
    )]
    Listen {
        /// Asked for.
        address: SocketAddr,
        /// As the system says.
        source: std::io::Error,
    },
    /// The public origin is no origin.
    #[error("`{0}` is no public origin. Give it as https://HOST[:PORT], without a path")]
    PublicOrigin(String),
    /// An entry of the list of client tokens cannot be read. The entry is not shown: it holds a token.
    #[error(
        "entry {position} of the client tokens is not TOKEN or HOST=TOKEN (HOST: 1 to 64 of a-z 0-9 . _ -, \
         first a letter or digit). Entries are separated by commas"
    )]
    ClientToken {
        /// Counted from 1.
        position: usize,
    },
    /// A token without characters.
    #[error("the token for {0} is empty. Set it to a long random string, or leave it out to close that door")]
    EmptyToken(String),
    /// One token for two purposes.
    #[error("{0} and {1} have the same token. Give each its own, a token says what its bearer may do")]
    TokenReused(String, String),
    /// The file of pinned keys cannot be read.
    #[error(
        "cannot read the pinned host keys in {path}: {reason}. Restore the file; removing it lets any holder \
         of the connect token take any host id once"
    )]
    StateUnreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The file of pinned keys cannot be written.
    #[error("cannot write the pinned host keys to {path}: {source}. Make its folder writable for this user")]
    StateUnwritable {
        /// The file.
        path: PathBuf,
        /// As the system says.
        source: std::io::Error,
    },
    /// Another bus uses the file.
    #[error("another bus uses {path}. End it, or give this one its own state file")]
    StateInUse {
        /// The file.
        path: PathBuf,
    },
}

impl BusError {
    /// Stable word for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Listen { .. } => "listen_failed",
            Self::PublicOrigin(_) => "bad_public_origin",
            Self::ClientToken { .. } => "bad_client_token",
            Self::EmptyToken(_) => "empty_token",
            Self::TokenReused(..) => "token_reused",
            Self::StateUnreadable { .. } => "state_unreadable",
            Self::StateUnwritable { .. } => "state_unwritable",
            Self::StateInUse { .. } => "state_in_use",
        }
    }
}
