//! What the system says about processes where there is no `/proc`. Every look may find its process gone; that
//! is an answer, no error.

use crate::platform::{adopted, group_of};
use crate::{MARKER_VARIABLE, environment};
use std::collections::{BTreeMap, BTreeSet};
use sysinfo::{Pid, ProcessRefreshKind, ProcessStatus, ProcessesToUpdate, System, UpdateKind};

pub use crate::seen::{MarkerSeen, Process, ancestors, descendants};

/// The process with this id, if it can be seen.
#[must_use]
pub fn process(pid: u32) -> Option<Process> {
    let adopted = adopted()?;
    let nothing = ProcessRefreshKind::nothing();
    let mut system = look(ProcessesToUpdate::Some(&[Pid::from_u32(pid)]), nothing)?;
    if let Some(parent) = system.process(Pid::from_u32(pid))?.parent() {
        system.refresh_processes_specifics(ProcessesToUpdate::Some(&[parent]), false, nothing);
    }
    Some(seen(system.process(Pid::from_u32(pid))?, &system, &adopted))
}

/// Start time of a process, if it is there: seconds since 1970.
#[must_use]
pub fn start_time(pid: u32) -> Option<u64> {
    process(pid).map(|p| p.start_time)
}

/// Whether exactly this process is alive: same id, same start, not ended.
#[must_use]
pub fn is_alive(pid: u32, start_time: u64) -> bool {
    process(pid).is_some_and(|p| p.start_time == start_time && !p.ended)
}

/// Every process that can be seen, by id.
#[must_use]
pub fn table() -> BTreeMap<u32, Process> {
    let everything = || look(ProcessesToUpdate::All, ProcessRefreshKind::nothing());
    let Some((adopted, system)) = adopted().zip(everything()) else {
        return BTreeMap::new();
    };
    system
        .processes()
        .values()
        // On some systems threads are listed, too.
        .filter(|process| process.thread_kind().is_none())
        .map(|process| seen(process, &system, &adopted))
        .map(|process| (process.pid, process))
        .collect()
}

/// The user of a process, as the system writes it.
#[must_use]
pub fn user(pid: u32) -> Option<String> {
    let what = ProcessRefreshKind::nothing().with_user(UpdateKind::Always);
    let system = look(ProcessesToUpdate::Some(&[Pid::from_u32(pid)]), what)?;
    let user = system.process(Pid::from_u32(pid))?.user_id()?;
    Some(user.to_string())
}

/// Looks for the marker variable in a process's environment.
#[must_use]
pub fn marker(pid: u32) -> MarkerSeen {
    let what = ProcessRefreshKind::nothing().with_environ(UpdateKind::Always);
    let system = look(ProcessesToUpdate::Some(&[Pid::from_u32(pid)]), what);
    let environment = system
        .as_ref()
        .and_then(|system| system.process(Pid::from_u32(pid)))
        .map(sysinfo::Process::environ)
        .unwrap_or_default();
    // A process that shows none at all hides it: none starts without.
    if environment.is_empty() {
        return MarkerSeen::Unreadable;
    }
    let value = environment.iter().find_map(|variable| {
        let variable = variable.to_string_lossy();
        let (name, value) = variable.split_once('=')?;
        (environment::as_compared(name) == MARKER_VARIABLE).then(|| value.to_owned())
    });
    value.map_or(MarkerSeen::Absent, MarkerSeen::Value)
}

fn look(which: ProcessesToUpdate<'_>, what: ProcessRefreshKind) -> Option<System> {
    let mut system = System::new().ok()?;
    system.refresh_processes_specifics(which, false, what.without_tasks());
    Some(system)
}

fn seen(process: &sysinfo::Process, system: &System, adopted: &BTreeSet<u32>) -> Process {
    let pid = process.pid().as_u32();
    Process {
        pid,
        parent: parent(process, system, adopted),
        group: group_of(pid),
        start_time: process.start_time(),
        name: process.name().to_string_lossy().into_owned(),
        ended: matches!(process.status(), ProcessStatus::Zombie | ProcessStatus::Dead),
    }
}

/// Who is above a process. A process keeps the number of a parent that has ended, and the number may by now be
/// somebody else's, who is then younger. What this process has adopted has nobody else above it at the top.
fn parent(process: &sysinfo::Process, system: &System, adopted: &BTreeSet<u32>) -> u32 {
    let me = std::process::id();
    let ours = |pid: u32| pid != me && adopted.contains(&pid);
    let own = process
        .parent()
        .and_then(|parent| system.process(parent))
        .filter(|parent| parent.start_time() <= process.start_time())
        .map(|parent| parent.pid().as_u32())
        .filter(|parent| *parent != process.pid().as_u32());
    match own {
        Some(own) if !ours(process.pid().as_u32()) || ours(own) => own,
        _ if ours(process.pid().as_u32()) => me,
        own => own.unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_seen_with_its_start_and_its_user() {
        let me = std::process::id();
        let process = process(me).unwrap();
        assert_eq!((process.pid, process.ended), (me, false));
        assert!(process.start_time > 0);
        assert!(is_alive(me, process.start_time) && !is_alive(me, process.start_time + 1));
        assert_eq!(table().get(&me).map(Process::identity), Some(process.identity()));
        assert!(user(me).is_some());
        assert_eq!(marker(me), MarkerSeen::Absent);
    }
}
