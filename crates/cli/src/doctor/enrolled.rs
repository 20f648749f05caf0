//! Enrollments of a computer on which no host runs. The vault is looked at as it is: nothing is unlocked,
//! nobody is asked, nothing is written. Of what is in it only the enrollment tokens are used, each at its bus.

use super::finding::{Check, Finding, Level};
use super::vault::Place;
use drawbridge_vault::{Enrollment, FileKind, FileLook, Glance, KeyError, KeySource, Vault, VaultError};
use drawbridge_wire::pipe::VaultKey;
use std::path::Path;
use std::time::Duration;

/// How long looking into the vault may take: a keyring's own deadline and a slow disk.
const WITHIN: Duration = Duration::from_secs(7);
/// Name of the vault's file that is no enrollment.
const CONFIRMED: &str = "confirmed";

/// What was seen of the vault.
#[derive(Debug)]
pub(super) enum Seen {
    /// There is nothing in it.
    Nothing,
    /// It could be read.
    Read {
        files: Vec<FileLook>,
        enrollments: Vec<Enrollment>,
    },
    /// It could not; there are these files.
    Closed { files: Vec<String>, why: Closed },
}

/// Why it could not be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum Closed {
    #[error(transparent)]
    Vault(#[from] VaultError),
    #[error(
        "the key of the vault is in the system's keyring, which tells nothing without asking you; `drawbridge vault status` asks it"
    )]
    WouldAsk,
    #[error("the vault was not read within {} s; a disk or the keyring may hang, look again", WITHIN.as_secs())]
    Late,
    #[error("the keyring with its key cannot be used; see what is said of the keyring")]
    Keyring,
    #[error("a host runs that does not tell; `drawbridge stop` ends it, then look again")]
    HostInTheWay,
}

/// Looks into the vault.
pub(super) async fn look(data_dir: &Path, key: &VaultKey, place: &Place, files: Vec<String>) -> Seen {
    if files.is_empty() {
        return Seen::Nothing;
    }
    let why = match place {
        Place::Keyring(Ok(Glance::NotSeen)) => Closed::WouldAsk,
        Place::Keyring(Ok(Glance::Locked)) => VaultError::from(KeyError::KeyringLocked).into(),
        // What is wrong with the keyring has its own line, with the error; it is not asked once more.
        Place::Keyring(Err(_)) => Closed::Keyring,
        _ => {
            let dir = data_dir.join("vault");
            let source = match key {
                VaultKey::Keyring => KeySource::Keyring,
                VaultKey::File(path) => KeySource::KeyFile(path.clone()),
                VaultKey::Credential { directory, name } => KeySource::SystemdCredential {
                    directory: directory.clone(),
                    name: name.clone(),
                },
            };
            let look = tokio::task::spawn_blocking(move || Vault::look(&dir, &source));
            match tokio::time::timeout(WITHIN, look).await {
                Ok(Ok(Ok(look))) => {
                    return Seen::Read {
                        files: look.files,
                        enrollments: look.enrollments,
                    };
                }
                Ok(Ok(Err(error))) => error.into(),
                _ => Closed::Late,
            }
        }
    };
    Seen::Closed { files, why }
}

/// The vault's own line.
pub(super) fn of_vault(seen: &Seen) -> Finding {
    let id = Check::Vault;
    match seen {
        Seen::Nothing => Finding::ok(id, "none yet; the first enrollment makes it"),
        Seen::Closed { files, why } => {
            let level = match why {
                Closed::Vault(VaultError::KeyLost { .. }) => Level::Fail,
                _ => Level::Warn,
            };
            let files = format!("{} file(s), not looked into ({})", files.len(), files.join(", "));
            Finding::told(level, id, &format!("{files}: {why}"), "look again")
        }
        Seen::Read { files, .. } => of_files(files),
    }
}

fn of_files(files: &[FileLook]) -> Finding {
    let id = Check::Vault;
    let mut lines = Vec::new();
    let mut lost = Vec::new();
    for file in files {
        let Some(fault) = &file.fault else { continue };
        let (name, code) = (&file.name, fault.code());
        if !file.good_copy {
            lost.push(name.as_str());
        }
        lines.push(if file.good_copy {
            format!("{name}: the file cannot be used, its copy can [{code}]")
        } else {
            format!("{name}: {} [{code}]", fault.told(FileKind::of(name)))
        });
    }
    match (lines.is_empty(), lost.is_empty()) {
        (true, _) => Finding::ok(id, format!("{} file(s), all of them good", files.len())),
        (_, false) => Finding::fail(id, lines.join("\n"), way_out(&lost)),
        (_, true) => Finding::warn(
            id,
            lines.join("\n"),
            "the next start puts the copy in its place; look at the disk, which damaged the file",
        ),
    }
}

/// What to do about files of these names that are lost.
pub(super) fn way_out(lost: &[&str]) -> String {
    let mut ways = vec!["put the file back from a backup"];
    if lost.iter().any(|name| FileKind::of(name) == FileKind::Enrollment) {
        ways.push("`drawbridge forget` that enrollment and enroll again");
    }
    if lost.iter().any(|name| FileKind::of(name) == FileKind::Confirmed) {
        ways.push(
            "look at what is to count for remote clients and confirm it anew: `drawbridge config accept`",
        );
    }
    ways.join(", or ")
}

/// A line for each enrollment whose bus could not be looked at.
pub(super) fn not_looked_at(seen: &Seen) -> Vec<Finding> {
    let warn = |id: &str, why: &str| {
        let what = format!("enrolled, not looked at: {why}");
        Finding::told(Level::Warn, Check::Bus, &what, "look again").about(id)
    };
    match seen {
        Seen::Nothing => Vec::new(),
        Seen::Closed { files, why } => {
            let why = why.to_string();
            let buses = files.iter().filter(|id| *id != CONFIRMED);
            buses.map(|id| warn(id, &why)).collect()
        }
        Seen::Read { files, .. } => {
            let lost = files
                .iter()
                .filter(|file| file.fault.is_some() && !file.good_copy && file.name != CONFIRMED);
            let why = "its file in the vault cannot be read; see what is said of the vault";
            lost.map(|file| warn(&file.name, why)).collect()
        }
    }
}
