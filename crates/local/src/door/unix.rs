//! Unix: sockets, closed to others.

use std::fs::Permissions;
use std::io::{self, ErrorKind};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use tokio::net::{UnixListener, UnixStream};

/// Longest path of a socket that every Unix takes (macOS has 104 bytes with the terminator).
pub const LONGEST_PATH: usize = 103;

/// One connection.
pub type Stream = UnixStream;

/// Waits for connections.
#[derive(Debug)]
pub struct Listener(UnixListener);

impl Listener {
    /// Makes the door. A file that is in the way is a leftover: who made it held the lock that the caller
    /// holds now.
    ///
    /// # Errors
    /// When the system does not let us.
    pub fn bind(path: &Path) -> io::Result<Self> {
        match std::fs::remove_file(path) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let listener = UnixListener::bind(path)?;
        // The directory is 0700 already; this is for those who look at the file.
        std::fs::set_permissions(path, Permissions::from_mode(0o600))?;
        Ok(Self(listener))
    }

    /// Waits for the next connection, as long as it takes.
    ///
    /// # Errors
    /// When the system has no room for it; the next may succeed.
    pub async fn accept(&self) -> io::Result<Stream> {
        self.0.accept().await.map(|(stream, _)| stream)
    }
}

/// Goes through a door.
///
/// # Errors
/// `NotFound` or `ConnectionRefused` when nobody listens.
pub async fn connect(path: &Path) -> io::Result<Stream> {
    UnixStream::connect(path).await
}

/// Whose door this is when it is not this user's.
///
/// # Errors
/// When the system does not tell.
pub fn foreign_owner(stream: &Stream) -> io::Result<Option<String>> {
    let owner = stream.peer_cred()?.uid();
    Ok((owner != nix::unistd::geteuid().as_raw()).then(|| owner.to_string()))
}

/// Writes as much as there is room for, without waiting.
///
/// # Errors
/// When there is no room, or nobody at the other end.
pub fn try_write(stream: &mut Stream, bytes: &[u8]) -> io::Result<usize> {
    stream.try_write(bytes)
}

/// Whether the system takes no door of this path.
#[must_use]
pub fn is_too_long(path: &Path) -> bool {
    path.as_os_str().len() > LONGEST_PATH
}
