//! Who is at the other end of a real socket.

#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test fails where it stands"
)]

mod common;

use common::{SHORT, SOON, agent, alone, probe, shell};
use drawbridge_process::peer::{Family, PeerVerdict, classify, classify_pid, peer_identity};
use drawbridge_process::{Child, Spawner, become_subreaper, proc, stop};
use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};
use tokio::net::{UnixListener, UnixStream};

/// Not a test: connects and stays until the other side closes.
#[test]
#[ignore = "run by the tests below as a process of its own"]
fn client() {
    let Ok(socket) = std::env::var("PROBE_SOCKET") else {
        return;
    };
    let mut stream = std::os::unix::net::UnixStream::connect(socket).unwrap();
    let _ = stream.read(&mut [0]);
}

async fn accept(listener: &UnixListener) -> UnixStream {
    tokio::time::timeout(SOON, listener.accept())
        .await
        .expect("a client in time")
        .unwrap()
        .0
}

fn client_command(socket: &Path) -> String {
    let probe: Vec<String> = probe("client").iter().map(|word| format!("'{word}'")).collect();
    format!(
        "PROBE_SOCKET='{}' {} >/dev/null",
        socket.display(),
        probe.join(" ")
    )
}

/// Starts an agent that runs `line`, where `CLIENT` is a program that connects; gives what comes in.
async fn agent_runs(line: &str) -> (Child, UnixStream, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("s");
    let listener = UnixListener::bind(&socket).unwrap();
    let script = line.replace("CLIENT", &format!("/usr/bin/env {}", client_command(&socket)));
    let child = Spawner::start()
        .unwrap()
        .spawn(shell(&script, &agent()))
        .await
        .unwrap();
    let stream = accept(&listener).await;
    (child, stream, dir)
}

fn family(host: u32, children: &[u32]) -> Family {
    Family {
        host,
        children: children.to_vec(),
    }
}

#[tokio::test]
async fn whatever_an_agent_starts_is_in_its_subtree() {
    let _alone = alone().await;
    become_subreaper().unwrap();
    for line in [
        "exec CLIENT",
        "CLIENT; true",
        "setsid CLIENT; true",
        "setsid -f CLIENT",
        "env -i CLIENT; true",
        "env -i setsid -f CLIENT",
        "(setsid -f CLIENT &) ; exit 0",
        "(env -i CLIENT &) ; exit 0",
    ] {
        let (child, stream, _dir) = agent_runs(line).await;
        let peer = peer_identity(&stream).unwrap();
        assert_eq!(peer.uid, nix::unistd::getuid().as_raw());
        let seen = classify(&peer, &family(std::process::id(), &[child.pid()]));
        assert_eq!(seen, PeerVerdict::InSubtree, "{line}");
        // Known by the host as its parent even when nobody says which children it has.
        let orphan = classify(&peer, &family(std::process::id(), &[]));
        assert_eq!(orphan, PeerVerdict::InSubtree, "{line}");
        drop(stream);
        stop(&child, SHORT).await;
    }
}

#[tokio::test]
async fn the_marker_tells_where_the_chain_of_parents_does_not() {
    let _alone = alone().await;
    become_subreaper().unwrap();
    // As a host that is no ancestor of it would see it.
    let elsewhere = family(u32::MAX, &[]);
    for (line, expected) in [
        ("CLIENT; true", PeerVerdict::HasMarker),
        ("setsid -f CLIENT", PeerVerdict::HasMarker),
        // Its own environment is cleared, that of the shell above it is not.
        ("env -i CLIENT; true", PeerVerdict::HasMarker),
    ] {
        let (child, stream, _dir) = agent_runs(line).await;
        assert_eq!(
            classify(&peer_identity(&stream).unwrap(), &elsewhere),
            expected,
            "{line}"
        );
        drop(stream);
        stop(&child, SHORT).await;
    }
}

#[tokio::test]
async fn a_process_of_the_user_is_clean_until_it_is_gone() {
    let _alone = alone().await;
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("s");
    let listener = UnixListener::bind(&socket).unwrap();
    let words = probe("client");
    let mut client = Command::new(&words[0])
        .args(&words[1..])
        .env_remove(drawbridge_process::MARKER_VARIABLE)
        .env("PROBE_SOCKET", &socket)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let stream = accept(&listener).await;
    let peer = peer_identity(&stream).unwrap();
    assert_eq!(peer.pid, Some(client.id()));
    let host = family(u32::MAX, &[]);
    assert_eq!(classify(&peer, &host), PeerVerdict::Clean);
    assert_eq!(classify_pid(client.id(), &host), PeerVerdict::Clean);

    client.kill().unwrap();
    common::eventually("it has ended", || {
        proc::process(client.id()).is_none_or(|p| p.ended)
    })
    .await;
    // Ended and not collected, then collected: the id says nothing about who connected.
    assert_eq!(classify(&peer, &host), PeerVerdict::Unresolved);
    client.wait().unwrap();
    assert_eq!(classify(&peer, &host), PeerVerdict::Unresolved);
    assert_eq!(classify_pid(0, &host), PeerVerdict::Unresolved);
}
