//! Starting a host that is none: each way it goes wrong has a name, in time, and leaves nothing behind.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails"
)]
#![cfg(unix)]

use drawbridge_control::spawn::{self, Program, SpawnError, Started};
use drawbridge_control::{ControlClient, ControlError};
use drawbridge_testkit::fake_host::FakeHost;
use drawbridge_wire::pipe::HostSetup;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::Instant;

fn program() -> Program {
    Program {
        path: Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/host.sh"),
        search_path: None,
    }
}

/// A data directory whose name says what the program does.
fn place(dir: &tempfile::TempDir, what: &str) -> PathBuf {
    let data = dir.path().join(what);
    std::fs::create_dir_all(&data).unwrap();
    data
}

async fn fails(what: &str) -> (String, String) {
    let dir = tempfile::tempdir().unwrap();
    let data = place(&dir, what);
    match spawn::host(&program(), &data, &HostSetup::default()).await {
        Err(error) => (error.code().to_owned(), error.to_string()),
        Ok(started) => panic!("{what}: {started:?}"),
    }
}

#[tokio::test]
async fn a_host_that_cannot_run_says_why() {
    for (what, code, words) in [
        ("nonsense", "no_answer", "something that is not understood"),
        ("ends", "no_answer", "ended before it stood"),
        ("endless", "no_answer", "something that is not understood"),
        ("refuses", "bad_root", "words"),
    ] {
        let (found, said) = fails(what).await;
        assert_eq!(found, code, "{said}");
        assert!(said.contains(words), "{said}");
        assert!(code != "no_answer" || said.contains("logs/host.log"), "{said}");
    }
    let dir = tempfile::tempdir().unwrap();
    let nowhere = Program {
        path: "/nowhere/drawbridge".into(),
        search_path: None,
    };
    let error = spawn::host(&nowhere, dir.path(), &HostSetup::default()).await;
    assert_eq!(error.unwrap_err().code(), "spawn");
}

// Time stands still but for what is waited for, so the deadlines need none.
#[tokio::test(start_paused = true)]
async fn a_host_that_says_nothing_is_ended_at_the_deadline() {
    let begun = Instant::now();
    let (code, said) = fails("silent").await;
    assert_eq!(code, "timeout", "{said}");
    let took = begun.elapsed();
    assert!(
        (Duration::from_secs(20)..Duration::from_secs(25)).contains(&took),
        "{took:?}"
    );
}

#[derive(Debug)]
enum Failed {
    Spawn(#[allow(dead_code, reason = "shown when a test fails")] SpawnError),
    Control(ControlError),
}

impl From<SpawnError> for Failed {
    fn from(error: SpawnError) -> Self {
        Failed::Spawn(error)
    }
}

impl From<ControlError> for Failed {
    fn from(error: ControlError) -> Self {
        Failed::Control(error)
    }
}

#[tokio::test]
async fn who_was_slower_attaches_to_the_host_that_stands() {
    let dir = tempfile::tempdir().unwrap();
    let data = place(&dir, "second");
    let started = spawn::host(&program(), &data, &HostSetup::default()).await;
    assert!(matches!(started, Ok(Started::AlreadyRunning)), "{started:?}");
    let host = FakeHost::at(&data);
    let (program, setup) = (program(), HostSetup::default());
    let attach = || ControlClient::connect(&data, "a test", true);
    let start = spawn::start::<_, Failed, _>(&program, &data, &setup, attach);
    let answer = async {
        let mut end = host.client().await;
        assert_eq!(end.introduced().await.client, "a test");
        end
    };
    let (started, _end) = tokio::join!(start, answer);
    assert!(started.unwrap().1.is_none(), "the host is somebody else's");
}

// In real time: the program must get to its word.
#[tokio::test]
async fn a_host_whose_socket_never_comes_is_given_up() {
    let dir = tempfile::tempdir().unwrap();
    let data = place(&dir, "second");
    let begun = Instant::now();
    let attach = || ControlClient::connect(&data, "a test", true);
    let outcome = spawn::start::<_, Failed, _>(&program(), &data, &HostSetup::default(), attach).await;
    assert!(
        matches!(&outcome, Err(Failed::Control(error)) if error.code() == "no_host"),
        "{outcome:?}"
    );
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
}
