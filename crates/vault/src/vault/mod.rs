//! The vault itself: blocking, for one thread.

mod confirmed;
mod files;
mod look;
mod open;
mod rotate;
mod transfer;

pub use look::{FileLook, Look};
pub use transfer::{ImportReport, decode_sealed};

use crate::disk::Folder;
use crate::keys::Keys;
use crate::{
    BusId, Condition, Confirmed, Content, Enrollment, FileFault, FileKind, FileState, KeyPlace, KeyStore,
    Notice, VaultError, VaultState,
};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::sync::Arc;
use std::time::SystemTime;

/// Stem of the file with the confirmed settings.
const CONFIRMED: &str = "confirmed";
/// Most notices that are kept.
const MOST_NOTICES: usize = 64;

/// The secrets of one data directory, decrypted.
///
/// Only one process has it open. Everything is read when it is opened; every change is on the disk, and read
/// back from there, when the call returns.
pub struct Vault {
    folder: Folder,
    store: Arc<dyn KeyStore>,
    keys: Keys,
    enrollments: BTreeMap<BusId, Enrollment>,
    confirmed: Option<Confirmed>,
    /// The enrollments whose files say that settings were confirmed in this vault.
    witnesses: BTreeSet<BusId>,
    /// How each file is, by stem.
    files: BTreeMap<String, FileCondition>,
    notices: Vec<Notice>,
    _lock: File,
}

#[derive(Debug, Clone)]
enum FileCondition {
    Good,
    Restored { why: &'static str, saved_at: u64 },
    Unreadable(FileFault),
}

impl Vault {
    /// All enrollments that can be read, by id.
    pub fn list(&self) -> impl Iterator<Item = &Enrollment> {
        self.enrollments.values()
    }

    /// One enrollment.
    ///
    /// # Errors
    /// `no_such_entry`, or what is wrong with its file.
    pub fn get(&self, id: &BusId) -> Result<&Enrollment, VaultError> {
        self.refuse_unreadable(id.as_str())?;
        self.enrollments.get(id).ok_or_else(|| VaultError::NoSuchEntry {
            id: id.as_str().to_owned(),
        })
    }

    /// An id for a bus at this address that no other enrollment has.
    #[must_use]
    pub fn free_id(&self, origin: &str) -> BusId {
        let first = BusId::from_origin(origin);
        let taken = |id: &BusId| self.files.contains_key(id.as_str());
        if !taken(&first) {
            return first;
        }
        (2..)
            .map_while(|number| first.numbered(number))
            .find(|id| !taken(id))
            .unwrap_or(first)
    }

    /// Saves an enrollment, in place of the one with the same id.
    ///
    /// # Errors
    /// When it was not saved; the earlier one is then still there. A file that cannot be read is not replaced
    /// before it is [removed](Vault::remove).
    pub fn put(&mut self, enrollment: Enrollment) -> Result<(), VaultError> {
        let id = enrollment.id.clone();
        self.refuse_unreadable(id.as_str())?;
        self.write(id.as_str(), &Content::Enrollment(Box::new(enrollment)))
    }

    /// Removes an enrollment and its good copy, also when it cannot be read.
    ///
    /// # Errors
    /// `no_such_entry`, or when it may still be there.
    pub fn remove(&mut self, id: &BusId) -> Result<(), VaultError> {
        if !self.files.contains_key(id.as_str()) {
            return Err(VaultError::NoSuchEntry {
                id: id.as_str().to_owned(),
            });
        }
        self.remove_files(id.as_str())?;
        self.files.remove(id.as_str());
        self.enrollments.remove(id);
        self.witnesses.remove(id);
        Ok(())
    }

    /// What a person can be told about it.
    #[must_use]
    pub fn state(&self) -> VaultState {
        let files = self.files.iter().map(|(stem, condition)| FileState {
            name: stem.clone(),
            condition: match condition {
                FileCondition::Good => Condition::Good,
                FileCondition::Restored { why, saved_at } => Condition::Restored {
                    why,
                    saved_at: *saved_at,
                },
                FileCondition::Unreadable(fault) => Condition::Unreadable {
                    code: fault.code(),
                    message: fault.told(FileKind::of(stem)),
                },
            },
        });
        VaultState {
            key: KeyPlace {
                kind: self.store.kind(),
                place: self.store.describe(),
            },
            files: files.collect(),
            notices: self.notices.clone(),
        }
    }

    fn notice(&mut self, notice: Notice) {
        if self.notices.len() < MOST_NOTICES && !self.notices.contains(&notice) {
            self.notices.push(notice);
        }
    }

    /// What cannot be read is never overwritten.
    fn refuse_unreadable(&self, stem: &str) -> Result<(), VaultError> {
        match self.files.get(stem) {
            Some(FileCondition::Unreadable(fault)) => Err(VaultError::File {
                path: self.folder.file(&files::main(stem)),
                fault: fault.clone(),
            }),
            _ => Ok(()),
        }
    }
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vault")
            .field("folder", &self.folder)
            .field("key", &self.store.describe())
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}

/// Seconds since 1970.
fn now() -> u64 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
