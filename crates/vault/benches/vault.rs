//! Medians of unlocking and saving: `cargo xtask bench vault`.
//!
//! Unlocking is all that a start of the host does: take the lock, get the key, read and decrypt three
//! enrollments and compare their copies. Saving is one changed enrollment with its copy, synced to the disk and
//! read back. Once with a key file, once with the key in a real Secret Service (Linux).
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a program for the terminal that must fail when it cannot measure"
)]

use drawbridge_vault::{BusId, Enrollment, KeySource, McpServer, Vault};
use drawbridge_wire::Secret;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// What unlocking may take.
const BUDGET: Duration = Duration::from_millis(50);
const ROUNDS: usize = 41;

fn main() -> ExitCode {
    #[cfg(target_os = "linux")]
    if let Some(session) = drawbridge_testkit::secret_service::Session::attached() {
        session.start_keyring(Some("bench")).unwrap();
        return measure(
            "Secret Service",
            &session.folder().join("keyring-vault"),
            &KeySource::Keyring,
        );
    }
    let built = if cfg!(debug_assertions) {
        "dev profile (unoptimized)"
    } else {
        "release profile"
    };
    println!("vault: {ROUNDS} rounds each, {built}");
    let scratch = drawbridge_testkit::home::scratch_dir("bench").unwrap();
    let file = KeySource::KeyFile(scratch.path().join("key"));
    let done = measure("key file", &scratch.path().join("vault"), &file);
    if done == ExitCode::SUCCESS {
        keyring(scratch.path())
    } else {
        done
    }
}

/// In a child, because a session is known to a process by its environment.
#[cfg(target_os = "linux")]
fn keyring(folder: &Path) -> ExitCode {
    let session = drawbridge_testkit::secret_service::Session::start(folder).unwrap();
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    let status = session.apply(&mut command).status().unwrap();
    if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

#[cfg(not(target_os = "linux"))]
fn keyring(_: &Path) -> ExitCode {
    println!("  the keyring of this system is not measured: it is yours");
    ExitCode::SUCCESS
}

fn measure(name: &str, dir: &Path, source: &KeySource) -> ExitCode {
    let mut vault = Vault::open(dir, source).unwrap();
    for id in ["one", "two", "three"] {
        vault.put(enrollment(id, 0)).unwrap();
    }
    drop(vault);
    let (mut unlocks, mut saves) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let begin = Instant::now();
        let mut vault = Vault::open(dir, source).unwrap();
        unlocks.push(begin.elapsed());
        assert_eq!(vault.list().count(), 3);
        let begin = Instant::now();
        vault.put(enrollment("one", round)).unwrap();
        saves.push(begin.elapsed());
    }
    let (unlock, save) = (Spread::of(unlocks), Spread::of(saves));
    println!("  {name:<15} unlock {unlock}   save {save}");
    if unlock.median > BUDGET {
        println!("  {name}: unlocking takes longer than {BUDGET:?}");
        return ExitCode::FAILURE;
    }
    println!("  {name:<15} unlock within {BUDGET:?}: yes");
    ExitCode::SUCCESS
}

struct Spread {
    median: Duration,
    slowest: Duration,
}

impl Spread {
    fn of(mut times: Vec<Duration>) -> Self {
        times.sort();
        Self {
            median: times[times.len() / 2],
            slowest: times[times.len() - 1],
        }
    }
}

impl std::fmt::Display for Spread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ms = |time: Duration| time.as_secs_f64() * 1000.0;
        write!(
            f,
            "median {:.1} ms, slowest {:.1} ms;",
            ms(self.median),
            ms(self.slowest)
        )
    }
}

fn enrollment(id: &str, round: usize) -> Enrollment {
    Enrollment {
        id: BusId::new(id).unwrap(),
        name: format!("round {round}"),
        api_origin: "https://bus.example.org".into(),
        host_id: None,
        token: Secret::new(&"t".repeat(64)),
        on: true,
        disabled: None,
        mcp: Some(McpServer {
            name: "codex-agents".into(),
            url: "https://bus.example.org/mcp".into(),
            token: Some(Secret::new(&"m".repeat(64))),
        }),
        bus: None,
        ca_file: None,
        made_at: 1,
    }
}
