//! Jobs and callers on Windows, with real processes: this test program, started again.

#![cfg(windows)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails where it stands"
)]

use drawbridge_local::door::{self, Listener};
use drawbridge_process::peer::{Family, PeerVerdict, classify, classify_pid, peer_identity};
use drawbridge_process::proc::{self, MarkerSeen};
use drawbridge_process::{
    Child, ChildSpec, Ladder, Marker, MarkerRole, Spawner, StopStep, become_subreaper, new_nonce, stop,
};
use std::collections::BTreeSet;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tokio::io::AsyncReadExt as _;

const SOON: Duration = Duration::from_secs(30);

/// Not a test: stays until it is ended, at most for a minute.
#[test]
#[ignore = "run by the tests below as a process of its own"]
fn stays() {
    std::thread::sleep(Duration::from_secs(60));
}

/// Not a test: starts another one and stays.
#[test]
#[ignore = "run by the tests below as a process of its own"]
fn starts_another() {
    let mut other = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "stays"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let _ = other.wait();
}

/// Not a test: connects and stays until the other side closes.
#[tokio::test]
#[ignore = "run by the tests below as a process of its own"]
async fn client() {
    let Some(path) = std::env::var_os("PROBE_SOCKET") else {
        return;
    };
    let mut stream = door::connect(path.as_ref()).await.unwrap();
    let _ = stream.read(&mut [0]).await;
}

fn spec(probe: &str, env: Vec<(std::ffi::OsString, std::ffi::OsString)>) -> ChildSpec {
    let mut whole: Vec<_> = std::env::vars_os().collect();
    whole.extend(env);
    ChildSpec {
        name: probe.to_owned(),
        program: std::env::current_exe().unwrap(),
        args: ["--ignored", "--exact", probe].map(Into::into).to_vec(),
        env: whole,
        cwd: std::env::temp_dir(),
        marker: Marker {
            nonce: new_nonce().unwrap(),
            role: MarkerRole::Agent,
        },
        stdin_piped: false,
        stdout_piped: false,
        log_file: None,
    }
}

async fn start(probe: &str, env: Vec<(std::ffi::OsString, std::ffi::OsString)>) -> Child {
    Spawner::start().unwrap().spawn(spec(probe, env)).await.unwrap()
}

/// Everything below the child, once there is something.
fn below(child: &Child) -> BTreeSet<u32> {
    let until = Instant::now() + SOON;
    loop {
        let found = proc::descendants(&proc::table(), &BTreeSet::from([child.pid()]));
        if !found.is_empty() {
            return found;
        }
        assert!(Instant::now() < until, "it starts nothing");
        std::thread::yield_now();
    }
}

fn family() -> Family {
    Family {
        host: std::process::id(),
        children: Vec::new(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_ends_the_child_and_what_it_started() {
    become_subreaper().unwrap();
    let child = start("starts_another", Vec::new()).await;
    let kin = below(&child);
    assert_eq!(
        proc::marker(child.pid()),
        MarkerSeen::Value(child.marker().value())
    );
    for pid in kin.iter().chain([&child.pid()]) {
        assert_eq!(classify_pid(*pid, &family()), PeerVerdict::InSubtree);
    }
    let report = stop(&child, Ladder::default()).await;
    assert_eq!((report.step, report.left), (StopStep::Forced, Vec::new()));
    assert!(report.status.is_some());
    for pid in &kin {
        assert!(
            report.ended.iter().any(|ended| ended.pid == *pid && ended.forced),
            "{pid}"
        );
        assert_eq!(proc::process(*pid), None);
    }
    assert_eq!(proc::process(child.pid()), None);
    assert_eq!(stop(&child, Ladder::default()).await.step, StopStep::AlreadyGone);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_its_starter_left_behind_is_still_below_us() {
    become_subreaper().unwrap();
    let child = start("starts_another", Vec::new()).await;
    let kin = below(&child);
    // The starter alone goes, and nothing says any more who started the other one.
    let system = Command::new("taskkill.exe")
        .args(["/F", "/PID", &child.pid().to_string()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    assert!(system.is_ok_and(|status| status.success()));
    tokio::time::timeout(SOON, child.ended())
        .await
        .expect("it is gone");
    for pid in &kin {
        assert_eq!(
            proc::process(*pid).map(|process| process.parent),
            Some(std::process::id())
        );
        assert_eq!(classify_pid(*pid, &family()), PeerVerdict::InSubtree);
    }
    let report = stop(&child, Ladder::default()).await;
    assert_eq!((report.step, report.left), (StopStep::AlreadyGone, Vec::new()));
    for pid in &kin {
        assert_eq!(proc::process(*pid), None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_calls_is_told_from_what_an_agent_started() {
    become_subreaper().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.sock");
    let listener = Listener::bind(&path).unwrap();
    let (came, _went) = tokio::join!(listener.accept(), door::connect(&path));
    let peer = peer_identity(&came.unwrap()).unwrap();
    assert_eq!(peer.pid, Some(std::process::id()));
    assert!(peer.is_alive() && peer.is_of_this_user());
    assert_eq!(classify(&peer, &family()), PeerVerdict::Clean);

    let child = start("client", vec![("PROBE_SOCKET".into(), path.into())]).await;
    let came = tokio::time::timeout(SOON, listener.accept())
        .await
        .expect("it calls")
        .unwrap();
    let peer = peer_identity(&came).unwrap();
    assert!(peer.is_alive() && peer.is_of_this_user());
    assert_eq!(classify(&peer, &family()), PeerVerdict::InSubtree);
    stop(&child, Ladder::default()).await;
    assert!(!peer.is_alive());
    assert_eq!(classify(&peer, &family()), PeerVerdict::Unresolved);
}
