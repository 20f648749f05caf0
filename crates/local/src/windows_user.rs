//! Users of Windows by their security identifier, e.g. `S-1-5-21-...-1001`.

use std::sync::OnceLock;
use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System, UpdateKind};

/// This process's user. It does not change.
pub(crate) fn our_user() -> Option<&'static str> {
    static OURS: OnceLock<Option<String>> = OnceLock::new();
    OURS.get_or_init(|| user_of(std::process::id())).as_deref()
}

/// The user of a process, where the system tells.
pub(crate) fn user_of(pid: u32) -> Option<String> {
    let pid = Pid::from_u32(pid);
    let mut system = System::new().ok()?;
    let what = ProcessRefreshKind::nothing().with_user(UpdateKind::Always);
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), false, what);
    system.process(pid)?.user_id().map(|user| user.to_string())
}
