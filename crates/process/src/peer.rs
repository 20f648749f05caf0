//! Who is at the other end of a local socket: the user, or something an agent started.
//!
//! This keeps accidents and simple agents out. It does not stop a program that already runs as the user
//! and means harm: that one can have itself started by something that is no child of ours.

pub use crate::platform::{PeerIdentity, peer_identity};
use crate::proc::{self, MarkerSeen, Process};

/// How often a chain of parents that changes while it is read is read again.
const READS: usize = 3;

/// What a look at a peer found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeerVerdict {
    /// Neither a descendant of a child nor marked as one.
    Clean,
    /// Started, directly or not, by a child of the host.
    InSubtree,
    /// It, or a process above it, carries a child's marker.
    HasMarker,
    /// It could not be found out: the process is gone, hidden, or changes while it is looked at.
    /// To be refused like the two before.
    Unresolved,
}

/// The host and its children, as of now.
#[derive(Debug, Clone)]
pub struct Family {
    /// Pid of the host.
    pub host: u32,
    /// Pids of its children.
    pub children: Vec<u32>,
}

/// Classifies a peer.
///
/// The host is a subreaper: what a child detached has the host as its parent. So whatever stands below the
/// host is `InSubtree`, a known child or not. Processes above the peer whose environment cannot be read
/// (those of other users, for one) count as unmarked; the peer's own must be readable.
#[must_use]
pub fn classify(peer: &PeerIdentity, family: &Family) -> PeerVerdict {
    let Some(pid) = peer.pid else {
        return PeerVerdict::Unresolved;
    };
    let verdict = classify_pid(pid, family);
    // Asked last: as long as the very process that connected lives, nothing else had its id meanwhile.
    if peer.is_alive() {
        verdict
    } else {
        PeerVerdict::Unresolved
    }
}

/// As [`classify`] by process id alone, for a peer whose socket is not at hand.
#[must_use]
pub fn classify_pid(pid: u32, family: &Family) -> PeerVerdict {
    for _ in 0..READS {
        let Some(chain) = chain_of(pid) else {
            return PeerVerdict::Unresolved;
        };
        let verdict = judge(&chain, family);
        if chain_of(pid).as_ref() == Some(&chain) {
            return verdict;
        }
    }
    PeerVerdict::Unresolved
}

/// The process and everything above it; `None` when a link is missing.
fn chain_of(pid: u32) -> Option<Vec<(u32, u64)>> {
    let mut chain: Vec<(u32, u64)> = Vec::new();
    let mut at = pid;
    while at != 0 {
        let process: Process = proc::process(at)?;
        if process.ended || chain.contains(&process.identity()) {
            return None;
        }
        chain.push(process.identity());
        at = process.parent;
    }
    (!chain.is_empty()).then_some(chain)
}

fn judge(chain: &[(u32, u64)], family: &Family) -> PeerVerdict {
    let at_or_below_child = chain.iter().any(|(pid, _)| family.children.contains(pid));
    let below_host = chain.iter().skip(1).any(|(pid, _)| *pid == family.host);
    if at_or_below_child || below_host {
        return PeerVerdict::InSubtree;
    }
    for (place, (pid, _)) in chain.iter().enumerate() {
        match proc::marker(*pid) {
            MarkerSeen::Value(_) => return PeerVerdict::HasMarker,
            MarkerSeen::Unreadable if place == 0 => return PeerVerdict::Unresolved,
            MarkerSeen::Unreadable | MarkerSeen::Absent => {}
        }
    }
    PeerVerdict::Clean
}
