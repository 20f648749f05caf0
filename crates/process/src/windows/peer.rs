//! The process at the other end of a named pipe.

use crate::proc;
use drawbridge_local::door::Stream;
use std::io;
use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

/// Who connected, as the system wrote it down at that moment.
pub struct PeerIdentity {
    /// Its process id; `None` when the system does not tell.
    pub pid: Option<u32>,
    // Keeps the process open, so that nothing else gets its number.
    held: System,
}

impl PeerIdentity {
    /// Whether the very process that connected still lives.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        let Some(pid) = self.pid else { return false };
        let held = self.held.process(Pid::from_u32(pid));
        held.is_some_and(|held| proc::is_alive(pid, held.start_time()))
    }

    /// Whether it is a process of this user.
    #[must_use]
    pub fn is_of_this_user(&self) -> bool {
        let ours = proc::user(std::process::id());
        ours.is_some() && self.pid.and_then(proc::user) == ours
    }
}

impl std::fmt::Debug for PeerIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PeerIdentity")
            .field("pid", &self.pid)
            .finish_non_exhaustive()
    }
}

/// Reads who connected.
///
/// # Errors
/// When the system does not tell.
pub fn peer_identity(stream: &Stream) -> io::Result<PeerIdentity> {
    let pid = stream.client_process_id()?;
    let mut held = System::new().map_err(io::Error::other)?;
    held.refresh_processes_specifics(
        ProcessesToUpdate::Some(&[Pid::from_u32(pid)]),
        false,
        ProcessRefreshKind::nothing(),
    );
    Ok(PeerIdentity {
        pid: Some(pid).filter(|pid| *pid > 0),
        held,
    })
}
