//! What a look at processes finds, on every system.

use std::collections::{BTreeMap, BTreeSet};

/// A process as the kernel sees it at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its id.
    pub pid: u32,
    /// Its parent's id; 0 at the top.
    pub parent: u32,
    /// Its process group.
    pub group: u32,
    /// When it started, in the system's own unit (clock ticks since boot on Linux). Together with the id this is its identity.
    pub start_time: u64,
    /// Short name of its program.
    pub name: String,
    /// It has ended and waits to be collected.
    pub ended: bool,
}

impl Process {
    /// Id and start time: what tells it from a later process with the same id.
    #[must_use]
    pub fn identity(&self) -> (u32, u64) {
        (self.pid, self.start_time)
    }
}

/// What a look for the marker variable found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MarkerSeen {
    /// The environment was read and holds none.
    Absent,
    /// Its value.
    Value(String),
    /// The environment cannot be read: not ours, protected, or gone.
    Unreadable,
}

/// Every process below one of the roots, the roots not included.
#[must_use]
pub fn descendants(table: &BTreeMap<u32, Process>, roots: &BTreeSet<u32>) -> BTreeSet<u32> {
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for p in table.values() {
        children.entry(p.parent).or_default().push(p.pid);
    }
    let mut found = BTreeSet::new();
    let mut open: Vec<u32> = roots.iter().copied().collect();
    while let Some(pid) = open.pop() {
        for child in children.get(&pid).into_iter().flatten() {
            if found.insert(*child) {
                open.push(*child);
            }
        }
    }
    found
}

/// The chain of parents of a process, nearest first, as far as it can be seen.
#[must_use]
pub fn ancestors(table: &BTreeMap<u32, Process>, pid: u32) -> Vec<u32> {
    let mut chain = Vec::new();
    let mut at = table.get(&pid).map_or(0, |p| p.parent);
    while at != 0 && !chain.contains(&at) {
        chain.push(at);
        at = table.get(&at).map_or(0, |p| p.parent);
    }
    chain
}
