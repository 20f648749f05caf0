//! Another key. The key store holds the new and the old one until every file is encrypted for the new one, so
//! that a crash at any step leaves everything readable, and the next start goes on.

use super::files::{copy, main, sealed_stems};
use super::open::save_key;
use super::{FileCondition, Vault};
use crate::disk::Found;
use crate::keys::Keys;
use crate::steps::step;
use crate::{KeyError, Notice, VaultError};

impl Vault {
    /// Makes a new key and encrypts every file for it; the old key is forgotten at the end.
    ///
    /// # Errors
    /// When a file cannot be read (its content would be lost with the old key), or the key cannot be changed
    /// from here. An interrupted change goes on at the next start.
    pub fn rotate(&mut self) -> Result<(), VaultError> {
        let sealed = |stem: &&String| !super::files::is_put_aside(&self.folder, stem);
        for stem in self.files.keys().filter(sealed) {
            self.refuse_unreadable(stem)?;
        }
        let both = self.keys.with_new();
        if let Err(error) = save_key(self.store.as_ref(), &both) {
            // Whatever is kept there now has the old key in it, or is the old key.
            return Err(error.into());
        }
        step("both keys are kept");
        self.keys = both;
        self.move_to_current()
    }

    /// Goes on with what was begun before a crash, or begun by a person who put a new key above the old one.
    pub(super) fn finish_earlier_rotation(&mut self) {
        if !self.keys.has_older() {
            return;
        }
        let notice = match self.move_to_current() {
            Ok(()) => Notice::RotationFinished,
            Err(VaultError::Key(KeyError::ReadOnly { .. })) => Notice::OldKeyNotNeeded,
            Err(_) => Notice::RotationUnfinished,
        };
        self.notice(notice);
    }

    fn move_to_current(&mut self) -> Result<(), VaultError> {
        let current = self.keys.current();
        for stem in sealed_stems(&self.folder)? {
            self.refuse_unreadable(&stem)?;
            self.move_file(&stem, &current)?;
        }
        step("every file has the new key");
        save_key(self.store.as_ref(), &current)?;
        step("only the new key is kept");
        self.keys = current;
        Ok(())
    }

    /// Encrypts one file and its copy anew, unless they are already; and makes sure of it.
    fn move_file(&mut self, stem: &str, current: &Keys) -> Result<(), VaultError> {
        let path = self.folder.file(&main(stem));
        let Found::File(mut sealed) = self.folder.read(&main(stem))? else {
            return Err(VaultError::NotSaved { path });
        };
        if current.unseal(&sealed).is_err() {
            let file = |fault| VaultError::File {
                path: path.clone(),
                fault,
            };
            let plain = self.keys.unseal(&sealed).map_err(file)?;
            sealed = current.seal(&plain)?;
            if !current.unseal(&sealed).is_ok_and(|back| *back == *plain) {
                return Err(VaultError::NotSaved { path });
            }
            self.folder.place(&main(stem), &sealed)?;
        }
        // A copy that only the old key opens would be none.
        let same = matches!(self.folder.read(&copy(stem))?, Found::File(found) if found == sealed);
        if !same {
            self.folder.place(&copy(stem), &sealed)?;
        }
        self.folder.erase(&super::files::damaged(stem))?;
        self.files.entry(stem.to_owned()).or_insert(FileCondition::Good);
        Ok(())
    }
}
