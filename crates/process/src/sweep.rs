//! Finding and ending processes that nobody wants any more.

use crate::platform::{end_by_force, end_politely, reap_adopted};
use crate::proc::{self, MarkerSeen, Process};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// How often a process that was told to end is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A process that was ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Its id.
    pub pid: u32,
    /// Short name of its program.
    pub name: String,
    /// It did not go when asked.
    pub forced: bool,
}

/// What a sweep did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SweepReport {
    /// Gone now.
    pub ended: Vec<Ended>,
    /// Still there at the deadline.
    pub left: Vec<u32>,
}

/// Ends every process of this user that carries a marker with this nonce, and everything below it.
/// Asks first, uses force after `grace`, gives up `force` later. Never ends the caller or what is above it.
pub async fn sweep(nonce: &str, grace: Duration, force: Duration) -> SweepReport {
    let nonce = nonce.to_owned();
    sweep_where(move |seen| seen == nonce, grace, force).await
}

/// As [`sweep`], for every nonce that `matches`.
pub async fn sweep_where(
    matches: impl Fn(&str) -> bool + Send + 'static,
    grace: Duration,
    force: Duration,
) -> SweepReport {
    let find = move |table: &BTreeMap<u32, Process>| {
        let marked = |pid: &u32| marker_nonce(*pid).is_some_and(|nonce| matches(&nonce));
        table.keys().copied().filter(marked).collect()
    };
    end_all(find, BTreeSet::new(), grace, force).await
}

/// The nonce in a process's marker, if the process is of this user and has one.
pub(crate) fn marker_nonce(pid: u32) -> Option<String> {
    let MarkerSeen::Value(value) = proc::marker(pid) else {
        return None;
    };
    let (nonce, _role) = value.split_once(':')?;
    let same_user = proc::user(pid) == proc::user(std::process::id());
    (same_user && !nonce.is_empty()).then(|| nonce.to_owned())
}

/// Ends what `find` finds, the identities in `tracked`, and everything below either, looking again after
/// each step because a process that is being ended may still start others.
pub(crate) async fn end_all(
    find: impl Fn(&BTreeMap<u32, Process>) -> BTreeSet<u32> + Send + 'static,
    tracked: BTreeSet<(u32, u64)>,
    grace: Duration,
    force: Duration,
) -> SweepReport {
    let work = move || {
        End {
            find,
            tracked,
            seen: BTreeMap::new(),
        }
        .run(grace, force)
    };
    // Reading /proc blocks; a panic in there would be a bug that costs the report, not the host.
    tokio::task::spawn_blocking(work).await.unwrap_or_default()
}

struct End<F> {
    find: F,
    tracked: BTreeSet<(u32, u64)>,
    seen: BTreeMap<(u32, u64), Ended>,
}

impl<F: Fn(&BTreeMap<u32, Process>) -> BTreeSet<u32>> End<F> {
    fn run(mut self, grace: Duration, force: Duration) -> SweepReport {
        let force_at = Instant::now() + grace;
        let give_up_at = force_at + force;
        loop {
            let alive = self.alive();
            if alive.is_empty() {
                return self.report(&alive);
            }
            let now = Instant::now();
            if now >= give_up_at {
                return self.report(&alive);
            }
            for process in &alive {
                let forced = now >= force_at;
                let known = self.seen.contains_key(&process.identity());
                if forced {
                    end_by_force(process.pid);
                } else if !known {
                    end_politely(process.pid);
                }
                let ended = Ended {
                    pid: process.pid,
                    name: process.name.clone(),
                    forced,
                };
                self.seen.insert(process.identity(), ended);
                self.tracked.insert(process.identity());
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    fn alive(&self) -> Vec<Process> {
        let table = proc::table();
        let me = std::process::id();
        let mut wanted = (self.find)(&table);
        let same = |(pid, start): &&(u32, u64)| table.get(pid).is_some_and(|p| p.start_time == *start);
        wanted.extend(self.tracked.iter().filter(same).map(|(pid, _)| *pid));
        wanted.remove(&me);
        let below = proc::descendants(&table, &wanted);
        wanted.extend(below);
        wanted.remove(&me);
        for above in proc::ancestors(&table, me) {
            wanted.remove(&above);
        }
        let mut alive = Vec::new();
        for process in wanted.iter().filter_map(|pid| table.get(pid)) {
            if !process.ended {
                alive.push(process.clone());
            } else if process.parent == me && self.seen.contains_key(&process.identity()) {
                // Ours to collect: it came back to us when its parent ended.
                reap_adopted(process.pid);
            }
        }
        alive
    }

    fn report(self, alive: &[Process]) -> SweepReport {
        let left: Vec<u32> = alive.iter().map(|p| p.pid).collect();
        let ended = self
            .seen
            .into_values()
            .filter(|e| !left.contains(&e.pid))
            .collect();
        SweepReport { ended, left }
    }
}
