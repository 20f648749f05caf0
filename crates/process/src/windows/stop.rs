//! Ending a child and everything it started.

use crate::proc::{self, Process};
use crate::sweep::end_all;
use crate::{Child, Ended, Ladder, StopReport, StopStep};
use std::collections::BTreeSet;
use std::time::Duration;

/// What a process that was ended may take until nobody sees it any more.
const GOING: Duration = Duration::from_millis(500);

/// Ends a child and everything in its job. There is no polite way here: whoever wants one says it to the child
/// in its own protocol before. Bounded by the ladder's force, with half a second on top for descendants.
pub async fn stop(child: &Child, ladder: Ladder) -> StopReport {
    let already = *child.exited().borrow();
    let this = child.clone();
    let kin = tokio::task::spawn_blocking(move || kin(&this))
        .await
        .unwrap_or_default();
    child.kill_group();
    let status = match already {
        Some(status) => Some(status),
        None => tokio::time::timeout(ladder.force, child.ended())
            .await
            .ok()
            .flatten(),
    };
    let step = match (already, status) {
        (Some(_), _) => StopStep::AlreadyGone,
        (None, Some(_)) => StopStep::Forced,
        (None, None) => StopStep::Stuck,
    };
    let identities = kin.iter().map(Process::identity).collect();
    let left = end_all(|_| BTreeSet::new(), identities, GOING, ladder.force)
        .await
        .left;
    // The job has ended them all together with the child.
    let ended = kin
        .into_iter()
        .filter(|process| !left.contains(&process.pid))
        .map(|process| Ended {
            pid: process.pid,
            name: process.name,
            forced: true,
        })
        .collect();
    StopReport {
        step,
        status,
        ended,
        left,
    }
}

/// Everything that the child has started, but the child itself.
fn kin(child: &Child) -> Vec<Process> {
    let mut table = proc::table();
    let mut pids = proc::descendants(&table, &BTreeSet::from([child.pid()]));
    pids.extend(child.hold().members());
    pids.remove(&child.pid());
    pids.iter().filter_map(|pid| table.remove(pid)).collect()
}
