//! Starting app-servers: the real codex where it can show the case, a fake one where it cannot.

#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails where it stands"
)]

use drawbridge_codex::{
    AppServer, CloseReason, CodexBinary, DELTA_NOTIFICATIONS, DialError, Endpoint, Incoming, Launch,
    LaunchError, Peer, launch, locate,
};
use drawbridge_process::{
    Ladder, Marker, MarkerRole, Spawner, StopStep, new_nonce, proc, scrub_environment, stop,
};
use drawbridge_testkit::{fake_codex, home};
use drawbridge_wire::Secret;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_secs(10);

fn native(program: PathBuf) -> CodexBinary {
    CodexBinary {
        program,
        via_launcher: false,
    }
}

/// A launch of the real codex with a home of its own.
fn real(scratch: &home::Scratch) -> Launch {
    let codex_home = home::CodexHome::create(scratch.path(), "http://127.0.0.1:9/v1").unwrap();
    base(
        scratch.path(),
        native(home::real_codex()),
        &[("CODEX_HOME", codex_home.path().to_str().unwrap())],
    )
}

/// A launch of the fake one.
fn fake(scratch: &home::Scratch, mode: &str) -> Launch {
    base(
        scratch.path(),
        native(home::fake_codex()),
        &[(fake_codex::MODE, mode)],
    )
}

fn base(folder: &Path, binary: CodexBinary, vars: &[(&str, &str)]) -> Launch {
    let mut env = scrub_environment(std::env::vars_os());
    env.extend(vars.iter().map(|(name, value)| (name.into(), value.into())));
    Launch {
        binary,
        cwd: folder.to_owned(),
        host: IpAddr::V4(Ipv4Addr::LOCALHOST),
        port: 0,
        env,
        config: vec![],
        marker: Marker {
            nonce: new_nonce().unwrap(),
            role: MarkerRole::Agent,
        },
        log_file: Some(folder.join("app-server.log")),
        client_name: "drawbridge-test".into(),
        client_version: "0.0.1".into(),
        experimental: true,
    }
}

async fn start(what: Launch) -> Result<AppServer, LaunchError> {
    launch(&Spawner::start().unwrap(), what).await
}

async fn initialize(endpoint: &Endpoint) -> Peer {
    let (peer, _) = Peer::start(endpoint.dial().await.unwrap());
    let params = json!({ "clientInfo": { "name": "second", "version": "1" } });
    peer.request("initialize", params, SOON).await.unwrap();
    peer
}

fn of_marker(marker: &Marker) -> Vec<u32> {
    let value = proc::MarkerSeen::Value(marker.value());
    proc::table()
        .into_values()
        .filter(|p| !p.ended && proc::marker(p.pid) == value)
        .map(|p| p.pid)
        .collect()
}

// proves S1.04, S1.14, S5.05
#[tokio::test]
async fn the_real_codex_starts_on_a_free_loopback_port_answers_and_stops() {
    let scratch = home::scratch_dir("launch").unwrap();
    let mut what = real(&scratch);
    what.config = vec!["model_verbosity=\"low\"".into()];
    let marker = what.marker.clone();
    let mut server = start(what).await.unwrap();
    assert!(server.endpoint.addr.ip().is_loopback() && server.endpoint.addr.port() != 0);
    assert!(
        server.user_agent.starts_with("drawbridge-test/"),
        "{}",
        server.user_agent
    );
    assert_eq!(
        server.codex_home.as_deref(),
        Some(scratch.path().join("codex-home").as_path())
    );

    // Experimental methods are ours to call, settings have arrived.
    let config = server
        .observer
        .request("config/read", json!({}), SOON)
        .await
        .unwrap();
    assert_eq!(config["config"]["model_verbosity"], "low");
    let terminals = server
        .observer
        .request(
            "thread/backgroundTerminals/list",
            json!({ "threadId": "x" }),
            SOON,
        )
        .await;
    assert!(!terminals.unwrap_err().to_string().contains("experimentalApi"));

    // Others get in with the token only, and what everybody can read does not show it.
    let second = initialize(&server.endpoint).await;
    assert!(
        second
            .request("thread/loaded/list", json!({}), SOON)
            .await
            .is_ok()
    );
    let wrong = Endpoint {
        token: Secret::new("wrong"),
        ..server.endpoint.clone()
    };
    assert!(matches!(
        wrong.dial().await,
        Err(DialError::Refused { status: 401, .. })
    ));
    let token = server.endpoint.token.reveal().to_owned();
    assert_eq!(token.len(), 64);
    for file in ["cmdline", "environ"] {
        let text = std::fs::read(format!("/proc/{}/{file}", server.child.pid())).unwrap();
        assert!(!String::from_utf8_lossy(&text).contains(&token), "{file}");
    }
    assert!(!format!("{server:?}").contains(&token));
    assert!(!server.child.log().last(usize::MAX).join("\n").contains(&token));

    let report = stop(&server.child, Ladder::default()).await;
    assert_eq!(
        (report.step, report.status.unwrap().code()),
        (StopStep::Polite, Some(0))
    );
    assert_eq!(of_marker(&marker), Vec::<u32>::new());
    // A wait that was running when it ended fails at once, not at its deadline.
    let late = server
        .observer
        .request("thread/loaded/list", json!({}), Duration::from_secs(600))
        .await;
    assert_eq!(late.unwrap_err().code(), "codex_closed");
    let reason = loop {
        if let Incoming::Closed { reason } = server.incoming.recv().await.unwrap() {
            break reason;
        }
    };
    assert_eq!(reason, CloseReason::Dropped);
    assert!(matches!(
        server.endpoint.dial().await,
        Err(DialError::Unreachable { .. })
    ));
}

#[tokio::test]
async fn a_request_that_waits_when_the_app_server_is_killed_fails_at_once() {
    let scratch = home::scratch_dir("launch").unwrap();
    let server = start(fake(&scratch, "ok")).await.unwrap();
    // It holds still, so nothing but its end can answer.
    let pid = server.child.pid().to_string();
    assert!(
        std::process::Command::new("kill")
            .args(["-STOP", &pid])
            .status()
            .unwrap()
            .success()
    );
    // The signal is sent; it may run on another processor until it takes it.
    #[cfg(target_os = "linux")]
    tokio::time::timeout(SOON, async {
        let still = || {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
            stat.rsplit_once(") ")
                .is_some_and(|(_, state)| state.starts_with('T'))
        };
        while !still() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
    let observer = server.observer.clone();
    let waiting = tokio::spawn(async move {
        observer
            .request("model/list", json!({}), Duration::from_secs(600))
            .await
    });
    // Its turn to run comes before ours again.
    tokio::task::yield_now().await;
    server.child.kill_group();
    let outcome = tokio::time::timeout(SOON, waiting).await.unwrap().unwrap();
    assert_eq!(outcome.unwrap_err().code(), "codex_closed");
    let report = stop(&server.child, Ladder::default()).await;
    assert_eq!(report.left, Vec::<u32>::new());
}

#[tokio::test]
async fn the_launcher_itself_works_too_and_leaves_nothing() {
    let scratch = home::scratch_dir("launch").unwrap();
    let packages = home::real_codex()
        .ancestors()
        .find(|at| at.ends_with("node_modules"))
        .unwrap()
        .to_owned();
    let mut what = real(&scratch);
    what.binary = CodexBinary {
        program: packages.join(".bin/codex"),
        via_launcher: true,
    };
    let marker = what.marker.clone();
    let server = start(what).await.unwrap();
    assert_eq!(of_marker(&marker).len(), 2);
    let report = stop(&server.child, Ladder::default()).await;
    assert_eq!((report.step, report.left), (StopStep::Polite, vec![]));
    assert_eq!(of_marker(&marker), Vec::<u32>::new());
}

#[tokio::test]
async fn the_npm_launcher_is_resolved_to_the_program_in_it() {
    let program = home::real_codex();
    let packages = program
        .ancestors()
        .find(|at| at.ends_with("node_modules"))
        .unwrap()
        .to_owned();
    let expected = native(program);
    assert_eq!(
        locate(Some(&packages.join("@openai/codex/bin/codex.js")), None).unwrap(),
        expected
    );
    assert_eq!(
        locate(None, Some(packages.join(".bin").as_os_str())).unwrap(),
        expected
    );
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let scratch = home::scratch_dir("launch").unwrap();
    let holder = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = holder.local_addr().unwrap();
    let what = Launch {
        port: addr.port(),
        ..real(&scratch)
    };
    let marker = what.marker.clone();
    let error = start(what).await.unwrap_err();
    assert_eq!(error.code(), "app_server_port_taken");
    assert!(error.to_string().contains(&addr.to_string()), "{error}");
    assert_eq!(of_marker(&marker), Vec::<u32>::new());
}

#[tokio::test]
async fn what_codex_says_before_it_ends_reaches_the_person() {
    let scratch = home::scratch_dir("launch").unwrap();
    let mut what = real(&scratch);
    let missing = scratch.path().join("no-home");
    what.env.push(("CODEX_HOME".into(), missing.clone().into()));
    // Adds a backtrace after the reason.
    what.env.push(("RUST_BACKTRACE".into(), "1".into()));
    let error = start(what).await.unwrap_err();
    assert_eq!(error.code(), "app_server_ended");
    assert!(error.to_string().contains(missing.to_str().unwrap()), "{error}");
    assert!(error.lines().iter().all(|line| !line.contains('\u{1b}')));
    let log = std::fs::read_to_string(scratch.path().join("app-server.log")).unwrap();
    assert_eq!(log.lines().collect::<Vec<_>>(), error.lines());

    let error = start(fake(&scratch, "crash_on_start")).await.unwrap_err();
    assert_eq!(error.code(), "app_server_ended");
    assert!(!error.lines().is_empty());
}

#[tokio::test]
async fn a_program_that_is_not_there_is_named() {
    let scratch = home::scratch_dir("launch").unwrap();
    let missing = scratch.path().join("no-codex");
    let error = start(base(scratch.path(), native(missing), &[]))
        .await
        .unwrap_err();
    assert_eq!(error.code(), "spawn_failed");
    assert!(error.to_string().contains("no-codex"), "{error}");
}

#[tokio::test]
async fn who_does_not_become_ready_is_ended_after_ten_seconds() {
    let scratch = home::scratch_dir("launch").unwrap();
    let begun = Instant::now();
    let (silent, mute) = (fake(&scratch, "no_banner"), fake(&scratch, "never_ready"));
    let markers = [silent.marker.clone(), mute.marker.clone()];
    let (silent, mute) = tokio::join!(start(silent), start(mute));
    for error in [silent.unwrap_err(), mute.unwrap_err()] {
        assert_eq!(error.code(), "app_server_not_ready", "{error}");
    }
    assert!(begun.elapsed() >= drawbridge_codex::READY_DEADLINE);
    assert!(begun.elapsed() < drawbridge_codex::READY_DEADLINE + Duration::from_secs(8));
    assert!(markers.iter().all(|marker| of_marker(marker).is_empty()));
}

#[tokio::test]
async fn giving_up_in_the_middle_ends_the_child() {
    let scratch = home::scratch_dir("launch").unwrap();
    let what = fake(&scratch, "no_banner");
    let marker = what.marker.clone();
    let launching = tokio::spawn(start(what));
    until("it runs", || !of_marker(&marker).is_empty()).await;
    launching.abort();
    until("it is gone", || of_marker(&marker).is_empty()).await;
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + SOON;
    while !holds() {
        assert!(Instant::now() < end, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// The list of what a connection without a screen opts out of is that of the installed codex.
#[test]
fn every_delta_of_the_schema_is_known() {
    let scratch = home::scratch_dir("schema").unwrap();
    let made = std::process::Command::new(home::real_codex())
        .args(["app-server", "generate-json-schema", "--experimental", "--out"])
        .arg(scratch.path())
        .env("CODEX_HOME", scratch.path())
        .status();
    assert!(made.unwrap().success());
    let schema = std::fs::read(scratch.path().join("ServerNotification.json")).unwrap();
    let schema: Value = serde_json::from_slice(&schema).unwrap();
    let methods = schema["oneOf"].as_array().unwrap().iter();
    let methods = methods.map(|one| one["properties"]["method"]["enum"][0].as_str().unwrap());
    let deltas: BTreeSet<&str> = methods
        .filter(|method| method.to_lowercase().ends_with("delta"))
        .collect();
    assert_eq!(deltas, BTreeSet::from(DELTA_NOTIFICATIONS));
}
