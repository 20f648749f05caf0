//! Looking at a vault that nobody has open.

use super::confirmed::CONFIRMED_GONE;
use super::files::{copy, examine, is_put_aside, main, stems};
use super::open::{likely_key, named_entry, no_entry};
use super::{CONFIRMED, Vault};
use crate::disk::Folder;
use crate::keys::Keys;
use crate::{Content, Enrollment, FileFault, KeyError, KeySource, VaultError};
use std::path::Path;

/// What is seen of a vault.
#[derive(Debug, Default)]
pub struct Look {
    /// Each file, by name.
    pub files: Vec<FileLook>,
    /// The enrollments that can be read.
    pub enrollments: Vec<Enrollment>,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileLook {
    /// Id of the bus, or `confirmed`.
    pub name: String,
    /// What is wrong with it. A file that is not there, with a copy that is, is damaged.
    pub fault: Option<FileFault>,
    /// Whether its copy is good: then the next to open the vault puts it in the file's place.
    pub good_copy: bool,
}

impl Vault {
    /// Looks at the vault in `dir` as it is: nothing is made, locked, written or put right, nothing is
    /// unlocked, and nobody is asked for anything.
    ///
    /// # Errors
    /// Why the key cannot be had in this way; `key_lost`; `vault_io`.
    pub fn look(dir: &Path, source: &KeySource) -> Result<Look, VaultError> {
        let folder = Folder::existing(dir);
        let stems = stems(&folder)?;
        // For these alone no key is needed, and there may be none.
        if stems.iter().all(|stem| is_put_aside(&folder, stem)) {
            let empty = |name| FileLook {
                name,
                fault: Some(FileFault::Damaged { what: "it is empty" }),
                good_copy: false,
            };
            return Ok(Look {
                files: stems.into_iter().map(empty).collect(),
                enrollments: Vec::new(),
            });
        }
        let entry = match source {
            KeySource::Keyring => named_entry(&folder)?.ok_or_else(|| no_entry(&folder, stems.len()))?,
            KeySource::KeyFile(_) | KeySource::SystemdCredential { .. } => String::new(),
        };
        let store = source.store(&entry);
        let Some(key) = store.peek()? else {
            return Err(VaultError::KeyLost {
                dir: dir.to_owned(),
                files: stems.len(),
                place: store.describe(),
                likely: likely_key(&folder, store.as_ref()),
            });
        };
        let keys = Keys::parse(key.text.reveal()).map_err(|what| KeyError::Damaged {
            place: store.describe(),
            what,
        })?;
        let mut look = Look::default();
        let has_confirmed = stems.iter().any(|stem| stem == CONFIRMED);
        let mut witnessed = false;
        for stem in stems {
            let file = examine(&folder, &keys, &stem, &main(&stem));
            let of_copy = examine(&folder, &keys, &stem, &copy(&stem));
            let good_copy = matches!(of_copy, Ok(Some(_)));
            let (fault, good) = match file {
                Ok(Some(good)) => (None, Some(good)),
                Err(fault @ FileFault::Newer { .. }) => (Some(fault), None),
                Err(fault) => (Some(fault), of_copy.ok().flatten()),
                Ok(None) => (
                    Some(FileFault::Damaged { what: "it is gone" }),
                    of_copy.ok().flatten(),
                ),
            };
            if let Some(filed) = good.map(|good| good.filed) {
                witnessed |= filed.confirmed_beside;
                if let Content::Enrollment(enrollment) = filed.content {
                    look.enrollments.push(*enrollment);
                }
            }
            look.files.push(FileLook {
                name: stem,
                fault,
                good_copy,
            });
        }
        if witnessed && !has_confirmed {
            look.files.push(FileLook {
                name: CONFIRMED.to_owned(),
                fault: Some(CONFIRMED_GONE),
                good_copy: false,
            });
            look.files.sort_by(|one, other| one.name.cmp(&other.name));
        }
        look.enrollments.sort_by_key(|kept| kept.made_at);
        Ok(look)
    }
}
