//! The real binary in front of a host played by the test.

#![allow(dead_code, reason = "each test file uses its part")]

use drawbridge_testkit::fake_host::quiet;
use drawbridge_wire::Decision;
use drawbridge_wire::control::{ApprovalKind, ApprovalState, ApprovalView, Choice, HostView, LeaseView};
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// Longest wait for anything in a test.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// The real binary, without the variables of whoever runs the tests.
pub(crate) fn drawbridge(data_dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_drawbridge"));
    command
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", data_dir)
        .env("DRAWBRIDGE_DATA_DIR", data_dir);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// What it printed and how it ended.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Waits for the end of a process.
pub(crate) async fn ended(child: Child) -> Ended {
    let Output {
        status,
        stdout,
        stderr,
    } = timeout(SOON, child.wait_with_output())
        .await
        .expect("it ends")
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ended {
        code: status.code(),
        stdout: text(stdout),
        stderr: text(stderr),
    }
}

/// Everything another process can read of what a process was started with.
pub(crate) fn shown_to_others(pid: u32) -> String {
    let read = |file: &str| {
        String::from_utf8_lossy(&std::fs::read(format!("/proc/{pid}/{file}")).unwrap()).replace('\0', "\n")
    };
    format!("{}\n{}", read("cmdline"), read("environ"))
}

/// A quiet host; its only lease is that of `pid`.
pub(crate) fn view(data_dir: &Path, lease_of: Option<u32>) -> HostView {
    let lease = |pid| LeaseView {
        client: "drawbridge connect".to_owned(),
        pid: Some(pid),
    };
    HostView {
        leases: lease_of.map(lease).into_iter().collect(),
        ..quiet(data_dir)
    }
}

/// An open approval.
pub(crate) fn approval(id: &str) -> ApprovalView {
    ApprovalView {
        id: id.to_owned(),
        kind: ApprovalKind::Command,
        thread: Some("T".to_owned()),
        turn: Some("U".to_owned()),
        origin: "local".to_owned(),
        cwd: None,
        headline: format!("Run a command: touch {id}"),
        body: format!("Command\n  │ touch {id}\nWorking directory\n  │ /w"),
        parts: Vec::new(),
        form: None,
        digest: format!("d1gest0f{id}"),
        choices: [
            (Decision::Accept, "Run it once"),
            (Decision::Decline, "Say no"),
            (Decision::Cancel, "Say no and end the turn"),
        ]
        .map(|(decision, label)| Choice {
            decision,
            label: label.to_owned(),
        })
        .into(),
        raised_at_ms: 1,
        deadline_ms: u64::MAX,
        state: ApprovalState::Open,
        outcome: None,
    }
}
