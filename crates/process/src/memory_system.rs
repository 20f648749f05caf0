//! How much memory a process has, where there is no `/proc`.

use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

/// Bytes of a process's pages that are in memory, also of those it shares with others. None when the process
/// is gone or may not be looked at.
#[must_use]
pub fn memory(pid: u32) -> Option<u64> {
    let pid = Pid::from_u32(pid);
    let mut system = System::new().ok()?;
    let what = ProcessRefreshKind::nothing().with_memory();
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), false, what);
    system
        .process(pid)
        .map(sysinfo::Process::memory)
        .filter(|bytes| *bytes > 0)
}
