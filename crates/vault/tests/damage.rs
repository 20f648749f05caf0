//! Damaged, foreign and newer files: each has a name, or is put right from its good copy and told.
//!
//! proves S0.07, S0.08, S5.40
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on must fail"
)]

mod common;

use common::{assert_no_plaintext, enrollment};
use drawbridge_vault::{BusId, Condition, Confirmed, FileState, KeySource, Vault, VaultError};
use std::path::{Path, PathBuf};

struct Place {
    scratch: tempfile::TempDir,
}

impl Place {
    /// A vault with `one` and `two`.
    fn new() -> Self {
        let place = Self {
            scratch: tempfile::tempdir().unwrap(),
        };
        let mut vault = place.open().unwrap();
        for id in ["one", "two"] {
            vault.put(enrollment(id, "kept")).unwrap();
        }
        drop(vault);
        place
    }
    fn dir(&self) -> PathBuf {
        self.scratch.path().join("vault")
    }
    fn key(&self) -> PathBuf {
        self.scratch.path().join("key")
    }
    fn source(&self) -> KeySource {
        KeySource::KeyFile(self.key())
    }
    fn open(&self) -> Result<Vault, VaultError> {
        Vault::open(&self.dir(), &self.source())
    }
    fn file(&self, name: &str) -> PathBuf {
        self.dir().join(name)
    }
    fn recipient(&self) -> age::x25519::Recipient {
        let text = std::fs::read_to_string(self.key()).unwrap();
        text.trim().parse::<age::x25519::Identity>().unwrap().to_public()
    }
    /// Puts another content into a file and its copy, sealed with the right key.
    fn forge(&self, name: &str, content: &str) -> Vec<u8> {
        let sealed = age::encrypt(&self.recipient(), content.as_bytes()).unwrap();
        std::fs::write(self.file(name), &sealed).unwrap();
        sealed
    }
}

fn one() -> BusId {
    BusId::new("one").unwrap()
}

fn condition(vault: &Vault, name: &str) -> Condition {
    let files: Vec<FileState> = vault.state().files;
    files
        .into_iter()
        .find(|file| file.name == name)
        .unwrap()
        .condition
}

fn unreadable_code(vault: &Vault, name: &str) -> &'static str {
    match condition(vault, name) {
        Condition::Unreadable { code, message } => {
            assert!(message.contains(';'), "no remedy in: {message}");
            code
        }
        other => panic!("{other:?}"),
    }
}

/// The vault with one file changed: with its good copy, then without.
fn with_a_changed_file(place: &Place, at: usize, bytes: &[u8], what: &str) {
    let good = std::fs::read(place.file("one.age.bak")).unwrap();
    std::fs::write(place.file("one.age"), bytes).unwrap();
    let vault = place.open().unwrap_or_else(|error| panic!("{what}: {error}"));
    assert!(
        vault.get(&one()).unwrap().token == enrollment("one", "kept").token,
        "{what}"
    );
    match condition(&vault, "one") {
        Condition::Restored { why, saved_at } => {
            assert!(["file_damaged", "wrong_key"].contains(&why), "{what}: {why}");
            assert!(saved_at > 1_600_000_000);
        }
        other => assert!(bytes == good, "{what}: {other:?}"),
    }
    drop(vault);
    // What was restored stays so.
    if at.is_multiple_of(32) {
        let vault = place.open().unwrap();
        assert_eq!(condition(&vault, "one"), Condition::Good, "{what}");
    }

    let sealed = std::fs::read(place.file("one.age")).unwrap();
    std::fs::write(place.file("one.age"), bytes).unwrap();
    std::fs::remove_file(place.file("one.age.bak")).unwrap();
    let vault = place.open().unwrap_or_else(|error| panic!("{what}: {error}"));
    let code = unreadable_code(&vault, "one");
    assert!(["file_damaged", "wrong_key"].contains(&code), "{what}: {code}");
    assert_eq!(vault.get(&one()).unwrap_err().code(), code, "{what}");
    assert!(
        vault.get(&BusId::new("two").unwrap()).is_ok(),
        "{what}: the other one"
    );
    drop(vault);
    assert_eq!(
        std::fs::read(place.file("one.age")).unwrap(),
        bytes,
        "{what}: it was touched"
    );
    std::fs::write(place.file("one.age"), &sealed).unwrap();
    std::fs::write(place.file("one.age.bak"), &sealed).unwrap();
}

#[test]
fn cut_at_every_length_it_has_a_name_or_is_restored() {
    let place = Place::new();
    let sealed = std::fs::read(place.file("one.age")).unwrap();
    for length in 0..sealed.len() {
        with_a_changed_file(&place, length, &sealed[..length], &format!("cut at {length}"));
    }
}

#[test]
fn with_a_bit_flipped_in_every_byte_it_has_a_name_or_is_restored() {
    let place = Place::new();
    let sealed = std::fs::read(place.file("one.age")).unwrap();
    for at in 0..sealed.len() {
        let mut flipped = sealed.clone();
        flipped[at] ^= 1 << (at % 8);
        with_a_changed_file(&place, at, &flipped, &format!("flipped at {at}"));
    }
}

#[test]
fn a_damaged_copy_is_made_anew() {
    let place = Place::new();
    let sealed = std::fs::read(place.file("one.age")).unwrap();
    for bytes in [None, Some(&b""[..]), Some(b"garbage"), Some(&sealed[..50])] {
        match bytes {
            None => std::fs::remove_file(place.file("one.age.bak")).unwrap(),
            Some(bytes) => std::fs::write(place.file("one.age.bak"), bytes).unwrap(),
        }
        let vault = place.open().unwrap();
        assert_eq!(condition(&vault, "one"), Condition::Good);
        drop(vault);
        assert_eq!(std::fs::read(place.file("one.age.bak")).unwrap(), sealed);
    }
}

#[test]
fn a_missing_file_comes_back_from_its_copy() {
    let place = Place::new();
    std::fs::remove_file(place.file("one.age")).unwrap();
    let vault = place.open().unwrap();
    assert!(matches!(
        condition(&vault, "one"),
        Condition::Restored {
            why: "file_missing",
            ..
        }
    ));
    assert_eq!(vault.get(&one()).unwrap().name, "kept");
    assert!(place.file("one.age").is_file());
}

#[test]
fn the_wrong_key_opens_nothing_and_changes_nothing() {
    let place = Place::new();
    let other = Place::new();
    let before = common::files_below(&place.dir());
    let error = Vault::open(&place.dir(), &other.source()).unwrap_err();
    assert_eq!(error.code(), "wrong_key", "{error}");
    assert_eq!(common::files_below(&place.dir()), before);

    // One file of another vault among ours.
    std::fs::copy(other.file("two.age"), place.file("one.age")).unwrap();
    std::fs::copy(other.file("two.age"), place.file("one.age.bak")).unwrap();
    let vault = place.open().unwrap();
    assert_eq!(unreadable_code(&vault, "one"), "wrong_key");
}

#[test]
fn a_file_from_a_newer_version_is_named_and_not_touched() {
    let place = Place::new();
    let newer = place.forge("one.age", r#"{"version":2,"everything":"else"}"#);
    let copy = std::fs::read(place.file("one.age.bak")).unwrap();
    let mut vault = place.open().unwrap();
    assert_eq!(unreadable_code(&vault, "one"), "file_newer");
    // Neither by a change, nor by another key, nor by an export that would lack it.
    assert_eq!(
        vault.put(enrollment("one", "new")).unwrap_err().code(),
        "file_newer"
    );
    assert_eq!(vault.rotate().unwrap_err().code(), "file_newer");
    let recipient = place.recipient().to_string();
    assert_eq!(vault.export(&recipient).unwrap_err().code(), "file_newer");
    drop(vault);
    assert_eq!(std::fs::read(place.file("one.age")).unwrap(), newer);
    assert_eq!(std::fs::read(place.file("one.age.bak")).unwrap(), copy);
    // Only who says so removes it.
    let mut vault = place.open().unwrap();
    vault.remove(&one()).unwrap();
    vault.put(enrollment("one", "new")).unwrap();
    assert_eq!(vault.get(&one()).unwrap().name, "new");
}

#[test]
fn one_file_under_the_name_of_another_is_damaged() {
    let place = Place::new();
    let mut vault = place.open().unwrap();
    vault.confirm(Confirmed::default()).unwrap();
    drop(vault);
    for other in ["two.age", "confirmed.age"] {
        for name in ["one.age", "one.age.bak"] {
            std::fs::copy(place.file(other), place.file(name)).unwrap();
        }
        let vault = place.open().unwrap();
        assert_eq!(unreadable_code(&vault, "one"), "file_damaged", "{other}");
    }
    std::fs::copy(place.file("two.age"), place.file("confirmed.age")).unwrap();
    std::fs::copy(place.file("two.age"), place.file("confirmed.age.bak")).unwrap();
    let vault = place.open().unwrap();
    // Nothing counts as confirmed then.
    assert_eq!(vault.confirmed().unwrap_err().code(), "file_damaged");
}

#[test]
fn things_that_are_no_files_are_damaged_and_followed_nowhere() {
    let place = Place::new();
    for name in ["one.age", "one.age.bak"] {
        std::fs::remove_file(place.file(name)).unwrap();
    }
    std::fs::create_dir(place.file("one.age")).unwrap();
    let vault = place.open().unwrap();
    assert_eq!(unreadable_code(&vault, "one"), "file_damaged");
    drop(vault);
    std::fs::remove_dir(place.file("one.age")).unwrap();

    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(place.file("two.age"), place.file("one.age")).unwrap();
        let vault = place.open().unwrap();
        assert_eq!(unreadable_code(&vault, "one"), "file_damaged");
        drop(vault);
        std::fs::remove_file(place.file("one.age")).unwrap();
        nix::unistd::mkfifo(&place.file("one.age"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        let vault = place.open().unwrap();
        assert_eq!(unreadable_code(&vault, "one"), "file_damaged");
        drop(vault);
        std::fs::remove_file(place.file("one.age")).unwrap();
    }
    std::fs::write(place.file("one.age"), vec![b'x'; 1 << 20]).unwrap();
    let vault = place.open().unwrap();
    assert_eq!(unreadable_code(&vault, "one"), "file_damaged");
}

#[test]
fn what_cannot_be_read_is_replaced_only_after_it_was_removed() {
    let place = Place::new();
    for name in ["one.age", "one.age.bak"] {
        std::fs::write(place.file(name), b"garbage").unwrap();
    }
    let mut vault = place.open().unwrap();
    assert_eq!(
        vault.put(enrollment("one", "new")).unwrap_err().code(),
        "file_damaged"
    );
    vault.remove(&one()).unwrap();
    assert_eq!(vault.get(&one()).unwrap_err().code(), "no_such_entry");
    vault.put(enrollment("one", "new")).unwrap();
    drop(vault);
    assert_eq!(place.open().unwrap().get(&one()).unwrap().name, "new");
    assert_no_plaintext(place.scratch.path());
}

#[test]
fn remains_of_interrupted_writes_are_swept() {
    let place = Place::new();
    let remains = place.file(".one.age.0123456789abcdef.tmp");
    std::fs::write(&remains, b"half").unwrap();
    let vault = place.open().unwrap();
    assert_eq!(
        vault.state().notices,
        [drawbridge_vault::Notice::Swept { files: 1 }]
    );
    assert!(!remains.exists());
}

#[test]
fn only_one_has_the_vault_open() {
    let place = Place::new();
    let vault = place.open().unwrap();
    assert_eq!(place.open().unwrap_err().code(), "vault_in_use");
    drop(vault);
    drop(place.open().unwrap());
}

#[test]
fn without_its_key_it_is_lost_and_nothing_is_overwritten() {
    let place = Place::new();
    let key = std::fs::read(place.key()).unwrap();
    std::fs::remove_file(place.key()).unwrap();
    let before = common::files_below(&place.dir());
    let error = place.open().unwrap_err();
    assert_eq!(error.code(), "key_lost", "{error}");
    for word in ["drawbridge vault reset", "drawbridge vault import"] {
        assert!(error.to_string().contains(word), "{error}");
    }
    assert_eq!(common::files_below(&place.dir()), before);
    assert!(!place.key().exists());

    let vault = Vault::reset(&place.dir(), &place.source()).unwrap();
    assert_eq!(vault.list().count(), 0);
    drop(vault);
    // The old key opens what was put aside.
    let old = place.scratch.path().join("old-key");
    write_private(&old, &key);
    let aside = Vault::open(&place.file("lost-1"), &KeySource::KeyFile(old)).unwrap();
    assert_eq!(aside.list().count(), 2);
}

/// What was confirmed and is put aside is not the same as nothing that was ever confirmed.
// proves S5.47
#[test]
fn after_a_reset_what_was_confirmed_is_unknown_until_it_is_confirmed_anew() {
    let confirmed = || Confirmed {
        settings: [("answer".to_owned(), "local".into())].into(),
        at: 1,
    };
    for lost in [&["confirmed.age.bak"][..], &["confirmed.age"], &[]] {
        let place = Place::new();
        place.open().unwrap().confirm(confirmed()).unwrap();
        for name in lost {
            std::fs::remove_file(place.file(name)).unwrap();
        }
        for number in 1..=2 {
            std::fs::remove_file(place.key()).unwrap();
            // Without anything that a key opens it is no lost one.
            let opened = place.open().map_err(|error| error.code());
            assert_eq!(opened.err(), (number == 1).then_some("key_lost"));
            drop(Vault::reset(&place.dir(), &place.source()).unwrap());
            for _ in 0..2 {
                let vault = place.open().unwrap();
                assert_eq!(vault.confirmed().unwrap_err().code(), "file_damaged");
            }
            assert!(place.file(&format!("lost-{number}/confirmed.age")).exists());
        }
        let mut vault = place.open().unwrap();
        vault.put(common::enrollment("later", "new")).unwrap();
        vault.rotate().unwrap();
        drop(vault);
        let look = Vault::look(&place.dir(), &place.source()).unwrap();
        let faults: Vec<_> = look
            .files
            .iter()
            .map(|file| (&file.name[..], file.fault.is_some()))
            .collect();
        assert_eq!(faults, [("confirmed", true), ("later", false)]);
        // Another key is another key all the same.
        let own = std::fs::read(place.key()).unwrap();
        let other = Place::new();
        write_private(&place.key(), &std::fs::read(other.key()).unwrap());
        assert_eq!(place.open().unwrap_err().code(), "wrong_key");
        write_private(&place.key(), &own);
        let mut vault = place.open().unwrap();
        assert!(vault.confirmed().is_err());
        vault.forget_confirmed().unwrap();
        vault.confirm(confirmed()).unwrap();
        drop(vault);
        assert_eq!(place.open().unwrap().confirmed().unwrap(), Some(&confirmed()));
    }
}

/// proves S5.40
#[test]
fn what_is_damaged_while_the_vault_is_open_is_found_when_it_is_read_again() {
    let place = Place::new();
    let mut vault = place.open().unwrap();
    vault.reread().unwrap();
    assert_eq!(condition(&vault, "one"), Condition::Good);

    // The file alone: its copy takes its place, and that stays told.
    std::fs::write(place.file("one.age"), "no age file").unwrap();
    for _ in 0..2 {
        vault.reread().unwrap();
        assert!(matches!(condition(&vault, "one"), Condition::Restored { .. }));
        assert_eq!(vault.get(&one()).unwrap().name, "kept");
    }
    // With its copy; and a file that is gone is not good either.
    let aside: Vec<u8> = std::fs::read(place.file("one.age")).unwrap();
    for name in ["one.age", "one.age.bak"] {
        std::fs::write(place.file(name), "no age file").unwrap();
    }
    for name in ["two.age", "two.age.bak"] {
        std::fs::remove_file(place.file(name)).unwrap();
    }
    vault.reread().unwrap();
    assert_eq!(unreadable_code(&vault, "one"), "file_damaged");
    assert_eq!(unreadable_code(&vault, "two"), "file_damaged");
    assert!(vault.get(&one()).is_err());
    // Put back from a backup, as the remedy says, it is good again.
    std::fs::write(place.file("one.age"), aside).unwrap();
    vault.reread().unwrap();
    assert_eq!(condition(&vault, "one"), Condition::Good);
    assert_eq!(vault.get(&one()).unwrap().name, "kept");
}

#[test]
fn a_look_finds_what_is_wrong_and_changes_nothing() {
    let place = Place::new();
    let look = || Vault::look(&place.dir(), &place.source()).unwrap();
    let faults = || -> Vec<_> {
        let files = look().files.into_iter();
        files
            .map(|file| (file.name, file.fault.is_some(), file.good_copy))
            .collect()
    };
    let row = |name: &str, wrong, copy| (name.to_owned(), wrong, copy);
    // Also while another process has it open.
    let open = place.open().unwrap();
    assert_eq!(faults(), [row("one", false, true), row("two", false, true)]);
    let kept: Vec<String> = look()
        .enrollments
        .iter()
        .map(|kept| kept.id.to_string())
        .collect();
    assert_eq!(kept, ["one", "two"]);
    drop(open);
    std::fs::write(place.file("one.age"), "no age file").unwrap();
    std::fs::write(place.file(".left.tmp"), "half").unwrap();
    let before = common::files_below(place.scratch.path());
    assert_eq!(faults(), [row("one", true, true), row("two", false, true)]);
    assert_eq!(look().enrollments.len(), 2);
    assert_eq!(common::files_below(place.scratch.path()), before);
    std::fs::write(place.file("one.age.bak"), "no age file").unwrap();
    assert_eq!(faults(), [row("one", true, false), row("two", false, true)]);
    assert_eq!(look().enrollments.len(), 1);
    std::fs::remove_file(place.key()).unwrap();
    let error = Vault::look(&place.dir(), &place.source()).unwrap_err();
    assert_eq!(error.code(), "key_lost");
    assert!(!place.key().exists());
    let nowhere = place.scratch.path().join("no vault");
    assert!(Vault::look(&nowhere, &place.source()).map_or(true, |look| look.files.is_empty()));
    assert!(!nowhere.exists());
}

/// proves S0.08
#[test]
fn a_forgotten_key_file_is_the_first_thing_that_a_lost_key_makes_one_think_of() {
    let place = Place::new();
    for id in [None, Some("nonsense")] {
        if let Some(id) = id {
            std::fs::write(place.file("vault-id"), id).unwrap();
        }
        let error = Vault::open(&place.dir(), &KeySource::Keyring).unwrap_err();
        assert_eq!(error.code(), "key_lost", "{error}");
        let text = error.to_string();
        let (what, remedy) = text.split_once("; ").unwrap();
        let first = "if you started it with --key-file (or a systemd credential), give it again";
        assert!(remedy.starts_with(first), "{text}");
        assert!(!text.contains("is gone"), "{text}");
        assert_eq!(what.contains("no file vault-id"), id.is_none(), "{text}");
    }
}

/// proves S0.08
#[test]
fn a_key_file_for_a_vault_of_the_keyring_is_to_be_left_out() {
    let place = Place::new();
    std::fs::write(place.file("vault-id"), format!("{}\n", "0".repeat(32))).unwrap();
    let (missing, other) = (place.scratch.path().join("no key"), Place::new());
    for (key, code) in [(missing, "key_lost"), (other.key(), "wrong_key")] {
        let source = KeySource::KeyFile(key);
        let error = Vault::open(&place.dir(), &source).unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert!(error.to_string().contains("leave --key-file"), "{error}");
        assert!(!error.to_string().contains("give it again"), "{error}");
    }
    let source = KeySource::KeyFile(place.scratch.path().join("no key"));
    let error = Vault::look(&place.dir(), &source).unwrap_err();
    assert!(error.to_string().contains("leave --key-file"), "{error}");
}

/// proves S5.40
#[test]
fn what_helps_depends_on_what_a_damaged_file_holds() {
    let place = Place::new();
    let mut vault = place.open().unwrap();
    vault.confirm(Confirmed::default()).unwrap();
    for stem in ["one", "confirmed"] {
        std::fs::write(place.file(&format!("{stem}.age")), "no age file").unwrap();
        std::fs::write(place.file(&format!("{stem}.age.bak")), "no age file").unwrap();
    }
    vault.reread().unwrap();
    let message = |stem: &str| match condition(&vault, stem) {
        Condition::Unreadable { message, .. } => message,
        other => panic!("{stem}: {other:?}"),
    };
    assert!(message("one").contains("enroll again"), "{}", message("one"));
    for text in [message("confirmed"), vault.confirmed().unwrap_err().to_string()] {
        assert!(text.contains("`drawbridge config accept`"), "{text}");
        assert!(!text.contains("enroll"), "{text}");
    }
}

fn write_private(path: &Path, bytes: &[u8]) {
    std::fs::write(path, bytes).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
}
