//! What a child gets and what is seen of it.

#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test fails where it stands"
)]

mod common;

use common::{SHORT, SOON, agent, alone, line, shell, start};
use drawbridge_process::{
    ChildSpec, MARKER_VARIABLE, Marker, MarkerRole, Reaper, SpawnError, Spawner, become_subreaper, proc, stop,
};
use std::os::unix::fs::PermissionsExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

async fn exit_code(child: &drawbridge_process::Child) -> Option<i32> {
    let mut exited = child.exited();
    let status = *tokio::time::timeout(SOON, exited.wait_for(Option::is_some))
        .await
        .unwrap()
        .unwrap();
    status.unwrap().code()
}

#[tokio::test]
async fn the_environment_is_what_was_given_and_the_marker() {
    let _alone = alone().await;
    let marker = agent();
    let spec = ChildSpec {
        program: "/usr/bin/env".into(),
        args: vec![],
        env: vec![
            ("A".into(), "1".into()),
            (MARKER_VARIABLE.into(), "somebody:else".into()),
        ],
        stdout_piped: true,
        ..shell("", &marker)
    };
    let child = Spawner::start().unwrap().spawn(spec).await.unwrap();
    let mut text = String::new();
    let mut out = child.take_stdout().unwrap();
    tokio::time::timeout(SOON, out.read_to_string(&mut text))
        .await
        .unwrap()
        .unwrap();
    let mut seen: Vec<&str> = text.lines().collect();
    seen.sort_unstable();
    assert_eq!(seen, ["A=1", &format!("DRAWBRIDGE_CHILD={}:agent", marker.nonce)]);
    assert!(child.take_stdout().is_none());
    assert_eq!(exit_code(&child).await, Some(0));
}

#[tokio::test]
async fn a_child_outlives_the_thread_that_asked_for_it() {
    let _alone = alone().await;
    let spawner = Spawner::start().unwrap();
    let spec = ChildSpec {
        stdin_piped: true,
        stdout_piped: true,
        ..shell("exec cat", &agent())
    };
    let runtime = tokio::runtime::Handle::current();
    let asking = std::thread::spawn(move || runtime.block_on(spawner.spawn(spec)).unwrap());
    let child = tokio::task::spawn_blocking(move || asking.join().unwrap())
        .await
        .unwrap();
    // The spawner went with that thread; the child's own hold on it keeps it.
    let (mut to, mut from) = (child.take_stdin().unwrap(), child.take_stdout().unwrap());
    to.write_all(b"still here").await.unwrap();
    drop(to);
    let mut text = String::new();
    tokio::time::timeout(SOON, from.read_to_string(&mut text))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(text, "still here");
    assert_eq!(exit_code(&child).await, Some(0));
}

#[tokio::test]
async fn it_leads_a_session_and_a_group_of_its_own() {
    let _alone = alone().await;
    let child = start("exec sleep 60", &agent()).await;
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.pid()).unwrap());
    // A session begins without a terminal, so nothing in it can type into that of its parent.
    assert_eq!(nix::unistd::getsid(Some(pid)), Ok(pid));
    if cfg!(target_os = "linux") {
        let seen = proc::process(child.pid()).unwrap();
        assert_eq!((seen.group, seen.start_time), (child.pid(), child.start_time()));
    }
    stop(&child, SHORT).await;
}

/// Between two looks at what the kernel does in its own time.
#[cfg(target_os = "linux")]
const LOOK: std::time::Duration = std::time::Duration::from_millis(20);

/// So that the windows stay quick while codex's threads want every processor.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_agent_gives_way_and_a_connector_does_not() {
    let _alone = alone().await;
    let connector = Marker {
        role: MarkerRole::Connector,
        ..agent()
    };
    let own = rustix::process::getpriority_process(None).unwrap();
    for (marker, nice) in [(agent(), own.max(5)), (connector, own)] {
        let child = start("exec sleep 60", &marker).await;
        let pid = i32::try_from(child.pid()).unwrap();
        let pid = rustix::process::Pid::from_raw(pid);
        assert_eq!(rustix::process::getpriority_process(pid), Ok(nice));
        // The session, where the kernel groups by sessions; it takes such a wish once in a while only.
        let nice = if marker.role == MarkerRole::Agent { 5 } else { 0 };
        let file = format!("/proc/{}/autogroup", child.pid());
        let told = || std::fs::read_to_string(&file).unwrap_or_default();
        let until = tokio::time::Instant::now() + SOON;
        while !told().is_empty() && !told().ends_with(&format!(" nice {nice}\n")) {
            assert!(tokio::time::Instant::now() < until, "{}", told());
            tokio::time::sleep(LOOK).await;
        }
        stop(&child, SHORT).await;
    }
}

#[tokio::test]
async fn standard_error_goes_to_ring_and_file_without_colours() {
    let _alone = alone().await;
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("agent.log");
    let script = "printf '\\033[31mred\\033[0m\\nplain\\n' >&2; head -c 10000 /dev/zero | tr '\\0' x >&2";
    let spec = ChildSpec {
        log_file: Some(log.clone()),
        ..shell(script, &agent())
    };
    let child = Spawner::start().unwrap().spawn(spec).await.unwrap();
    let mut lines = child.log().follow();
    let mut seen = Vec::new();
    while let Some(line) = tokio::time::timeout(SOON, lines.next()).await.unwrap() {
        seen.push(line);
    }
    assert_eq!(seen[..2], ["red", "plain"]);
    // A line without end does not grow without end.
    assert_eq!(
        seen[2..].iter().map(String::len).collect::<Vec<_>>(),
        [4096, 4096, 1808]
    );
    assert_eq!(
        std::fs::read_to_string(&log).unwrap().lines().collect::<Vec<_>>(),
        seen
    );
    assert_eq!(
        std::fs::metadata(&log).unwrap().permissions().mode() & 0o777,
        0o600
    );
}

#[tokio::test]
async fn a_flood_of_lines_keeps_the_last_thousand() {
    let _alone = alone().await;
    let child = start(
        "i=0; while [ $i -lt 5000 ]; do echo line $i; i=$((i+1)); done >&2",
        &agent(),
    )
    .await;
    assert_eq!(exit_code(&child).await, Some(0));
    common::eventually("the last line", || child.log().last(1) == ["line 4999"]).await;
    let kept = child.log().last(usize::MAX);
    assert_eq!((kept.len(), kept[0].as_str()), (1000, "line 4000"));
}

#[tokio::test]
async fn what_cannot_start_says_why() {
    let _alone = alone().await;
    let spawner = Spawner::start().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("no-such");
    let good = shell("exit 0", &agent());
    let cases = [
        (
            ChildSpec {
                program: missing.clone(),
                ..good.clone()
            },
            "spawn_failed",
        ),
        (
            ChildSpec {
                cwd: missing.clone(),
                ..good.clone()
            },
            "cwd_invalid",
        ),
        (
            ChildSpec {
                log_file: Some(missing.join("log")),
                ..good.clone()
            },
            "log_file_unwritable",
        ),
    ];
    for (spec, code) in cases {
        let error: SpawnError = spawner.spawn(spec).await.unwrap_err();
        assert_eq!(error.code(), code);
        assert!(error.to_string().contains("no-such"), "{error}");
    }
    // The thread is still there for the next.
    assert_eq!(exit_code(&spawner.spawn(good).await.unwrap()).await, Some(0));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn orphans_that_end_are_collected_and_no_status_is_stolen() {
    let _alone = alone().await;
    become_subreaper().unwrap();
    let _reaper = Reaper::start().unwrap();
    let script = "setsid -f sh -c 'echo pid $$ >&2; read line </proc/$PPID/comm'; exit 4";
    let child = start(script, &agent()).await;
    let said = line(&mut child.log().follow()).await;
    let orphan: u32 = said.strip_prefix("pid ").unwrap().parse().unwrap();
    assert_eq!(exit_code(&child).await, Some(4));
    common::eventually("the orphan is collected", || proc::process(orphan).is_none()).await;
    // The reaper runs beside children whose statuses are theirs.
    let codes =
        [1, 2, 3].map(|code| async move { exit_code(&start(&format!("exit {code}"), &agent()).await).await });
    for (code, expected) in codes.into_iter().zip([1, 2, 3]) {
        assert_eq!(code.await, Some(expected));
    }
}
