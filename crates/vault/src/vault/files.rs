//! The files: `<stem>.age`, its good copy `<stem>.age.bak`, and `<stem>.age.damaged`, the last file that the
//! copy had to replace.

use super::confirmed::CONFIRMED_GONE;
use super::{CONFIRMED, FileCondition, Vault, now};
use crate::content::{Filed, encode, read};
use crate::disk::{Folder, Found};
use crate::keys::Keys;
use crate::steps::step;
use crate::{BusId, Content, FileFault, Notice, VaultError};

pub(super) fn main(stem: &str) -> String {
    format!("{stem}.age")
}

pub(super) fn copy(stem: &str) -> String {
    format!("{stem}.age.bak")
}

pub(super) fn damaged(stem: &str) -> String {
    format!("{stem}.age.damaged")
}

/// The stems of all files that are ours, also of those with only a copy.
pub(super) fn stems(folder: &Folder) -> Result<Vec<String>, VaultError> {
    let mut stems: Vec<String> = folder
        .names()?
        .iter()
        .filter_map(|name| {
            name.strip_suffix(".age")
                .or_else(|| name.strip_suffix(".age.bak"))
        })
        .filter(|stem| *stem == CONFIRMED || BusId::new(stem).is_ok())
        .map(str::to_owned)
        .collect();
    stems.sort();
    stems.dedup();
    Ok(stems)
}

/// The stems of the files that need a key.
pub(super) fn sealed_stems(folder: &Folder) -> Result<Vec<String>, VaultError> {
    let mut stems = stems(folder)?;
    stems.retain(|stem| !is_put_aside(folder, stem));
    Ok(stems)
}

/// Whether only an empty file is left of the confirmed settings. It stands for those that a reset put aside:
/// something was confirmed and is not known, which is not the same as nothing.
pub(super) fn is_put_aside(folder: &Folder, stem: &str) -> bool {
    let names = [main(stem), copy(stem)];
    let left = names.map(|name| match folder.read(&name) {
        Ok(Found::Nothing) => Some(true),
        Ok(Found::File(bytes)) if bytes.is_empty() => Some(false),
        _ => None,
    });
    stem == CONFIRMED && left.iter().all(Option::is_some) && left.contains(&Some(false))
}

/// A file that can be used.
pub(super) struct Good {
    sealed: Vec<u8>,
    pub(super) filed: Filed,
}

impl Vault {
    /// Writes a content and its copy. What comes back as done has been read back from the disk.
    pub(super) fn write(&mut self, stem: &str, content: &Content) -> Result<(), VaultError> {
        let beside = matches!(content, Content::Enrollment(_)) && self.knows_of_confirmed();
        let plain = encode(content, now(), beside)?;
        let sealed = self.keys.seal(&plain)?;
        // What is on the disk is compared with `sealed` byte by byte; so this is the other half of reading back.
        if !self.keys.unseal(&sealed).is_ok_and(|back| *back == *plain) {
            return Err(VaultError::NotSaved {
                path: self.folder.file(&main(stem)),
            });
        }
        let placed = self.folder.place(&main(stem), &sealed);
        if placed.is_err() {
            // It may stand there all the same. Memory follows the disk.
            self.read_file(stem);
            self.miss_confirmed();
            return placed;
        }
        step("between the file and its copy");
        self.write_copy(stem, &sealed);
        self.take(stem, content.clone(), beside);
        self.files.insert(stem.to_owned(), FileCondition::Good);
        Ok(())
    }

    /// The copy is a file of its own with the same content: damage to one leaves the other. That it could
    /// not be written is told, but the content is saved.
    pub(super) fn write_copy(&mut self, stem: &str, sealed: &[u8]) {
        if let Err(error) = self.folder.place(&copy(stem), sealed) {
            self.notice(Notice::CopyNotWritten {
                file: main(stem),
                why: error.to_string(),
            });
        }
    }

    /// The copy goes first: a crash in between leaves the file, not a copy to be restored.
    pub(super) fn remove_files(&self, stem: &str) -> Result<(), VaultError> {
        self.folder.erase(&damaged(stem))?;
        self.folder.erase(&copy(stem))?;
        self.folder.erase(&main(stem))
    }

    /// Reads a file, or its good copy when the file itself is not usable.
    pub(super) fn read_file(&mut self, stem: &str) {
        let (filed, condition) = match examine(&self.folder, &self.keys, stem, &main(stem)) {
            Ok(Some(good)) => {
                self.mend_copy(stem, &good.sealed);
                (Some(good.filed), FileCondition::Good)
            }
            // What a later version wrote is left alone, with its copy.
            Err(fault @ FileFault::Newer { .. }) => (None, FileCondition::Unreadable(fault)),
            fault => match examine(&self.folder, &self.keys, stem, &copy(stem)) {
                Ok(Some(good)) => {
                    let why = fault.as_ref().map_or_else(FileFault::code, |_| "file_missing");
                    self.restore(stem, &good.sealed, fault.is_err());
                    let saved_at = good.filed.saved_at;
                    (Some(good.filed), FileCondition::Restored { why, saved_at })
                }
                Err(newer @ FileFault::Newer { .. }) => (None, FileCondition::Unreadable(newer)),
                other => {
                    let Some(fault) = fault.err().or(other.err()) else {
                        self.drop_content(stem);
                        self.files.remove(stem);
                        return;
                    };
                    (None, FileCondition::Unreadable(fault))
                }
            },
        };
        self.drop_content(stem);
        if let Some(filed) = filed {
            self.take(stem, filed.content, filed.confirmed_beside);
        }
        self.files.insert(stem.to_owned(), condition);
    }

    /// Reads every file anew, as it was read when the vault was opened: what was damaged on the disk meanwhile
    /// is put right from its copy, or told. Memory follows the disk.
    ///
    /// # Errors
    /// When the folder cannot be read; then nothing is changed.
    pub fn reread(&mut self) -> Result<(), VaultError> {
        let mut stems = stems(&self.folder)?;
        stems.extend(self.files.keys().cloned());
        stems.sort();
        stems.dedup();
        for stem in stems {
            let before = self.files.get(&stem).cloned();
            self.read_file(&stem);
            let now = match (before, self.files.get(&stem)) {
                // Its later changes are lost all the same: that stays worth telling.
                (Some(restored @ FileCondition::Restored { .. }), Some(FileCondition::Good)) => restored,
                (Some(_), None) if stem == CONFIRMED => FileCondition::Unreadable(CONFIRMED_GONE),
                (Some(_), None) => FileCondition::Unreadable(FileFault::Damaged { what: "it is gone" }),
                _ => continue,
            };
            self.files.insert(stem, now);
        }
        self.miss_confirmed();
        Ok(())
    }

    fn mend_copy(&mut self, stem: &str, sealed: &[u8]) {
        let same = matches!(self.folder.read(&copy(stem)), Ok(Found::File(found)) if found == sealed);
        if !same {
            self.write_copy(stem, sealed);
        }
    }

    /// Puts the copy's content in the place of the file, which is kept aside.
    fn restore(&mut self, stem: &str, sealed: &[u8], exists: bool) {
        let moved = if exists {
            self.folder.shift(&main(stem), &damaged(stem))
        } else {
            Ok(())
        };
        let placed = moved.and_then(|()| self.folder.place(&main(stem), sealed));
        if let Err(error) = placed {
            // Its content can be used; the next start tries again.
            self.notice(Notice::CopyNotWritten {
                file: main(stem),
                why: error.to_string(),
            });
        }
    }

    fn take(&mut self, stem: &str, content: Content, confirmed_beside: bool) {
        match content {
            Content::Enrollment(enrollment) => {
                if confirmed_beside {
                    self.witnesses.insert(enrollment.id.clone());
                } else {
                    self.witnesses.remove(&enrollment.id);
                }
                self.enrollments.insert(enrollment.id.clone(), *enrollment);
            }
            Content::Confirmed(confirmed) => self.confirmed = Some(confirmed),
            Content::Export(_) => debug_assert!(false, "{stem} was examined"),
        }
    }

    fn drop_content(&mut self, stem: &str) {
        if stem == CONFIRMED {
            self.confirmed = None;
        } else if let Ok(id) = BusId::new(stem) {
            self.enrollments.remove(&id);
            self.witnesses.remove(&id);
        }
    }
}

/// Reads one file and makes sure that it is what belongs under that name.
pub(super) fn examine(
    folder: &Folder,
    keys: &Keys,
    stem: &str,
    name: &str,
) -> Result<Option<Good>, FileFault> {
    let sealed = match folder.read(name) {
        Ok(Found::Nothing) => return Ok(None),
        Ok(Found::File(sealed)) if sealed.is_empty() => {
            return Err(FileFault::Damaged { what: "it is empty" });
        }
        Ok(Found::File(sealed)) => sealed,
        Ok(Found::Foreign(what)) => return Err(FileFault::Damaged { what }),
        Err(VaultError::Io { source, .. }) => return Err(FileFault::Io { kind: source.kind() }),
        Err(_) => {
            return Err(FileFault::Damaged {
                what: "it cannot be read",
            });
        }
    };
    let filed = read(&keys.unseal(&sealed)?)?;
    let belongs = match &filed.content {
        Content::Enrollment(enrollment) => enrollment.id.as_str() == stem,
        Content::Confirmed(_) => stem == CONFIRMED,
        Content::Export(_) => false,
    };
    if !belongs {
        return Err(FileFault::Damaged {
            what: "it is another file under this name",
        });
    }
    Ok(Some(Good { sealed, filed }))
}
