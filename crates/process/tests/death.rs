//! What happens when the host is killed.

#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test fails where it stands"
)]

mod common;

use common::{SOON, agent, eventually, living, pids, probe, shell, start};
use drawbridge_process::{Ledger, Marker, MarkerRole, Spawner, proc};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

/// Not a test: a host that starts a child, says the pids, and never ends by itself.
#[tokio::test]
#[ignore = "run by the tests below as a process of its own"]
async fn host() {
    let Ok(ledger) = std::env::var("PROBE_LEDGER") else {
        return;
    };
    let marker = agent();
    Ledger::new(ledger.as_ref()).record(&marker.nonce).unwrap();
    let child = start(&std::env::var("PROBE_SCRIPT").unwrap(), &marker).await;
    for (pid, _) in pids(&child, 2).await {
        println!("pid {pid}");
    }
    std::future::pending::<()>().await;
}

struct Host {
    process: std::process::Child,
    below: Vec<(u32, u64)>,
}

impl Host {
    fn start(ledger: &std::path::Path) -> Self {
        let say = "echo pid $$ >&2; exec sleep 60";
        let probe = probe("host");
        let mut process = Command::new(&probe[0])
            .args(&probe[1..])
            .env("PROBE_LEDGER", ledger)
            .env("PROBE_SCRIPT", format!("setsid -f sh -c '{say}'; {say}"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap())
            .lines()
            .map(Result::unwrap);
        let pids = lines
            .filter_map(|line| line.split_once("pid ")?.1.parse().ok())
            .take(2);
        let below = pids.map(|pid| proc::process(pid).unwrap().identity()).collect();
        Self { process, below }
    }

    fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        for pid in living(&self.below) {
            let _ = kill(Pid::from_raw(pid.try_into().unwrap()), Signal::SIGKILL);
        }
    }
}

#[tokio::test]
async fn a_killed_host_takes_its_child_along_and_the_next_one_ends_what_detached() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("children.jsonl");
    let mut dead = Host::start(&path);
    let alive = Host::start(&path);
    assert_eq!((living(&dead.below).len(), living(&alive.below).len()), (2, 2));

    dead.kill();
    eventually("the child died with its host", || living(&dead.below).len() == 1).await;

    let ledger = Ledger::new(&path);
    let found = ledger.end_leftovers(Duration::from_secs(2), SOON).await.unwrap();
    assert_eq!((found.dead_owners, found.report.left), (1, vec![]));
    assert!(!found.report.ended.is_empty());
    assert_eq!(living(&dead.below), Vec::<u32>::new());
    // The other host is alive; nothing of it was touched, and it is still written down.
    assert_eq!(living(&alive.below).len(), 2);
    assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 1);
    assert_eq!(
        ledger
            .end_leftovers(Duration::ZERO, SOON)
            .await
            .unwrap()
            .dead_owners,
        0
    );
}

#[tokio::test]
async fn a_connector_dies_with_its_host_too() {
    let marker = Marker {
        role: MarkerRole::Connector,
        ..agent()
    };
    let child = Spawner::start()
        .unwrap()
        .spawn(shell("exec sleep 60", &marker))
        .await
        .unwrap();
    assert_eq!(proc::marker(child.pid()), proc::MarkerSeen::Value(marker.value()));
    drawbridge_process::stop(&child, common::SHORT).await;
}
