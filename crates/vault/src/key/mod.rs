//! Where the key is kept.

mod file;
mod glance;
mod keyring;
mod watched;

use crate::KeyError;
use drawbridge_wire::Secret;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub use glance::{Glance, glance};
pub use watched::Watched;

/// How long a call to the keyring may take.
const DEADLINE: Duration = Duration::from_secs(5);

/// A place for the vault's key. All calls block; those of the system's keyring are run by [`Watched`].
pub trait KeyStore: Send + Sync {
    /// Reads the key; `None` when there is none. That alone does not prove that the place is in order and
    /// empty: see [`KeyStore::probe`].
    ///
    /// # Errors
    /// When it cannot be known.
    fn load(&self) -> Result<Option<LoadedKey>, KeyError>;

    /// As [`KeyStore::load`], but nothing is written, nothing is unlocked and nobody is asked.
    ///
    /// # Errors
    /// When it cannot be known in this way.
    fn peek(&self) -> Result<Option<LoadedKey>, KeyError> {
        self.load()
    }

    /// Saves the key in place of the earlier one. The caller reads it back.
    ///
    /// # Errors
    /// When it was not saved.
    fn save(&self, key: &Secret) -> Result<(), KeyError>;

    /// Removes the key; it is no error when there is none.
    ///
    /// # Errors
    /// When it may still be there.
    fn delete(&self) -> Result<(), KeyError>;

    /// Proves that something can be saved here, so that a place that only seems empty is found out.
    ///
    /// # Errors
    /// Why nothing can be saved.
    fn probe(&self) -> Result<(), KeyError>;

    /// Where this is, in words for a person.
    fn describe(&self) -> String;

    /// `keyring`, `key_file`, `systemd_credential`.
    fn kind(&self) -> &'static str;

    /// Whether a call that is under way waits for a person to unlock something.
    fn waits_for_unlock(&self) -> bool {
        false
    }
}

/// A key as it was found.
#[derive(Debug)]
pub struct LoadedKey {
    /// The identities, one a line.
    pub text: Secret,
    /// Whether its place forgets it when the session ends.
    pub volatile: bool,
}

/// Where the key of a vault is. Chosen by the caller, never guessed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// The system's keyring: Secret Service, Keychain, Credential Manager.
    Keyring,
    /// A file that the person named. Made when it is not there and the vault is empty.
    KeyFile(PathBuf),
    /// A credential that systemd passes to the service.
    SystemdCredential {
        /// What systemd put into `CREDENTIALS_DIRECTORY`.
        directory: PathBuf,
        /// The credential's name.
        name: String,
    },
}

impl KeySource {
    /// The place itself. `entry` names the key in a keyring: each vault has its own.
    pub(crate) fn store(&self, entry: &str) -> Arc<dyn KeyStore> {
        match self {
            KeySource::Keyring => Arc::new(Watched::process_wide(keyring::Keyring::new(entry), DEADLINE)),
            KeySource::KeyFile(path) => Arc::new(file::KeyFile::new(path)),
            KeySource::SystemdCredential { directory, name } => {
                Arc::new(file::Credential::new(&Path::new(directory).join(name)))
            }
        }
    }
}
