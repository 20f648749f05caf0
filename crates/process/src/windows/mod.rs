//! Windows: jobs.

mod hold;
mod job;
mod peer;
mod spawner;
mod stop;

pub(crate) use hold::Hold;
pub(crate) use job::adopted;
pub use job::become_subreaper;
pub use peer::{PeerIdentity, peer_identity};
pub use spawner::Spawner;
pub use stop::stop;

use std::io;
use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

/// Collects orphans; the system does that here.
#[derive(Debug)]
pub struct Reaper(());

impl Reaper {
    /// Starts nothing.
    ///
    /// # Errors
    /// None.
    pub fn start() -> io::Result<Self> {
        Ok(Self(()))
    }
}

/// There are no process groups.
pub(crate) fn group_of(_pid: u32) -> u32 {
    0
}

/// A program without a window cannot be asked to end.
pub(crate) fn end_politely(_pid: u32) {}

/// Ends a process.
pub(crate) fn end_by_force(pid: u32) {
    let pid = Pid::from_u32(pid);
    let Ok(mut system) = System::new() else { return };
    system.refresh_processes_specifics(
        ProcessesToUpdate::Some(&[pid]),
        false,
        ProcessRefreshKind::nothing(),
    );
    if let Some(process) = system.process(pid)
        && !process.kill()
    {
        tracing::warn!(%pid, "a process could not be ended");
    }
}

/// Nobody has to be collected.
pub(crate) fn reap_adopted(_pid: u32) {}
