//! Unix: sessions, process groups, signals, the kernel's parent-death signal.

mod apart;
mod hold;
mod peer;
mod reaper;
mod registry;
mod spawner;
mod stop;

pub(crate) use hold::Hold;
pub use peer::{PeerIdentity, peer_identity};
pub use reaper::Reaper;
pub use spawner::Spawner;
pub use stop::stop;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;

/// Makes this process the one that orphans below it come back to (Linux; elsewhere they go to init and
/// nothing is done). From then on a [`Reaper`] should run.
///
/// # Errors
/// When the kernel refuses.
pub fn become_subreaper() -> std::io::Result<()> {
    #[cfg(target_os = "linux")]
    nix::sys::prctl::set_child_subreaper(true)?;
    Ok(())
}

/// What came back to this process without being its child by birth: nothing that the table does not say.
#[cfg(not(target_os = "linux"))]
#[allow(clippy::unnecessary_wraps, reason = "one signature on all systems")]
pub(crate) fn adopted() -> Option<std::collections::BTreeSet<u32>> {
    Some(std::collections::BTreeSet::new())
}

/// The process group of a process; 0 when that cannot be told.
#[cfg(not(target_os = "linux"))]
pub(crate) fn group_of(pid: u32) -> u32 {
    let group = as_pid(pid).and_then(|pid| nix::unistd::getpgid(Some(pid)).ok());
    group
        .and_then(|group| u32::try_from(group.as_raw()).ok())
        .unwrap_or_default()
}

/// A pid as the system calls take it; `None` for those that would mean a group or everybody.
fn as_pid(pid: u32) -> Option<Pid> {
    i32::try_from(pid).ok().filter(|pid| *pid > 1).map(Pid::from_raw)
}

fn signal(pid: u32, signal: Signal) {
    let Some(target) = as_pid(pid) else { return };
    match kill(target, signal) {
        Ok(()) | Err(Errno::ESRCH) => {}
        Err(error) => tracing::warn!(pid, %signal, %error, "signal not sent"),
    }
}

/// Asks a process to end.
pub(crate) fn end_politely(pid: u32) {
    signal(pid, Signal::SIGTERM);
}

/// Ends a process.
pub(crate) fn end_by_force(pid: u32) {
    signal(pid, Signal::SIGKILL);
}

/// Collects an ended process that we did not spawn but adopted. By its pid: waiting for any child would
/// take the exit status away from whoever spawned it.
pub(crate) fn reap_adopted(pid: u32) {
    if registry::contains(pid) {
        return;
    }
    if let Some(target) = as_pid(pid) {
        // An error means that somebody else collected it, which is as good.
        let _ = waitpid(target, Some(WaitPidFlag::WNOHANG));
    }
}
