//! Opening: whose key, and is it the one for these files.

use super::files::{copy, damaged, is_put_aside, main, sealed_stems, stems};
use super::{CONFIRMED, FileCondition, Vault};
use crate::disk::{Folder, Found, lock};
use crate::keys::Keys;
use crate::{FileFault, KeyError, KeySource, KeyStore, LikelyKey, Notice, VaultError};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Names the key of this vault in a keyring. Random, so that a moved data directory keeps its key and two of
/// them never share one.
const ID: &str = "vault-id";
const ID_COPY: &str = "vault-id.bak";
const LOCK: &str = "vault.lock";
/// How long to wait for whoever has it.
const LOCK_PATIENCE: Duration = Duration::from_millis(500);

impl Vault {
    /// Opens the vault in `dir`, which is made when it is not there; a new vault gets a new key.
    ///
    /// Files that cannot be read do not stop it: see [`Vault::state`].
    ///
    /// # Errors
    /// Every [`KeyError`]; `key_lost` when there are files but no key; `wrong_key` when the key fits none of
    /// them; `vault_in_use`; `vault_io`. Nothing is overwritten then.
    pub fn open(dir: &Path, source: &KeySource) -> Result<Self, VaultError> {
        let folder = Folder::make(dir)?;
        let held = hold(&folder)?;
        let entry = match source {
            KeySource::Keyring => vault_id(&folder)?,
            KeySource::KeyFile(_) | KeySource::SystemdCredential { .. } => String::new(),
        };
        Self::open_held(folder, held, source.store(&entry))
    }

    /// As [`Vault::open`], with a key store of the caller's own.
    ///
    /// # Errors
    /// As for [`Vault::open`].
    pub fn open_with(dir: &Path, store: Arc<dyn KeyStore>) -> Result<Self, VaultError> {
        let folder = Folder::make(dir)?;
        let held = hold(&folder)?;
        Self::open_held(folder, held, store)
    }

    /// Starts anew: all files go aside, into a folder `lost-<number>` beside them, and the vault gets a key of
    /// its own. For a vault whose key is lost. What was confirmed is not known then, which stays so until it is
    /// confirmed anew.
    ///
    /// # Errors
    /// As for [`Vault::open`]; also when the files cannot be moved.
    pub fn reset(dir: &Path, source: &KeySource) -> Result<Self, VaultError> {
        let folder = Folder::make(dir)?;
        let held = hold(&folder)?;
        let names = folder.names()?;
        let aside = (1..)
            .map(|number: u32| format!("lost-{number}"))
            .find(|name| !names.contains(name))
            .ok_or(VaultError::Busy)?;
        Folder::make(&folder.file(&aside))?;
        // Copies first, so that a crash in between leaves no copy to be restored; the id last, because
        // without files it does no harm.
        for stem in stems(&folder)? {
            let (first, second) = (main(&stem), copy(&stem));
            move_aside(&folder, &names, &damaged(&stem), &aside)?;
            if stem == CONFIRMED {
                // There is at every moment one of its files.
                match names.contains(&first) {
                    true => move_aside(&folder, &names, &second, &aside)?,
                    false => folder.shift(&second, &first)?,
                }
                folder.place(&second, b"")?;
                folder.shift(&first, &format!("{aside}/{first}"))?;
                continue;
            }
            for name in [second, first] {
                move_aside(&folder, &names, &name, &aside)?;
            }
        }
        for name in [ID_COPY, ID] {
            move_aside(&folder, &names, name, &aside)?;
        }
        Folder::existing(&folder.file(&aside)).sync()?;
        drop(held);
        Self::open(dir, source)
    }

    fn open_held(folder: Folder, held: std::fs::File, store: Arc<dyn KeyStore>) -> Result<Self, VaultError> {
        let swept = folder.sweep(None)?;
        let stems = stems(&folder)?;
        let (keys, key_notice) = key(&folder, store.as_ref(), sealed_stems(&folder)?.len())?;
        let mut vault = Self {
            folder,
            store,
            keys,
            enrollments: BTreeMap::new(),
            confirmed: None,
            witnesses: BTreeSet::new(),
            files: BTreeMap::new(),
            notices: key_notice.into_iter().collect(),
            _lock: held,
        };
        if swept > 0 {
            vault.notice(Notice::Swept { files: swept });
        }
        for stem in &stems {
            vault.read_file(stem);
        }
        vault.refuse_foreign_key()?;
        vault.miss_confirmed();
        vault.finish_earlier_rotation();
        // For a save that was interrupted in between. What fails is tried again at the next start, and by the
        // next who confirms, who is told.
        let _ = vault.have_it_witnessed();
        Ok(vault)
    }

    /// A key that fits no file at all is not ours: new files for it would only make a mixture.
    fn refuse_foreign_key(&self) -> Result<(), VaultError> {
        let foreign =
            |condition: &FileCondition| matches!(condition, FileCondition::Unreadable(FileFault::WrongKey));
        let sealed = || {
            let files = self.files.iter();
            files.filter(|(stem, _)| !is_put_aside(&self.folder, stem))
        };
        match sealed().next() {
            Some((first, _)) if sealed().all(|(_, condition)| foreign(condition)) => {
                Err(match likely_key(&self.folder, self.store.as_ref()) {
                    LikelyKey::InKeyring => VaultError::OtherPlace {
                        dir: self.folder.path().to_owned(),
                        place: self.store.describe(),
                    },
                    LikelyKey::NotNamed => VaultError::File {
                        path: self.folder.file(&main(first)),
                        fault: FileFault::WrongKey,
                    },
                })
            }
            _ => Ok(()),
        }
    }
}

fn move_aside(folder: &Folder, names: &[String], name: &str, aside: &str) -> Result<(), VaultError> {
    if names.iter().any(|found| found == name) {
        folder.shift(name, &format!("{aside}/{name}"))?;
    }
    Ok(())
}

/// A child that our process is just starting has our open files until it becomes its program, so a vault that
/// was closed a moment ago may still be locked for that long.
fn hold(folder: &Folder) -> Result<std::fs::File, VaultError> {
    let begun = Instant::now();
    loop {
        if let Some(held) = lock(&folder.file(LOCK))? {
            return Ok(held);
        }
        if begun.elapsed() >= LOCK_PATIENCE {
            return Err(VaultError::InUse {
                dir: folder.path().to_owned(),
            });
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The key that is kept for this vault, or a new one for an empty vault.
fn key(folder: &Folder, store: &dyn KeyStore, files: usize) -> Result<(Keys, Option<Notice>), VaultError> {
    if let Some(loaded) = store.load()? {
        let keys = Keys::parse(loaded.text.reveal()).map_err(|what| KeyError::Damaged {
            place: store.describe(),
            what,
        })?;
        return Ok((keys, loaded.volatile.then_some(Notice::KeyringVolatile)));
    }
    // A keyring that was never unlocked also says that there is no such entry.
    store.probe()?;
    if files > 0 {
        return Err(VaultError::KeyLost {
            dir: folder.path().to_owned(),
            files,
            place: store.describe(),
            likely: likely_key(folder, store),
        });
    }
    let keys = Keys::generate();
    save_key(store, &keys)?;
    Ok((keys, Some(Notice::KeyMade)))
}

/// Saves a key and reads it back.
pub(super) fn save_key(store: &dyn KeyStore, keys: &Keys) -> Result<(), KeyError> {
    let text = keys.text();
    store.save(&text)?;
    match store.load()? {
        Some(loaded) if loaded.text == text => Ok(()),
        _ => Err(KeyError::NotKept {
            place: store.describe(),
        }),
    }
}

fn vault_id(folder: &Folder) -> Result<String, VaultError> {
    let (first, second) = (read_id(folder, ID)?, read_id(folder, ID_COPY)?);
    if let (Some(first), Some(second)) = (&first, &second)
        && first == second
    {
        return Ok(first.clone());
    }
    let id = match first.or(second) {
        Some(id) => id,
        None => new_id(folder)?,
    };
    for name in [ID, ID_COPY] {
        folder.place(name, format!("{id}\n").as_bytes())?;
    }
    Ok(id)
}

/// Only for a vault without files: those of another id belong to another key.
fn new_id(folder: &Folder) -> Result<String, VaultError> {
    let files = sealed_stems(folder)?.len();
    if files > 0 {
        return Err(no_entry(folder, files));
    }
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|error| VaultError::Io {
        what: "asking for random bytes for",
        path: folder.file(ID),
        source: error.into(),
    })?;
    Ok(hex::encode(random))
}

/// No file says which entry of the keyring has the key: that of a vault whose key never was there, too.
pub(super) fn no_entry(folder: &Folder, files: usize) -> VaultError {
    let there = [ID, ID_COPY]
        .iter()
        .any(|name| !matches!(folder.read(name), Ok(Found::Nothing)));
    let place = if there {
        format!("the keyring (the file {ID} does not name an entry in it as it should)")
    } else {
        format!("the keyring (no file {ID} names an entry in it)")
    };
    VaultError::KeyLost {
        dir: folder.path().to_owned(),
        files,
        place,
        likely: LikelyKey::NotNamed,
    }
}

/// Only a vault whose key is in a keyring has the name of an entry in one.
pub(super) fn likely_key(folder: &Folder, store: &dyn KeyStore) -> LikelyKey {
    if store.kind() != "keyring" && matches!(named_entry(folder), Ok(Some(_))) {
        LikelyKey::InKeyring
    } else {
        LikelyKey::NotNamed
    }
}

/// The entry of the keyring as it is named now.
pub(super) fn named_entry(folder: &Folder) -> Result<Option<String>, VaultError> {
    Ok(read_id(folder, ID)?.or(read_id(folder, ID_COPY)?))
}

fn read_id(folder: &Folder, name: &str) -> Result<Option<String>, VaultError> {
    let Found::File(bytes) = folder.read(name)? else {
        return Ok(None);
    };
    let id = String::from_utf8(bytes).unwrap_or_default();
    let id = id.trim_ascii();
    let fits = id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    Ok(fits.then(|| id.to_owned()))
}
