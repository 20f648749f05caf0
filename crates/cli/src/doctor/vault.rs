//! The vault and the place of its key. Nothing is unlocked, no key is read.

use super::finding::{Check, Finding, Level};
use super::folders::NOT_LOOKED_AT;
use super::system::is_ours;
use crate::system::mode;
use drawbridge_vault::{Glance, KeyError, glance};
use drawbridge_wire::buses::{VaultCondition, VaultView};
use drawbridge_wire::pipe::VaultKey;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long the keyring may take.
const WITHIN: Duration = Duration::from_secs(5);

/// The place of the key as it is.
#[derive(Debug)]
pub(super) enum Place {
    Keyring(Result<Glance, KeyError>),
    File {
        path: PathBuf,
        /// Its mode, where the system has one, and whether it is the user's.
        found: Option<(Option<u32>, bool)>,
    },
}

/// Looks.
pub(super) async fn place(key: &VaultKey) -> Place {
    let path = match key {
        VaultKey::Keyring => return Place::Keyring(Box::pin(glance(WITHIN)).await),
        VaultKey::File(path) => path.clone(),
        VaultKey::Credential { directory, name } => directory.join(name),
    };
    let found = tokio::fs::symlink_metadata(&path).await.ok();
    let found = found.map(|meta| (mode(&meta), is_ours(&meta)));
    Place::File { path, found }
}

/// `kept`: whether the vault holds anything.
pub(super) fn of_place(place: &Place, kept: bool) -> Finding {
    let id = Check::Keyring;
    match place {
        Place::Keyring(Ok(Glance::Unlocked)) => Finding::ok(id, "the keyring is there and unlocked"),
        Place::Keyring(Ok(Glance::NotSeen)) => {
            Finding::ok(id, "the system's keyring; it tells nothing without asking you")
        }
        Place::Keyring(Ok(Glance::Locked)) => Finding::told(
            Level::Warn,
            id,
            "the keyring is locked; unlock it with your keyring's own program (or log in to the desktop), then \
             `drawbridge vault open`",
            "",
        ),
        Place::Keyring(Ok(Glance::NeverUnlocked)) => Finding::warn(
            id,
            "the keyring has no default collection, or was not unlocked since the login",
            "unlock it or make a default one with your keyring's own program, or name a key file with --key-file",
        ),
        Place::Keyring(Ok(Glance::Volatile)) => told(Level::Warn, &KeyError::KeyringVolatile),
        Place::Keyring(Err(error)) => told(if kept { Level::Fail } else { Level::Warn }, error),
        Place::File { path, found: None } if kept => Finding::fail(
            id,
            format!("the key file {} is not there", path.display()),
            "put it back, or name the right one with --key-file",
        ),
        Place::File { path, found: None } => Finding::ok(
            id,
            format!(
                "the key file {} is not there yet; the first enrollment makes it",
                path.display()
            ),
        ),
        Place::File {
            path,
            found: Some((None, _)),
        } => Finding::ok(id, format!("the key file {} ({NOT_LOOKED_AT})", path.display())),
        Place::File {
            path,
            found: Some((Some(mode), ours)),
        } => {
            let at = path.display();
            if mode & 0o077 != 0 {
                let remedy = format!("close it: `chmod 600 '{at}'`");
                Finding::fail(
                    id,
                    format!("the key file {at} is open to others (mode {mode:04o})"),
                    remedy,
                )
            } else if *ours {
                Finding::ok(id, format!("the key file {at} (mode {mode:04o}, yours)"))
            } else {
                Finding::warn(
                    id,
                    format!("the key file {at} belongs to another user"),
                    "make it yours with `chown`, unless systemd passes it",
                )
            }
        }
    }
}

fn told(level: Level, error: &KeyError) -> Finding {
    Finding::told(level, Check::Keyring, &error.to_string(), "try again")
}

/// Names of the vault's files, from the folder, also of those with only a copy. Blocks.
pub(super) fn files(data_dir: &Path) -> Vec<String> {
    let kept = std::fs::read_dir(data_dir.join("vault"))
        .into_iter()
        .flatten()
        .flatten();
    let mut names: Vec<String> = kept
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter_map(|name| {
            let stem = name
                .strip_suffix(".age")
                .or_else(|| name.strip_suffix(".age.bak"));
            stem.map(str::to_owned)
        })
        .collect();
    names.sort();
    names.dedup();
    names
}

/// The vault as a running host has it.
pub(super) fn of_host(view: &VaultView) -> Finding {
    let id = Check::Vault;
    let wrong = || view.files.iter().filter(|file| file.code != "good");
    let damaged: Vec<String> = wrong()
        .map(|file| format!("{}: {} [{}]", file.name, file.message, file.code))
        .collect();
    match &view.state {
        VaultCondition::None => Finding::ok(id, "none yet; the first enrollment makes it"),
        VaultCondition::Opening => Finding::warn(
            id,
            "being opened; a prompt may wait on the screen",
            "answer the prompt, then look again",
        ),
        VaultCondition::Failed { code, message } => Finding::told(
            Level::Fail,
            id,
            &format!("[{code}] {message}"),
            "correct it, then `drawbridge vault open`",
        ),
        VaultCondition::Open if damaged.is_empty() => Finding::ok(
            id,
            format!("open, {} file(s), key in {}", view.files.len(), view.place),
        ),
        VaultCondition::Open => {
            let lost: Vec<&str> = wrong()
                .filter(|file| file.code != "restored")
                .map(|file| file.name.as_str())
                .collect();
            if lost.is_empty() {
                let remedy = "its good copy is in its place; look at the disk, which damaged the file";
                return Finding::warn(id, damaged.join("\n"), remedy);
            }
            Finding::fail(id, damaged.join("\n"), super::enrolled::way_out(&lost))
        }
    }
}
