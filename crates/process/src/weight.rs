//! What a process weighs, with what it started.

use crate::memory;
use crate::proc::{descendants, table};
use std::collections::BTreeSet;

/// More processes than this below one are counted, but not measured.
const MEASURED: usize = 256;

/// See [`weigh`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Weight {
    /// Bytes of the process itself; none where the system does not tell or the process is gone.
    pub own: Option<u64>,
    /// Processes that it started, they started, and so on, and that still run.
    pub below: usize,
    /// Their bytes together, of the first 256.
    pub below_bytes: u64,
}

/// Looks at each of these processes and at what it started. What stands below another of them counts
/// there and nowhere else. Reads files of every process of the computer: not for a place that must not wait.
#[must_use]
pub fn weigh(pids: &[u32]) -> Vec<Weight> {
    let table = table();
    let listed: BTreeSet<u32> = pids.iter().copied().collect();
    pids.iter()
        .map(|pid| {
            let all = descendants(&table, &BTreeSet::from([*pid]));
            let others: BTreeSet<u32> = all.intersection(&listed).copied().collect();
            let theirs = descendants(&table, &others);
            let runs = |pid: &&u32| table.get(pid).is_some_and(|process| !process.ended);
            let below: Vec<u32> = all
                .iter()
                .filter(|pid| !others.contains(pid) && !theirs.contains(pid))
                .filter(runs)
                .copied()
                .collect();
            Weight {
                own: memory(*pid),
                below: below.len(),
                below_bytes: below.iter().take(MEASURED).filter_map(|pid| memory(*pid)).sum(),
            }
        })
        .collect()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::io::{BufRead as _, BufReader};
    use std::process::{Command, Stdio};

    #[test]
    fn what_another_of_them_started_counts_there() {
        // A shell that started two others, of which one is asked about too.
        let mut top = Command::new("sh")
            .args(["-c", "sh -c 'sleep 60 & echo $$; wait' & sleep 60 & wait"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(top.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let inner: u32 = line.trim().parse().unwrap();
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
        // The shell starts its second child when it gets to it.
        let both = loop {
            let both = weigh(&[top.id(), inner]);
            if (both[0].below, both[1].below) == (1, 1) || std::time::Instant::now() > deadline {
                break both;
            }
            std::thread::yield_now();
        };
        let alone = weigh(&[top.id()]);
        for pid in descendants(&table(), &BTreeSet::from([top.id()])) {
            let _ = Command::new("kill").arg(pid.to_string()).status();
        }
        let _ = top.kill();
        let _ = top.wait();
        assert_eq!((both[0].below, both[1].below), (1, 1), "{both:?}");
        assert!(
            both.iter().all(|one| one.own.is_some_and(|own| own > 0)),
            "{both:?}"
        );
        assert!(both.iter().all(|one| one.below_bytes > 0), "{both:?}");
        assert_eq!(alone[0].below, 3, "with nobody else asked about, all count here");
    }
}
