//! What the tests with real processes share.

#![allow(dead_code, reason = "each test program uses its part")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails where it stands"
)]

use drawbridge_process::{
    Child, ChildSpec, Ladder, LogFollower, Marker, MarkerRole, Spawner, new_nonce, proc,
};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Everything here happens within this or has failed.
pub(crate) const SOON: Duration = Duration::from_secs(10);
/// A ladder that reaches force quickly.
pub(crate) const SHORT: Ladder = Ladder {
    polite: Duration::from_millis(300),
    polite2: Duration::from_millis(300),
    force: SOON,
};

/// Orphans of one test would be taken for another's: they are children of the same process.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Runs one test at a time in this process.
pub(crate) async fn alone() -> tokio::sync::MutexGuard<'static, ()> {
    ALONE.lock().await
}

/// An agent's marker of its own.
pub(crate) fn agent() -> Marker {
    Marker {
        nonce: new_nonce().unwrap(),
        role: MarkerRole::Agent,
    }
}

/// `sh -c script` with nothing but a search path.
pub(crate) fn shell(script: &str, marker: &Marker) -> ChildSpec {
    ChildSpec {
        name: "shell".into(),
        program: "/bin/sh".into(),
        args: vec!["-c".into(), script.into()],
        env: vec![("PATH".into(), std::env::var_os("PATH").unwrap())],
        cwd: PathBuf::from("/"),
        marker: marker.clone(),
        stdin_piped: false,
        stdout_piped: false,
        log_file: None,
    }
}

/// Starts `sh -c script`.
pub(crate) async fn start(script: &str, marker: &Marker) -> Child {
    Spawner::start()
        .unwrap()
        .spawn(shell(script, marker))
        .await
        .unwrap()
}

/// The next line, soon.
pub(crate) async fn line(lines: &mut LogFollower) -> String {
    tokio::time::timeout(SOON, lines.next())
        .await
        .expect("a line in time")
        .expect("a line")
}

/// Reads `n` lines `pid <n>`, in any order; gives the processes' identities.
pub(crate) async fn pids(child: &Child, n: usize) -> Vec<(u32, u64)> {
    let mut lines = child.log().follow();
    let mut found = Vec::new();
    while found.len() < n {
        let line = line(&mut lines).await;
        let pid: u32 = line.strip_prefix("pid ").expect(&line).parse().unwrap();
        found.push(proc::process(pid).expect("it has just spoken").identity());
    }
    found
}

/// Which of them are alive.
pub(crate) fn living(of: &[(u32, u64)]) -> Vec<u32> {
    of.iter()
        .filter(|(pid, start)| proc::is_alive(*pid, *start))
        .map(|(pid, _)| *pid)
        .collect()
}

/// Looks again and again until it holds, but not for ever.
pub(crate) async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + SOON;
    while !holds() {
        assert!(Instant::now() < end, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// This test program, running its ignored test `name` as a process of its own.
pub(crate) fn probe(name: &str) -> Vec<String> {
    let program = std::env::current_exe().unwrap().to_str().unwrap().to_owned();
    [&program, "--ignored", "--exact", name, "--nocapture"]
        .map(str::to_owned)
        .to_vec()
}
