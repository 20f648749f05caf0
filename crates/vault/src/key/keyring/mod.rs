//! The system's keyring.

#[cfg_attr(target_os = "linux", path = "linux.rs")]
#[cfg_attr(target_os = "macos", path = "macos.rs")]
#[cfg_attr(windows, path = "windows.rs")]
#[cfg_attr(
    not(any(target_os = "linux", target_os = "macos", windows)),
    path = "elsewhere.rs"
)]
mod platform;

use super::{KeyStore, LoadedKey};
use crate::KeyError;
use drawbridge_wire::Secret;
use keyring_core::Entry;
use std::sync::atomic::{AtomicBool, Ordering};
use zeroize::Zeroizing;

/// What our entries belong to.
const SERVICE: &str = "drawbridge";

pub(super) use platform::glance;

/// One entry of the keyring.
pub(super) struct Keyring {
    user: String,
    /// Set once the call under way has to wait for the person to unlock the keyring: whatever it is late
    /// with then, that is why.
    waits: AtomicBool,
}

/// What a call wants of the keyring.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Need {
    /// To read an entry that may be there, if that goes without unlocking anything or asking anybody.
    Peek,
    /// To read or remove an entry that may be there.
    Find,
    /// To write, where the keyring writes by default.
    Write,
}

/// What looking at the keyring beforehand found.
#[derive(Default)]
struct Outlook {
    /// The entry is where it is forgotten when the session ends.
    volatile: bool,
}

impl Keyring {
    pub(super) fn new(entry: &str) -> Self {
        Self {
            user: entry.to_owned(),
            waits: AtomicBool::new(false),
        }
    }

    /// Opens the keyring anew for each call: its service may have been restarted since.
    fn entry(&self, user: &str) -> Result<Entry, KeyError> {
        platform::store()
            .and_then(|store| store.build(SERVICE, user, None))
            .map_err(|error| self.explain(error))
    }

    fn look(&self, user: &str, need: Need) -> Result<Outlook, KeyError> {
        self.waits.store(false, Ordering::SeqCst);
        platform::look(SERVICE, user, need, &|| self.waits.store(true, Ordering::SeqCst))
    }

    fn load_if(&self, need: Need) -> Result<Option<LoadedKey>, KeyError> {
        platform::steady(|| {
            let outlook = self.look(&self.user, need)?;
            let text = self.read(&self.user)?;
            Ok(text.map(|text| LoadedKey {
                text,
                volatile: outlook.volatile,
            }))
        })
    }

    fn name(&self) -> String {
        format!("{SERVICE} / {}", self.user)
    }

    /// Never shows what the keyring holds, which some of these errors carry.
    fn explain(&self, error: keyring_core::Error) -> KeyError {
        match error {
            keyring_core::Error::NoStorageAccess(why) => platform::no_access(why.as_ref()),
            keyring_core::Error::PlatformFailure(why) => platform::failure(why.as_ref()),
            keyring_core::Error::Ambiguous(entries) => KeyError::KeyringAmbiguous {
                count: entries.len(),
                entry: self.name(),
            },
            keyring_core::Error::BadEncoding(_) | keyring_core::Error::BadDataFormat(..) => {
                KeyError::Damaged {
                    place: self.describe(),
                    what: "it is not text",
                }
            }
            keyring_core::Error::BadStoreFormat(_) => KeyError::KeyringFailed {
                detail: "its own file is damaged".into(),
            },
            keyring_core::Error::TooLong(_, most) => KeyError::KeyringFailed {
                detail: format!("it takes {most} characters at most"),
            },
            keyring_core::Error::NoEntry => KeyError::KeyringFailed {
                detail: "the entry disappeared".into(),
            },
            keyring_core::Error::Invalid(..)
            | keyring_core::Error::NoDefaultStore
            | keyring_core::Error::NotSupportedByStore(_) => KeyError::KeyringFailed {
                detail: "it does not support what is needed".into(),
            },
            _ => KeyError::KeyringFailed {
                detail: "unknown error".into(),
            },
        }
    }

    fn read(&self, user: &str) -> Result<Option<Secret>, KeyError> {
        match self.entry(user)?.get_secret() {
            Ok(bytes) => {
                let bytes = Zeroizing::new(bytes);
                let text = std::str::from_utf8(&bytes).map_err(|_| KeyError::Damaged {
                    place: self.describe(),
                    what: "it is not text",
                })?;
                Ok(Some(Secret::new(text)))
            }
            Err(keyring_core::Error::NoEntry) => Ok(None),
            Err(error) => Err(self.explain(error)),
        }
    }

    fn write(&self, user: &str, text: &Secret) -> Result<(), KeyError> {
        self.entry(user)?
            .set_secret(text.reveal().as_bytes())
            .map_err(|error| self.explain(error))
    }

    fn remove(&self, user: &str) -> Result<(), KeyError> {
        match self.entry(user)?.delete_credential() {
            Ok(()) | Err(keyring_core::Error::NoEntry) => Ok(()),
            Err(error) => Err(self.explain(error)),
        }
    }
}

impl KeyStore for Keyring {
    fn load(&self) -> Result<Option<LoadedKey>, KeyError> {
        self.load_if(Need::Find)
    }

    fn peek(&self) -> Result<Option<LoadedKey>, KeyError> {
        self.load_if(Need::Peek)
    }

    /// Twice is as once: what is there is replaced.
    fn save(&self, key: &Secret) -> Result<(), KeyError> {
        platform::steady(|| {
            self.look(&self.user, Need::Write)?;
            self.write(&self.user, key)
        })
    }

    fn delete(&self) -> Result<(), KeyError> {
        platform::steady(|| {
            self.look(&self.user, Need::Find)?;
            self.remove(&self.user)
        })
    }

    /// Writes an entry of its own, reads it back and removes it. Done twice, the second removes what the first
    /// left: it has the same name.
    fn probe(&self) -> Result<(), KeyError> {
        let user = format!("{} probe", self.user);
        let text = Secret::new("probe");
        let kept = platform::steady(|| {
            self.look(&user, Need::Write)?;
            self.write(&user, &text)?;
            let kept = self.read(&user)?;
            self.remove(&user)?;
            Ok(kept)
        })?;
        if kept.is_some_and(|kept| kept == text) {
            Ok(())
        } else {
            Err(KeyError::NotKept {
                place: self.describe(),
            })
        }
    }

    fn describe(&self) -> String {
        format!("{} (entry `{}`)", platform::NAME, self.name())
    }

    fn kind(&self) -> &'static str {
        "keyring"
    }

    fn waits_for_unlock(&self) -> bool {
        self.waits.load(Ordering::SeqCst)
    }
}
