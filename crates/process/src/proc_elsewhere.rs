//! Systems without `/proc`: nothing is known about other processes, so sweeps find nothing and no peer is
//! ever found clean. Same signatures as on Linux.

use std::collections::{BTreeMap, BTreeSet};

pub use crate::seen::{MarkerSeen, Process};

/// The process with this id, if it can be seen: never.
#[must_use]
pub fn process(_pid: u32) -> Option<Process> {
    None
}

/// Start time of a process, if it can be seen: never.
#[must_use]
pub fn start_time(_pid: u32) -> Option<u64> {
    None
}

/// Whether exactly this process is known to be alive: never.
#[must_use]
pub fn is_alive(_pid: u32, _start_time: u64) -> bool {
    false
}

/// Every process that can be seen: none.
#[must_use]
pub fn table() -> BTreeMap<u32, Process> {
    BTreeMap::new()
}

/// The real user of a process: unknown.
#[must_use]
pub fn user(_pid: u32) -> Option<u32> {
    None
}

/// Looks for the marker variable in a process's environment.
#[must_use]
pub fn marker(_pid: u32) -> MarkerSeen {
    MarkerSeen::Unreadable
}

/// Every process below one of the roots: none is seen.
#[must_use]
pub fn descendants(_table: &BTreeMap<u32, Process>, _roots: &BTreeSet<u32>) -> BTreeSet<u32> {
    BTreeSet::new()
}

/// The chain of parents of a process: unknown.
#[must_use]
pub fn ancestors(_table: &BTreeMap<u32, Process>, _pid: u32) -> Vec<u32> {
    Vec::new()
}
