//! A key without a keyring: only where the caller said so, and only from a place nobody else can write.
//!
//! proves S5.43
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on must fail"
)]

mod common;

use common::enrollment;
use drawbridge_vault::{KeySource, Notice, Vault, VaultError};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }
    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
    fn with_key(&self, key: &Path) -> Result<Vault, VaultError> {
        Vault::open(&self.path("vault"), &KeySource::KeyFile(key.to_owned()))
    }
    fn with_credential(&self) -> Result<Vault, VaultError> {
        let source = KeySource::SystemdCredential {
            directory: self.path("credentials"),
            name: "drawbridge-key".into(),
        };
        Vault::open(&self.path("vault"), &source)
    }
}

fn chmod(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

fn identity() -> String {
    use age::secrecy::ExposeSecret;
    let identity = age::x25519::Identity::generate();
    format!("# made by hand\n{}\n", identity.to_string().expose_secret())
}

fn code(opened: Result<Vault, VaultError>) -> &'static str {
    opened.expect_err("it opened").code()
}

#[test]
fn a_named_key_file_is_made_closed_and_used_again() {
    let place = Place::new();
    let key = place.path("key");
    let mut vault = place.with_key(&key).unwrap();
    assert_eq!(vault.state().notices, [Notice::KeyMade]);
    assert_eq!(vault.state().key.kind, "key_file");
    assert!(vault.state().key.place.contains(key.to_str().unwrap()));
    vault.put(enrollment("bus", "bus")).unwrap();
    drop(vault);
    assert_eq!(
        std::fs::metadata(&key).unwrap().permissions().mode() & 0o7777,
        0o600
    );
    chmod(&key, 0o400);
    assert_eq!(place.with_key(&key).unwrap().list().count(), 1);
}

#[test]
fn a_key_file_that_others_can_read_or_change_is_refused() {
    let place = Place::new();
    let key = place.path("key");
    std::fs::write(&key, identity()).unwrap();
    for mode in [0o640, 0o604, 0o660, 0o602, 0o700, 0o4600] {
        chmod(&key, mode);
        assert_eq!(code(place.with_key(&key)), "key_file_mode", "{mode:o}");
    }
    for mode in [0o600, 0o400] {
        chmod(&key, mode);
        drop(
            place
                .with_key(&key)
                .unwrap_or_else(|error| panic!("{mode:o}: {error}")),
        );
    }
    let error = {
        chmod(&key, 0o644);
        place.with_key(&key).unwrap_err()
    };
    assert!(error.to_string().contains("chmod 600"), "{error}");
}

#[test]
fn a_key_file_of_somebody_else_is_refused() {
    if !nix::unistd::geteuid().is_root() {
        // Only root can give a file away; on CI the tests run as root in a container.
        return;
    }
    let place = Place::new();
    let key = place.path("key");
    std::fs::write(&key, identity()).unwrap();
    chmod(&key, 0o600);
    nix::unistd::chown(&key, Some(nix::unistd::Uid::from_raw(65_534)), None).unwrap();
    let error = place.with_key(&key).unwrap_err();
    assert_eq!(error.code(), "key_file_mode");
    assert!(error.to_string().contains("chown"), "{error}");
}

#[test]
fn links_folders_and_pipes_are_no_key_files() {
    let place = Place::new();
    let real = place.path("real");
    std::fs::write(&real, identity()).unwrap();
    chmod(&real, 0o600);
    let link = place.path("link");
    symlink(&real, &link).unwrap();
    let folder = place.path("folder");
    std::fs::create_dir(&folder).unwrap();
    let pipe = place.path("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRUSR).unwrap();
    let nowhere = place.path("nowhere");
    symlink(place.path("missing"), &nowhere).unwrap();
    for path in [link, folder, pipe, nowhere] {
        assert_eq!(code(place.with_key(&path)), "key_file_mode", "{}", path.display());
    }
    assert!(!place.path("missing").exists());
}

#[test]
fn a_folder_that_others_can_write_is_no_place_for_a_key() {
    let place = Place::new();
    let open = place.path("open");
    std::fs::create_dir(&open).unwrap();
    let below = open.join("closed");
    std::fs::create_dir(&below).unwrap();
    chmod(&open, 0o777);
    for key in [open.join("key"), below.join("key")] {
        // Neither made there nor read from there.
        assert_eq!(code(place.with_key(&key)), "key_file_mode");
        assert!(!key.exists());
        std::fs::write(&key, identity()).unwrap();
        chmod(&key, 0o600);
        assert_eq!(code(place.with_key(&key)), "key_file_mode");
    }
    // As in /tmp, where nobody can replace what is yours.
    chmod(&open, 0o1777);
    drop(place.with_key(&below.join("key")).unwrap());
}

#[test]
fn what_is_no_key_is_named() {
    let place = Place::new();
    let key = place.path("key");
    for bytes in [
        &b""[..],
        b"\0\xff",
        b"AGE-SECRET-KEY-1NONSENSE\n",
        &[b'#'; 20_000],
    ] {
        std::fs::write(&key, bytes).unwrap();
        chmod(&key, 0o600);
        assert_eq!(code(place.with_key(&key)), "key_damaged");
        assert_eq!(std::fs::read(&key).unwrap(), bytes, "it was overwritten");
    }
    let error = place.with_key(&place.path("none/key")).unwrap_err();
    assert_eq!(error.code(), "key_io", "{error}");
}

#[test]
fn a_credential_of_systemd_is_read_and_never_written() {
    let place = Place::new();
    std::fs::create_dir(place.path("credentials")).unwrap();
    let error = place.with_credential().unwrap_err();
    assert_eq!(error.code(), "key_missing", "{error}");
    assert!(error.to_string().contains("LoadCredential"), "{error}");

    let credential = place.path("credentials/drawbridge-key");
    let old = identity();
    std::fs::write(&credential, &old).unwrap();
    // As systemd gives it: read-only, and with an access list that looks like a right of the group.
    chmod(&credential, 0o440);
    let mut vault = place.with_credential().unwrap();
    assert_eq!(vault.state().key.kind, "systemd_credential");
    vault.put(enrollment("bus", "bus")).unwrap();
    assert_eq!(vault.rotate().unwrap_err().code(), "key_read_only");
    vault.put(enrollment("more", "more")).unwrap();
    drop(vault);

    // Rotated by hand: the new one above the old one, and then the new one alone.
    let new = identity();
    chmod(&credential, 0o600);
    std::fs::write(&credential, format!("{new}{old}")).unwrap();
    let vault = place.with_credential().unwrap();
    assert_eq!(vault.state().notices, [Notice::OldKeyNotNeeded]);
    drop(vault);
    std::fs::write(&credential, &new).unwrap();
    assert_eq!(place.with_credential().unwrap().list().count(), 2);

    chmod(&credential, 0o444);
    assert_eq!(code(place.with_credential()), "key_file_mode");
}

#[test]
fn one_place_never_stands_in_for_another() {
    let place = Place::new();
    let key = place.path("key");
    let mut vault = place.with_key(&key).unwrap();
    vault.put(enrollment("bus", "bus")).unwrap();
    drop(vault);
    // The same vault with another source: no word of the key file that lies there.
    assert_eq!(code(place.with_key(&place.path("other"))), "key_lost");
    assert_eq!(code(place.with_credential()), "key_missing");
    assert!(!place.path("other").exists());
}
