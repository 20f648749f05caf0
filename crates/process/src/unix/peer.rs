//! Credentials of the process at the other end of a Unix socket.

use std::io;
use std::os::fd::OwnedFd;
use tokio::net::UnixStream;

/// Who connected, as the kernel wrote it down at that moment.
#[derive(Debug)]
pub struct PeerIdentity {
    /// Its process id; `None` when the kernel does not tell or the process is in a world of its own.
    pub pid: Option<u32>,
    /// Its user.
    pub uid: u32,
    handle: Option<OwnedFd>,
}

impl PeerIdentity {
    /// Whether it is a process of this user.
    #[must_use]
    pub fn is_of_this_user(&self) -> bool {
        self.uid == nix::unistd::geteuid().as_raw()
    }

    /// Whether the very process that connected still lives. Where the kernel has no handle for it
    /// (before Linux 6.5), `true`: then only its id and start time speak for it.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
        use std::os::fd::AsFd as _;
        let Some(handle) = &self.handle else { return true };
        // A process handle becomes readable when its process ends.
        let mut asked = [PollFd::new(handle.as_fd(), PollFlags::POLLIN)];
        matches!(poll(&mut asked, PollTimeout::ZERO), Ok(0))
    }
}

/// Reads who connected.
///
/// # Errors
/// When the kernel does not tell.
pub fn peer_identity(stream: &UnixStream) -> io::Result<PeerIdentity> {
    let credentials = stream.peer_cred()?;
    let pid = credentials
        .pid()
        .and_then(|pid| u32::try_from(pid).ok())
        .filter(|pid| *pid > 0);
    Ok(PeerIdentity {
        pid,
        uid: credentials.uid(),
        handle: process_handle(stream),
    })
}

#[cfg(target_os = "linux")]
#[allow(unsafe_code, reason = "no safe wrapper exists for this socket option yet")]
fn process_handle(stream: &UnixStream) -> Option<OwnedFd> {
    use nix::libc;
    use std::os::fd::{AsRawFd as _, FromRawFd as _};
    let mut fd: libc::c_int = -1;
    let mut size = libc::socklen_t::try_from(size_of::<libc::c_int>()).ok()?;
    // SAFETY: the kernel writes at most `size` bytes into `fd`, which is that large and lives through the call.
    let answer = unsafe {
        libc::getsockopt(
            stream.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERPIDFD,
            std::ptr::from_mut(&mut fd).cast(),
            &raw mut size,
        )
    };
    // SAFETY: the kernel has just made this descriptor for us and nobody else knows its number.
    (answer == 0 && fd >= 0).then(|| unsafe { OwnedFd::from_raw_fd(fd) })
}

#[cfg(not(target_os = "linux"))]
fn process_handle(_stream: &UnixStream) -> Option<OwnedFd> {
    None
}
