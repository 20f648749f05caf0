//! What keeps a child and what ends it: the thread that spawned it, signals, its process group.

use super::{as_pid, end_by_force, end_politely, registry};
use crate::{Spawner, proc};
use nix::sys::signal::{Signal, killpg};

/// Held as long as a child is.
#[derive(Debug, Clone)]
pub(crate) struct Hold {
    // The thread must not end before the child does, or the kernel kills the child.
    _spawner: Spawner,
}

impl Hold {
    pub(super) fn new(spawner: Spawner) -> Self {
        Self { _spawner: spawner }
    }

    /// The child has ended and was collected.
    #[allow(clippy::unused_self, reason = "one signature on all systems")]
    pub(crate) fn collected(&self, pid: u32) {
        registry::remove(pid);
    }

    /// Asks the child itself to end.
    #[allow(clippy::unused_self, reason = "one signature on all systems")]
    pub(crate) fn ask(&self, pid: u32) {
        if registry::contains(pid) {
            end_politely(pid);
        }
    }

    /// Ends everything in the child's process group at once.
    #[allow(clippy::unused_self, reason = "one signature on all systems")]
    pub(crate) fn force(&self, pid: u32, start_time: u64) {
        if registry::contains(pid) {
            if let Some(group) = as_pid(pid) {
                // No such group any more is what we want.
                let _ = killpg(group, Signal::SIGKILL);
            }
            return;
        }
        // The child is collected: its number may by now name another group, so only members that are
        // no older than it are ended, one by one.
        let members = proc::table().into_values().filter(|p| p.group == pid);
        for member in members.filter(|p| p.start_time >= start_time && !p.ended) {
            end_by_force(member.pid);
        }
    }
}
