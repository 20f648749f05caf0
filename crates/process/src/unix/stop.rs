//! Ending a child and everything it started.

use super::registry;
use crate::proc::{self, MarkerSeen, Process};
use crate::sweep::end_all;
use crate::{Child, Ladder, Marker, MarkerRole, StopReport, StopStep};
use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitStatus;
use std::time::Duration;
use tokio::time::Instant;

/// How often descendants are written down while the child is given time: what detaches later is then known.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// What descendants get between the polite signal and force when the child itself went politely.
const DESCENDANTS_GRACE: Duration = Duration::from_millis(500);

/// Ends a child: polite signal, a second one, then force for its group; after each way, everything it
/// started that is still there. Bounded by the ladder, with half a second on top for descendants.
///
/// What detached and came back to this process (see [`crate::become_subreaper`]) is ended with it when it
/// carries the child's marker, and, for an agent, also when it has cleared its environment, unless another
/// child is running that it could as well belong to: then [`crate::sweep`] is the last resort.
pub async fn stop(child: &Child, ladder: Ladder) -> StopReport {
    let mut kin = BTreeSet::new();
    let already = *child.exited().borrow();
    let mut step = StopStep::AlreadyGone;
    let mut status = already;
    if status.is_none() {
        for (next, wait) in [
            (StopStep::Polite, ladder.polite),
            (StopStep::SecondPolite, ladder.polite2),
        ] {
            step = next;
            watch_kin(child, &mut kin).await;
            child.signal_term();
            status = ended_within(child, wait, &mut kin).await;
            if status.is_some() {
                break;
            }
        }
    }
    if status.is_none() {
        child.kill_group();
        status = ended_within(child, ladder.force, &mut kin).await;
        step = if status.is_some() {
            StopStep::Forced
        } else {
            StopStep::Stuck
        };
    }
    let polite = matches!(step, StopStep::Polite | StopStep::SecondPolite);
    let grace = if polite {
        DESCENDANTS_GRACE.min(ladder.polite)
    } else {
        Duration::ZERO
    };
    let this = child.clone();
    let rest = end_all(move |table| relatives(&this, table), kin, grace, ladder.force).await;
    StopReport {
        step,
        status,
        ended: rest.ended,
        left: rest.left,
    }
}

async fn ended_within(child: &Child, wait: Duration, kin: &mut BTreeSet<(u32, u64)>) -> Option<ExitStatus> {
    let deadline = Instant::now() + wait;
    loop {
        let look = deadline.min(Instant::now() + LOOK_EVERY);
        match tokio::time::timeout_at(look, child.ended()).await {
            Ok(status) => return status,
            Err(_) if Instant::now() >= deadline => return None,
            Err(_) => watch_kin(child, kin).await,
        }
    }
}

/// Writes down who is below the child now.
async fn watch_kin(child: &Child, kin: &mut BTreeSet<(u32, u64)>) {
    let pid = child.pid();
    let look = move || {
        let table = proc::table();
        let below = proc::descendants(&table, &BTreeSet::from([pid]));
        below
            .iter()
            .filter_map(|pid| table.get(pid))
            .map(Process::identity)
            .collect::<Vec<_>>()
    };
    if let Ok(found) = tokio::task::spawn_blocking(look).await {
        kin.extend(found);
    }
}

/// Everything in the table that belongs to the child, except the child itself as long as it is collected
/// by its own task, and except other children with all that is theirs.
fn relatives(child: &Child, table: &BTreeMap<u32, Process>) -> BTreeSet<u32> {
    let me = std::process::id();
    let my_group = table.get(&me).map_or(0, |p| p.group);
    let others: BTreeMap<u32, Marker> = registry::lock()
        .iter()
        .filter(|(pid, _)| **pid != child.pid())
        .map(|(p, m)| (*p, m.clone()))
        .collect();
    let other_pids: BTreeSet<u32> = others.keys().copied().collect();
    let theirs = proc::descendants(table, &other_pids);
    let marker_is_ours_alone = others.values().all(|m| m != child.marker());
    let orphans_are_ours =
        child.marker().role == MarkerRole::Agent && others.values().all(|m| m.role != MarkerRole::Agent);
    let value = child.marker().value();
    let mine = |p: &&Process| {
        let young = p.start_time >= child.start_time();
        let in_group = p.group == child.pid() && young;
        // What this process started by other means shares its group; what a child detached never does.
        let orphan = p.parent == me && p.group != my_group && young;
        in_group
            || (orphans_are_ours && orphan)
            || (marker_is_ours_alone && proc::marker(p.pid) == MarkerSeen::Value(value.clone()))
    };
    let candidates = table
        .values()
        .filter(|p| !theirs.contains(&p.pid) && !other_pids.contains(&p.pid));
    candidates.filter(mine).map(|p| p.pid).collect()
}
