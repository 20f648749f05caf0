//! What a look at a process finds, on every system.

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
