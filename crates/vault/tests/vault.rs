//! What a host does with a vault.
//!
//! proves S0.07, S0.08, S5.40, S5.41, S5.43
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on must fail"
)]

mod common;

use common::{CANARY, MCP_CANARY, Place, assert_no_plaintext, enrollment, id};
use drawbridge_vault::{
    Condition, Confirmed, Disabled, KeyError, KeyStore, LoadedKey, Notice, Vault, VaultError, VaultHandle,
};
use drawbridge_wire::Secret;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

#[test]
fn an_enrollment_comes_back_as_it_was_saved() {
    let place = Place::new();
    let mut saved = enrollment("bus", "Bus \"of\" ü\u{0}\n");
    saved.host_id = Some("host-1".into());
    saved.disabled = Some(Disabled {
        reason: "revoked".into(),
        at: Some(5),
    });
    saved.ca_file = Some("/etc/ca.pem".into());
    saved.on = false;
    let mut vault = place.open();
    vault.put(saved.clone()).unwrap();
    assert_eq!(vault.get(&id("bus")).unwrap().name, saved.name);
    drop(vault);

    let vault = place.open();
    let found = vault.get(&id("bus")).unwrap();
    assert!(found.token == saved.token);
    let (found_mcp, saved_mcp) = (found.mcp.clone().unwrap(), saved.mcp.clone().unwrap());
    assert!(found_mcp.token == saved_mcp.token && found_mcp.url == saved_mcp.url);
    assert_eq!(format!("{found:?}"), format!("{saved:?}"));
    assert_no_plaintext(place.0.path());
}

#[test]
fn each_bus_has_a_file_and_goes_with_it() {
    let place = Place::new();
    let mut vault = place.open();
    for bus in ["one", "two"] {
        vault.put(enrollment(bus, bus)).unwrap();
    }
    vault
        .confirm(Confirmed {
            settings: BTreeMap::from([("roots".into(), serde_json::json!(["/work"]))]),
            at: 7,
        })
        .unwrap();
    let names = |place: &Place| -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(place.dir())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    assert_eq!(
        names(&place),
        [
            "confirmed.age",
            "confirmed.age.bak",
            "one.age",
            "one.age.bak",
            "two.age",
            "two.age.bak",
            "vault.lock"
        ]
    );
    vault.remove(&id("one")).unwrap();
    assert_eq!(vault.remove(&id("one")).unwrap_err().code(), "no_such_entry");
    assert_eq!(vault.get(&id("one")).unwrap_err().code(), "no_such_entry");
    assert_eq!(
        names(&place),
        [
            "confirmed.age",
            "confirmed.age.bak",
            "two.age",
            "two.age.bak",
            "vault.lock"
        ]
    );
    drop(vault);
    let mut vault = place.open();
    assert_eq!(
        vault.list().map(|found| found.id.as_str()).collect::<Vec<_>>(),
        ["two"]
    );
    assert_eq!(vault.confirmed().unwrap().unwrap().at, 7);
    vault.forget_confirmed().unwrap();
    assert_eq!(vault.confirmed().unwrap(), None);
    drop(vault);
    // Not the same as if there never were any, as long as something is enrolled.
    assert_eq!(place.open().confirmed().unwrap_err().code(), "file_damaged");
    place.open().remove(&id("two")).unwrap();
    assert_eq!(place.open().confirmed().unwrap(), None);
}

#[test]
fn two_buses_at_like_addresses_get_two_ids() {
    let place = Place::new();
    let mut vault = place.open();
    for expected in ["bus-example-org", "bus-example-org-2", "bus-example-org-3"] {
        let free = vault.free_id("https://bus.example.org");
        assert_eq!(free.as_str(), expected);
        vault.put(enrollment(free.as_str(), "bus")).unwrap();
    }
}

#[test]
fn nothing_that_is_shown_shows_a_secret() {
    let place = Place::new();
    let mut vault = place.open();
    vault.put(enrollment("bus", "bus")).unwrap();
    let shown = format!(
        "{vault:?} {:?} {:?} {}",
        vault.get(&id("bus")).unwrap(),
        vault.state(),
        serde_json::to_string(&vault.state()).unwrap()
    );
    for secret in [CANARY, MCP_CANARY, "AGE-SECRET-KEY"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    assert!(shown.contains("key_file"), "{shown}");
}

#[test]
fn another_key_reads_everything_and_the_old_one_nothing() {
    let place = Place::new();
    let mut vault = place.open();
    for bus in ["one", "two"] {
        vault.put(enrollment(bus, bus)).unwrap();
    }
    let old = place.key();
    vault.rotate().unwrap();
    vault.put(enrollment("three", "three")).unwrap();
    drop(vault);
    let new = place.key();
    assert!(new != old && !new.contains(old.trim()));
    assert_eq!(place.open().list().count(), 3);

    let old_identity: age::x25519::Identity = old.trim().parse().unwrap();
    let new_identity: age::x25519::Identity = new.trim().parse().unwrap();
    for (path, bytes) in common::files_below(&place.dir()) {
        if path.to_string_lossy().contains(".age") {
            assert!(age::decrypt(&old_identity, &bytes).is_err(), "{}", path.display());
            assert!(age::decrypt(&new_identity, &bytes).is_ok(), "{}", path.display());
        }
    }
}

#[test]
fn a_change_of_the_key_waits_for_a_file_that_cannot_be_read() {
    let place = Place::new();
    let mut vault = place.open();
    for bus in ["one", "two"] {
        vault.put(enrollment(bus, bus)).unwrap();
    }
    drop(vault);
    let sealed = std::fs::read(place.dir().join("one.age")).unwrap();
    for name in ["one.age", "one.age.bak"] {
        std::fs::write(place.dir().join(name), b"garbage").unwrap();
    }
    let mut vault = place.open();
    assert_eq!(vault.rotate().unwrap_err().code(), "file_damaged");
    drop(vault);
    // A person put a new key above the old one meanwhile: begun, but not finished.
    let both = format!("{}\n{}", new_identity(), place.key());
    std::fs::write(place.0.path().join("key"), &both).unwrap();
    let vault = place.open();
    assert!(
        vault.state().notices.contains(&Notice::RotationUnfinished),
        "{:?}",
        vault.state()
    );
    drop(vault);
    assert_eq!(place.key(), both, "the old key is still needed");
    // From a backup, made with the old key: it is read and the change ends.
    std::fs::write(place.dir().join("one.age"), sealed).unwrap();
    let vault = place.open();
    assert!(
        vault.state().notices.contains(&Notice::RotationFinished),
        "{:?}",
        vault.state()
    );
    assert_eq!(vault.list().count(), 2);
    assert!(
        vault
            .state()
            .files
            .iter()
            .all(|file| file.condition == Condition::Good)
    );
    drop(vault);
    assert_eq!(place.key().lines().count(), 1);
}

fn new_identity() -> String {
    use age::secrecy::ExposeSecret;
    age::x25519::Identity::generate()
        .to_string()
        .expose_secret()
        .to_owned()
}

#[test]
fn an_export_is_for_its_recipient_only_and_comes_in_elsewhere() {
    let (from, to) = (Place::new(), Place::new());
    let mut vault = from.open();
    for bus in ["one", "two"] {
        vault.put(enrollment(bus, "exported")).unwrap();
    }
    vault.confirm(Confirmed::default()).unwrap();
    drop(to.open());
    assert_eq!(vault.export("age1nonsense").unwrap_err().code(), "bad_recipient");
    assert_eq!(vault.export(&from.key()).unwrap_err().code(), "bad_recipient");
    let export = vault.export(&to.recipient()).unwrap();
    let path = to.0.path().join("export.age");
    std::fs::write(&path, &export).unwrap();
    assert_no_plaintext(to.0.path());

    let mut other = to.open();
    other.put(enrollment("one", "here already")).unwrap();
    let import =
        |other: &mut Vault, bytes: &[u8], key: &str, replace| other.import(bytes, &Secret::new(key), replace);
    assert_eq!(
        import(&mut other, &export, &from.key(), false)
            .unwrap_err()
            .code(),
        "wrong_key"
    );
    assert_eq!(
        import(&mut other, &export, "nonsense", false).unwrap_err().code(),
        "bad_identity"
    );
    assert_eq!(
        import(&mut other, &export[..100], &to.key(), false)
            .unwrap_err()
            .code(),
        "file_damaged"
    );
    let file_of_a_vault = std::fs::read(to.dir().join("one.age")).unwrap();
    assert_eq!(
        import(&mut other, &file_of_a_vault, &to.key(), false)
            .unwrap_err()
            .code(),
        "file_damaged"
    );
    assert_eq!(other.list().count(), 1, "a failed import imports nothing");
    for (wrong, key) in [
        (&export[..100], to.key()),
        (&b"no export"[..], to.key()),
        (&file_of_a_vault[..], to.key()),
        (&export[..], from.key()),
    ] {
        let text = import(&mut other, wrong, &key, false).unwrap_err().to_string();
        assert!(text.starts_with("the export "), "{text}");
        assert!(text.contains("no enrollment was changed"), "{text}");
        assert!(!text.contains("forget") && !text.contains("backup"), "{text}");
    }

    let report = import(&mut other, &export, &to.key(), false).unwrap();
    assert_eq!((report.added, report.kept), (vec![id("two")], vec![id("one")]));
    assert_eq!(other.get(&id("one")).unwrap().name, "here already");
    let report = import(&mut other, &export, &to.key(), true).unwrap();
    assert_eq!(report.replaced, [id("one"), id("two")]);
    assert!(other.get(&id("one")).unwrap().token == enrollment("one", "exported").token);
    // Somebody has to confirm them here.
    assert_eq!(other.confirmed().unwrap(), None);
}

/// Keeps what it is given, or says so and does not.
struct Forgetful {
    kept: Mutex<Option<Secret>>,
    keeps: bool,
}

impl KeyStore for Forgetful {
    fn load(&self) -> Result<Option<LoadedKey>, KeyError> {
        let kept = self.kept.lock().unwrap().clone();
        Ok(kept.map(|text| LoadedKey {
            text,
            volatile: false,
        }))
    }
    fn save(&self, key: &Secret) -> Result<(), KeyError> {
        if self.keeps {
            *self.kept.lock().unwrap() = Some(key.clone());
        }
        Ok(())
    }
    fn delete(&self) -> Result<(), KeyError> {
        *self.kept.lock().unwrap() = None;
        Ok(())
    }
    fn probe(&self) -> Result<(), KeyError> {
        Ok(())
    }
    fn describe(&self) -> String {
        "a place of the test".into()
    }
    fn kind(&self) -> &'static str {
        "test"
    }
}

fn forgetful(keeps: bool) -> Arc<Forgetful> {
    Arc::new(Forgetful {
        kept: Mutex::default(),
        keeps,
    })
}

#[test]
fn a_key_that_does_not_come_back_was_not_saved() {
    let place = Place::new();
    let error = Vault::open_with(&place.dir(), forgetful(false)).unwrap_err();
    assert_eq!(error.code(), "key_not_kept", "{error}");
    // The same place in order: another back end than the built-in ones.
    let store = forgetful(true);
    let mut vault = Vault::open_with(&place.dir(), store.clone()).unwrap();
    vault.put(enrollment("bus", "bus")).unwrap();
    drop(vault);
    let vault = Vault::open_with(&place.dir(), store).unwrap();
    assert_eq!((vault.list().count(), vault.state().key.kind), (1, "test"));
}

#[test]
fn a_key_has_256_random_bits_of_its_own() {
    let (one, other) = (Place::new(), Place::new());
    drop(one.open());
    drop(other.open());
    assert!(one.key() != other.key());
    // 32 bytes in Bech32: 52 letters after the prefix, and 6 of a checksum.
    assert_eq!(one.key().trim().len(), "AGE-SECRET-KEY-1".len() + 52 + 6);
}

#[cfg(unix)]
#[test]
fn what_was_not_saved_is_not_there_and_the_old_is() {
    let place = Place::new();
    let mut vault = place.open();
    vault.put(enrollment("bus", "old")).unwrap();
    place.block("bus.age");
    let error = vault.put(enrollment("bus", "new")).unwrap_err();
    assert_eq!(error.code(), "vault_io", "{error}");
    assert!(
        vault.get(&id("bus")).is_ok_and(|found| found.name == "old"),
        "from the copy"
    );
}

#[test]
fn the_folder_and_its_files_are_closed_to_others() {
    let place = Place::new();
    let mut vault = place.open();
    vault.put(enrollment("bus", "bus")).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&place.dir()), 0o700);
        for (path, _) in common::files_below(place.0.path()) {
            assert_eq!(mode(&path), 0o600, "{}", path.display());
        }
    }
}

#[tokio::test]
async fn the_handle_does_the_same_and_shows_the_state() {
    let place = Place::new();
    let vault = VaultHandle::open(&place.dir(), &place.source()).await.unwrap();
    let mut state = vault.state();
    assert_eq!(state.borrow_and_update().files, []);
    vault.put(enrollment("bus", "bus")).await.unwrap();
    assert!(state.has_changed().unwrap());
    assert_eq!(state.borrow_and_update().files.len(), 1);
    assert_eq!(vault.list().await.unwrap().len(), 1);
    assert_eq!(vault.get(id("none")).await.unwrap_err().code(), "no_such_entry");
    vault.confirm(Confirmed::default()).await.unwrap();
    assert_eq!(vault.confirmed().await.unwrap(), Some(Confirmed::default()));
    vault.forget_confirmed().await.unwrap();
    vault.rotate().await.unwrap();
    let export = vault.export(place.recipient()).await.unwrap();
    let report = vault
        .import(export, Secret::new(&place.key()), true)
        .await
        .unwrap();
    assert_eq!(report.replaced, [id("bus")]);
    assert_eq!(vault.free_id("https://bus".into()).await.unwrap(), id("bus-2"));
    let error = VaultHandle::open(&place.dir(), &place.source())
        .await
        .unwrap_err();
    assert_eq!(error.code(), "vault_in_use");
    vault.remove(id("bus")).await.unwrap();
    vault.close().await.unwrap();
    let vault = VaultHandle::reset(&place.dir(), &place.source()).await.unwrap();
    assert_eq!(vault.list().await.unwrap().len(), 0);
    vault.close().await.unwrap();
}

#[tokio::test]
async fn a_vault_that_hangs_does_not_hang_its_callers() {
    let place = Place::new();
    let (dir, source) = (place.dir(), place.source());
    let (let_go, held) = std::sync::mpsc::channel::<()>();
    let hanging = tokio::spawn(VaultHandle::start(move || {
        let _ = held.recv();
        Vault::open(&dir, &source)
    }));
    // The loop goes on while it hangs.
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    assert!(!hanging.is_finished());
    let_go.send(()).unwrap();
    let vault = hanging.await.unwrap().unwrap();
    vault.close().await.unwrap();
    let failed = VaultHandle::start(|| Err(VaultError::BadId)).await.unwrap_err();
    assert_eq!(failed.code(), "bad_id");
}

/// The clock jumps ahead when nothing else is to do.
#[tokio::test(start_paused = true)]
async fn a_vault_that_never_answers_is_named_at_the_deadline() {
    let place = Place::new();
    let (dir, source) = (place.dir(), place.source());
    let (let_go, held) = std::sync::mpsc::channel::<()>();
    let error = VaultHandle::start(move || {
        let _ = held.recv();
        Vault::open(&dir, &source)
    })
    .await
    .unwrap_err();
    assert_eq!(error.code(), "vault_slow", "{error}");
    drop(let_go);
}
