//! The key in a real Secret Service: GNOME Keyring in a private D-Bus session.
//!
//! The session is known to a process by its environment only, so each test runs its ignored half in a child.
//!
//! proves S0.07, S0.08, S5.42
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on must fail"
)]

mod common;

use common::{assert_no_plaintext, enrollment};
use drawbridge_testkit::home::scratch_dir;
use drawbridge_testkit::secret_service::Session;
use drawbridge_vault::{BusId, Condition, KeySource, Notice, Vault, VaultError, VaultHandle};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

const PASSWORD: &str = "correct horse";
/// The deadline of a call to the keyring, and what a loaded computer may add.
const DEADLINE: Duration = Duration::from_millis(5_000);
const MARGIN: Duration = Duration::from_millis(1_500);
/// By when it is known that there is no keyring, although it might have come back.
const SOON: Duration = Duration::from_secs(2);

/// Runs the ignored half in a session, and makes sure that nothing of it is left.
fn in_a_session(half: &str) {
    let scratch = scratch_dir("vault").unwrap();
    let session = Session::start(scratch.path()).unwrap();
    let status = session.run_test(half).unwrap();
    assert!(status.success(), "{half}: {status}");
    let left = session.leftovers().unwrap();
    assert!(left.is_empty(), "processes of the session are left: {left:?}");
    drop(session);
}

fn session() -> Session {
    Session::attached().expect("run by the test of the same name, in a session")
}

fn vault_dir(session: &Session) -> PathBuf {
    session.folder().join("data/vault")
}

fn open(dir: &Path) -> Result<Vault, VaultError> {
    Vault::open(dir, &KeySource::Keyring)
}

fn code(opened: Result<Vault, VaultError>) -> &'static str {
    opened.expect_err("it opened").code()
}

/// Counts on while something else is awaited: whether an event loop is responsive.
struct Ticker {
    ticks: Arc<AtomicU64>,
    task: tokio::task::JoinHandle<()>,
}

impl Ticker {
    fn start() -> Self {
        let ticks = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&ticks);
        let task = tokio::spawn(async move {
            let mut interval = tokio::time::interval(Duration::from_millis(10));
            interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                interval.tick().await;
                counted.fetch_add(1, Ordering::SeqCst);
            }
        });
        Self { ticks, task }
    }

    /// A loop that was blocked for long has ticked far less than the time allows.
    fn assert_ticked_through(self, took: Duration) {
        self.task.abort();
        let expected = took.as_millis() / 40;
        let ticked = u128::from(self.ticks.load(Ordering::SeqCst));
        assert!(ticked >= expected, "{ticked} ticks in {took:?}");
    }
}

fn keyring_threads() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    tasks
        .flatten()
        .filter(|task| {
            std::fs::read_to_string(task.path().join("comm")).is_ok_and(|name| name.trim() == "keyring")
        })
        .count()
}

#[test]
fn saved_survives_lock_unlock_and_a_restart_of_the_keyring() {
    in_a_session("saved_survives_inside");
}

#[test]
#[ignore = "the half that runs in a session"]
fn saved_survives_inside() {
    let session = session();
    let dir = vault_dir(&session);
    let bus = BusId::new("bus").unwrap();
    session.start_keyring(Some(PASSWORD)).unwrap();

    let mut vault = open(&dir).unwrap();
    assert_eq!(vault.state().notices, [Notice::KeyMade]);
    assert_eq!(vault.state().key.kind, "keyring");
    vault.put(enrollment("bus", "first")).unwrap();
    drop(vault);

    // Again, from the keyring.
    let vault = open(&dir).unwrap();
    assert_eq!(vault.get(&bus).unwrap().name, "first");
    assert_eq!(vault.state().notices, []);
    drop(vault);

    // A look reads it as well; where it would have to ask, it does not.
    let look = || Vault::look(&dir, &KeySource::Keyring);
    assert_eq!(look().unwrap().enrollments[0].name, "first");

    // Locked and unlocked again.
    session.lock().unwrap();
    let begin = Instant::now();
    assert_eq!(look().unwrap_err().code(), "keyring_locked");
    assert!(begin.elapsed() < Duration::from_secs(2), "it waited for somebody");
    assert_eq!(code(open(&dir)), "keyring_locked");
    session.unlock(PASSWORD).unwrap();
    let mut vault = open(&dir).unwrap();
    assert_eq!(vault.get(&bus).unwrap().token, enrollment("bus", "first").token);
    vault.put(enrollment("bus", "second")).unwrap();
    drop(vault);

    // The service itself restarted: first gone, then there but locked, then unlocked.
    session.stop_keyring().unwrap();
    assert_eq!(look().unwrap_err().code(), "keyring_absent");
    assert_eq!(code(open(&dir)), "keyring_absent");
    session.start_keyring(None).unwrap();
    assert_eq!(code(open(&dir)), "keyring_locked");
    session.unlock(PASSWORD).unwrap();
    let mut vault = open(&dir).unwrap();
    assert_eq!(vault.get(&bus).unwrap().name, "second");

    // Another key, through the keyring.
    vault.rotate().unwrap();
    drop(vault);
    session.start_keyring(Some(PASSWORD)).unwrap();
    let vault = open(&dir).unwrap();
    assert_eq!(vault.get(&bus).unwrap().name, "second");
    assert!(
        vault
            .state()
            .files
            .iter()
            .all(|file| file.condition == Condition::Good),
        "{:?}",
        vault.state()
    );
    drop(vault);
    // What the keyring keeps on the disk is in the session's folder too.
    assert_no_plaintext(session.folder());
}

#[test]
fn a_locked_keyring_that_nobody_unlocks_has_a_name_within_the_deadline() {
    in_a_session("locked_for_ever_inside");
}

#[tokio::test]
#[ignore = "the half that runs in a session"]
async fn locked_for_ever_inside() {
    let session = session();
    let dir = vault_dir(&session);
    session.start_keyring(Some(PASSWORD)).unwrap();
    let vault = VaultHandle::open(&dir, &KeySource::Keyring).await.unwrap();
    vault.put(enrollment("bus", "kept")).await.unwrap();
    vault.close().await.unwrap();
    session.silent_prompter().unwrap();
    session.lock().unwrap();

    // The first call waits for the person as long as it may; the loop goes on.
    let ticker = Ticker::start();
    let begin = Instant::now();
    let error = VaultHandle::open(&dir, &KeySource::Keyring).await.unwrap_err();
    let took = begin.elapsed();
    assert_eq!(error.code(), "keyring_locked", "{error}");
    assert!(error.to_string().contains("unlock it"), "{error}");
    assert!(took >= DEADLINE && took < DEADLINE + MARGIN, "{took:?}");
    ticker.assert_ticked_through(took);

    // While the prompt is open, further calls fail at once and add no threads.
    for _ in 0..20 {
        let begin = Instant::now();
        let error = VaultHandle::open(&dir, &KeySource::Keyring).await.unwrap_err();
        assert_eq!(error.code(), "keyring_locked", "{error}");
        assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
    }
    assert_eq!(keyring_threads(), 1);

    // Unlocked by other means than the prompt: the waiting call notices, and everything works again.
    session.unlock(PASSWORD).unwrap();
    let begin = Instant::now();
    let vault = loop {
        match VaultHandle::open(&dir, &KeySource::Keyring).await {
            Ok(vault) => break vault,
            Err(error) => assert_eq!(error.code(), "keyring_locked", "{error}"),
        }
        assert!(
            begin.elapsed() < DEADLINE,
            "still locked after {:?}",
            begin.elapsed()
        );
        tokio::task::yield_now().await;
    };
    assert_eq!(vault.get(BusId::new("bus").unwrap()).await.unwrap().name, "kept");
    vault.close().await.unwrap();
}

#[test]
fn no_secret_service_is_named_at_once() {
    in_a_session("no_service_inside");
    // Not even a bus.
    let program = std::env::current_exe().unwrap();
    let scratch = scratch_dir("vault").unwrap();
    let status = Command::new(program)
        .args(["no_bus_inside", "--exact", "--ignored", "--nocapture"])
        .env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus")
        .env("XDG_RUNTIME_DIR", scratch.path())
        .env("VAULT_TEST_DIR", scratch.path())
        .status()
        .unwrap();
    assert!(status.success(), "{status}");
}

#[tokio::test]
#[ignore = "the half that runs in a session"]
async fn no_service_inside() {
    let session = session();
    absent_soon(&vault_dir(&session), "nobody on the session bus").await;
    // One that was stopped stays away.
    session.start_keyring(Some(PASSWORD)).unwrap();
    session.stop_keyring().unwrap();
    absent_soon(&vault_dir(&session), "nobody on the session bus").await;
}

#[tokio::test]
#[ignore = "the half that runs without a bus"]
async fn no_bus_inside() {
    let dir = PathBuf::from(std::env::var_os("VAULT_TEST_DIR").unwrap());
    absent_soon(&dir, "no session bus").await;
}

async fn absent_soon(dir: &Path, why: &str) {
    let ticker = Ticker::start();
    let begin = Instant::now();
    for _ in 0..3 {
        let begin = Instant::now();
        let error = VaultHandle::open(dir, &KeySource::Keyring).await.unwrap_err();
        assert_eq!(error.code(), "keyring_absent", "{error}");
        let said = error.to_string();
        assert!(said.contains("--key-file") && said.contains(why), "{error}");
        assert!(begin.elapsed() < SOON, "{:?}", begin.elapsed());
    }
    ticker.assert_ticked_through(begin.elapsed());
    assert!(
        common::files_below(dir)
            .iter()
            .all(|(path, _)| path.extension() != Some("age".as_ref()))
    );
}

#[test]
fn a_keyring_that_crashes_is_back_for_the_call_that_missed_it() {
    in_a_session("crashes_inside");
}

#[tokio::test]
#[ignore = "the half that runs in a session"]
async fn crashes_inside() {
    let session = session();
    let dir = vault_dir(&session);
    session.start_keyring(Some(PASSWORD)).unwrap();
    // Proven and written, read, replaced, looked at, and looked for: each right after a crash.
    session.crash_keyring().unwrap();
    let vault = VaultHandle::open(&dir, &KeySource::Keyring).await.unwrap();
    vault.put(enrollment("bus", "kept")).await.unwrap();
    vault.close().await.unwrap();

    session.crash_keyring().unwrap();
    let vault = VaultHandle::open(&dir, &KeySource::Keyring).await.unwrap();
    session.crash_keyring().unwrap();
    vault.rotate().await.unwrap();
    vault.close().await.unwrap();

    session.crash_keyring().unwrap();
    let looked = Vault::look(&dir, &KeySource::Keyring).unwrap();
    assert_eq!(looked.enrollments[0].name, "kept");
    session.crash_keyring().unwrap();
    let seen = drawbridge_vault::glance(DEADLINE).await.unwrap();
    assert_eq!(seen, drawbridge_vault::Glance::Unlocked);
}

#[test]
fn a_keyring_that_goes_away_during_the_call_is_told_from_none() {
    in_a_session("goes_away_inside");
}

#[test]
#[ignore = "the half that runs in a session"]
fn goes_away_inside() {
    let session = session();
    let dir = vault_dir(&session);
    session.start_keyring(Some(PASSWORD)).unwrap();
    session.stop_keyring().unwrap();
    session.vanishing_keyring().unwrap();
    let begin = Instant::now();
    let error = open(&dir).unwrap_err();
    assert_eq!(error.code(), "keyring_absent", "{error}");
    assert!(error.to_string().contains("went away during the call"), "{error}");
    assert!(begin.elapsed() < SOON, "{:?}", begin.elapsed());

    // The same with one that comes in its place.
    session.vanishing_keyring().unwrap();
    let opening = std::thread::spawn(move || open(&dir));
    session.keyring_gone().unwrap();
    session.start_keyring(Some(PASSWORD)).unwrap();
    opening.join().unwrap().unwrap();
}

#[test]
fn a_keyring_that_never_answers_is_slow_and_costs_one_thread() {
    in_a_session("never_answers_inside");
}

#[tokio::test]
#[ignore = "the half that runs in a session"]
async fn never_answers_inside() {
    let session = session();
    session.silent_keyring().unwrap();
    let ticker = Ticker::start();
    let begin = Instant::now();
    let error = VaultHandle::open(&vault_dir(&session), &KeySource::Keyring)
        .await
        .unwrap_err();
    let took = begin.elapsed();
    assert_eq!(error.code(), "keyring_slow", "{error}");
    assert!(took >= DEADLINE && took < DEADLINE + MARGIN, "{took:?}");
    ticker.assert_ticked_through(took);
    for _ in 0..20 {
        let begin = Instant::now();
        let error = VaultHandle::open(&vault_dir(&session), &KeySource::Keyring)
            .await
            .unwrap_err();
        assert_eq!(error.code(), "keyring_slow", "{error}");
        assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
    }
    assert_eq!(keyring_threads(), 1);
}

#[test]
fn an_empty_answer_of_a_keyring_never_unlocked_is_no_empty_keyring() {
    in_a_session("never_unlocked_inside");
}

#[test]
#[ignore = "the half that runs in a session"]
fn never_unlocked_inside() {
    let session = session();
    let dir = vault_dir(&session);
    // There is a service, but it has no collection: it finds nothing and can keep nothing.
    session.start_keyring(None).unwrap();
    assert_eq!(code(open(&dir)), "keyring_absent");
    session.start_keyring(Some(PASSWORD)).unwrap();
    let mut vault = open(&dir).unwrap();
    vault.put(enrollment("bus", "kept")).unwrap();
    drop(vault);
    // The same with files there: the key is not lost, only the keyring is not open.
    let collections = session.folder().join("home/.local/share/keyrings");
    let aside = session.folder().join("aside");
    session.stop_keyring().unwrap();
    std::fs::rename(&collections, &aside).unwrap();
    session.start_keyring(None).unwrap();
    assert_eq!(code(open(&dir)), "keyring_absent");
    // With a new, working collection it is lost; nothing is overwritten, and a reset keeps the files aside.
    session.start_keyring(Some(PASSWORD)).unwrap();
    let before = common::files_below(&dir);
    let error = open(&dir).unwrap_err();
    assert_eq!(error.code(), "key_lost", "{error}");
    assert!(error.to_string().contains("drawbridge vault reset"), "{error}");
    assert_eq!(common::files_below(&dir), before);
    let vault = Vault::reset(&dir, &KeySource::Keyring).unwrap();
    assert_eq!(vault.list().count(), 0);
    drop(vault);
    assert!(dir.join("lost-1/bus.age").is_file());
    // The old collection back: the old files have their key again.
    session.stop_keyring().unwrap();
    std::fs::remove_dir_all(&collections).unwrap();
    std::fs::rename(&aside, &collections).unwrap();
    session.start_keyring(Some(PASSWORD)).unwrap();
    let vault = open(&dir.join("lost-1")).unwrap();
    assert_eq!(vault.get(&BusId::new("bus").unwrap()).unwrap().name, "kept");
}

#[test]
fn a_keyring_in_memory_and_a_doubled_entry_are_named() {
    in_a_session("volatile_and_ambiguous_inside");
}

#[test]
#[ignore = "the half that runs in a session"]
fn volatile_and_ambiguous_inside() {
    let session = session();
    let dir = vault_dir(&session);
    session.start_keyring(Some(PASSWORD)).unwrap();
    session.default_is_volatile(true).unwrap();
    assert_eq!(code(open(&dir)), "keyring_volatile");
    session.default_is_volatile(false).unwrap();
    let mut vault = open(&dir).unwrap();
    vault.put(enrollment("bus", "kept")).unwrap();
    drop(vault);

    // The name of the key's entry has a copy; without both the key cannot be found, and no new one is made.
    let names = ["vault-id", "vault-id.bak"].map(|name| dir.join(name));
    let name = std::fs::read(&names[0]).unwrap();
    for damaged in &names {
        std::fs::write(damaged, b"garbage").unwrap();
        assert_eq!(open(&dir).unwrap().list().count(), 1);
        assert_eq!(std::fs::read(damaged).unwrap(), name, "it was not put right");
    }
    for gone in &names {
        std::fs::remove_file(gone).unwrap();
    }
    assert_eq!(code(open(&dir)), "key_lost");
    std::fs::write(&names[0], name).unwrap();
    assert_eq!(open(&dir).unwrap().list().count(), 1);

    let id = std::fs::read_to_string(dir.join("vault-id")).unwrap();
    add_entry("drawbridge", id.trim());
    let error = open(&dir).unwrap_err();
    assert_eq!(error.code(), "keyring_ambiguous", "{error}");
    assert!(error.to_string().contains(id.trim()), "{error}");
}

/// As another program would: by the same service and user, and one attribute more.
fn add_entry(service: &str, user: &str) {
    use secret_service::{EncryptionType, blocking::SecretService};
    let keyring = SecretService::connect(EncryptionType::Plain).unwrap();
    let attributes =
        std::collections::HashMap::from([("service", service), ("username", user), ("more", "1")]);
    let collection = keyring.get_default_collection().unwrap();
    collection
        .create_item("double", attributes, b"other", false, "text/plain")
        .unwrap();
}
