//! A key in a file that the person named, or in a credential that systemd passes.

use super::{KeyStore, LoadedKey};
use crate::disk::{Folder, check_key_file, check_parents, open_plain};
use crate::{KeyError, KeyFileFault, VaultError};
use drawbridge_wire::Secret;
use std::io::Read;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Longest key text. Identities are 74 characters; the rest is for comments.
const LONGEST: u64 = 16 * 1024;

/// `--key-file`.
pub(super) struct KeyFile {
    path: PathBuf,
}

/// `$CREDENTIALS_DIRECTORY/<name>`.
pub(super) struct Credential {
    path: PathBuf,
}

impl KeyFile {
    pub(super) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
        }
    }

    /// The folder, and the name in it.
    fn place(&self) -> Result<(Folder, String), KeyError> {
        let name = self.path.file_name().and_then(|name| name.to_str());
        let name = name.ok_or_else(|| KeyError::FileMode {
            path: self.path.clone(),
            fault: KeyFileFault::NotRegular,
        })?;
        let folder = self.path.parent().unwrap_or(Path::new(""));
        Ok((Folder::existing(folder), name.to_owned()))
    }
}

impl KeyStore for KeyFile {
    fn load(&self) -> Result<Option<LoadedKey>, KeyError> {
        let (folder, name) = self.place()?;
        // Remains of an interrupted save hold a key too. Where we may not look into the folder, we did not save.
        let _ = folder.sweep(Some(&name));
        read(&self.path, &self.describe(), false)
    }

    fn peek(&self) -> Result<Option<LoadedKey>, KeyError> {
        read(&self.path, &self.describe(), false)
    }

    /// Another file in its place, not other words in the same file: a crash leaves one or the other whole.
    fn save(&self, key: &Secret) -> Result<(), KeyError> {
        check_parents(&self.path)?;
        // What is there must be ours to replace.
        read(&self.path, &self.describe(), false)?;
        let (folder, name) = self.place()?;
        let text = Zeroizing::new(format!("{}\n", key.reveal()));
        folder.place(&name, text.as_bytes()).map_err(into_key_error)
    }

    fn delete(&self) -> Result<(), KeyError> {
        let (folder, name) = self.place()?;
        folder.erase(&name).map_err(into_key_error)
    }

    /// Saving makes a new file in the folder and tells; nothing can seem empty that is not.
    fn probe(&self) -> Result<(), KeyError> {
        check_parents(&self.path)
    }

    fn describe(&self) -> String {
        format!("the key file {}", self.path.display())
    }

    fn kind(&self) -> &'static str {
        "key_file"
    }
}

impl Credential {
    pub(super) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
        }
    }

    fn read_only(&self) -> KeyError {
        KeyError::ReadOnly {
            place: self.describe(),
        }
    }
}

impl KeyStore for Credential {
    /// That it is not there is a mistake in the service's unit, not an empty place.
    fn load(&self) -> Result<Option<LoadedKey>, KeyError> {
        let found = read(&self.path, &self.describe(), true)?;
        found.map(Some).ok_or_else(|| KeyError::Missing {
            path: self.path.clone(),
        })
    }

    fn save(&self, _: &Secret) -> Result<(), KeyError> {
        Err(self.read_only())
    }

    fn delete(&self) -> Result<(), KeyError> {
        Err(self.read_only())
    }

    fn probe(&self) -> Result<(), KeyError> {
        Err(self.read_only())
    }

    fn describe(&self) -> String {
        format!("the systemd credential {}", self.path.display())
    }

    fn kind(&self) -> &'static str {
        "systemd_credential"
    }
}

fn read(path: &Path, place: &str, group_may_read: bool) -> Result<Option<LoadedKey>, KeyError> {
    let io = |source| KeyError::Io {
        what: "reading",
        path: path.to_owned(),
        source,
    };
    let file = match open_plain(path) {
        Ok(Some(file)) => file,
        Ok(None) => return Ok(None),
        // How the system says that the last part of the path is a link.
        Err(_) if path.is_symlink() => {
            return Err(KeyError::FileMode {
                path: path.to_owned(),
                fault: KeyFileFault::NotRegular,
            });
        }
        Err(error) => return Err(io(error)),
    };
    check_key_file(path, &file, group_may_read)?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(LONGEST as usize + 1));
    file.take(LONGEST + 1).read_to_end(&mut bytes).map_err(io)?;
    let damaged = |what| KeyError::Damaged {
        place: place.to_owned(),
        what,
    };
    if bytes.len() as u64 > LONGEST {
        return Err(damaged("it is too long"));
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| damaged("it is not text"))?;
    Ok(Some(LoadedKey {
        text: Secret::new(text),
        volatile: false,
    }))
}

fn into_key_error(error: VaultError) -> KeyError {
    match error {
        VaultError::Key(error) => error,
        VaultError::Io { what, path, source } => KeyError::Io { what, path, source },
        other => KeyError::NotKept {
            place: match other {
                VaultError::NotSaved { path } => path.display().to_string(),
                _ => "the key file".into(),
            },
        },
    }
}
