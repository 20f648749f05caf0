//! Everything that can stand in the way: each with a stable code and what to do now.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What a file holds, which decides what helps when it cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// An enrollment.
    Enrollment,
    /// The settings a person confirmed.
    Confirmed,
}

impl FileKind {
    /// By the name of the file without its ending: an id of a bus, or `confirmed`.
    #[must_use]
    pub fn of(stem: &str) -> Self {
        if stem == "confirmed" {
            Self::Confirmed
        } else {
            Self::Enrollment
        }
    }

    fn of_path(path: &Path) -> Self {
        Self::of(path.file_stem().and_then(OsStr::to_str).unwrap_or_default())
    }

    /// What makes an end of a file that cannot be used.
    fn otherwise(self) -> &'static str {
        match self {
            Self::Enrollment => "forget the enrollment and enroll again",
            Self::Confirmed => {
                "look at the settings again and confirm them anew with `drawbridge config accept`; until then remote \
                 clients get only what flags give"
            }
        }
    }
}

/// What is wrong with one file. What helps depends on the file: see [`FileFault::told`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileFault {
    /// It is not what was written.
    #[error("the file is damaged ({what})")]
    Damaged {
        /// In what way.
        what: &'static str,
    },
    /// It was encrypted for another key, or its header is damaged.
    #[error("the file was encrypted for another key, or its header is damaged")]
    WrongKey,
    /// A later version of Drawbridge wrote it. It is left as it is.
    #[error("the file has version {version} and this Drawbridge reads versions up to {ours}")]
    Newer {
        /// Its version.
        version: u64,
        /// The latest that is understood here.
        ours: u64,
    },
    /// The operating system does not give it out.
    #[error("the file cannot be read ({kind})")]
    Io {
        /// Why.
        kind: std::io::ErrorKind,
    },
}

impl FileFault {
    /// A stable word for it.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            FileFault::Damaged { .. } => "file_damaged",
            FileFault::WrongKey => "wrong_key",
            FileFault::Newer { .. } => "file_newer",
            FileFault::Io { .. } => "file_io",
        }
    }

    /// What is wrong with a file of the vault, and what to do now.
    #[must_use]
    pub fn told(&self, kind: FileKind) -> String {
        let otherwise = kind.otherwise();
        match self {
            FileFault::Damaged { .. } => {
                format!("{self} and there is no good copy of it; put it back from a backup, or {otherwise}")
            }
            FileFault::WrongKey => {
                format!("{self}; open the vault with the key it was made with, or {otherwise}")
            }
            FileFault::Newer { .. } => format!("{self}; use the newer Drawbridge (the file was not touched)"),
            FileFault::Io { .. } => format!("{self}; check its rights and the disk"),
        }
    }

    /// The same of an export that is to be taken in.
    fn told_of_an_export(&self) -> String {
        match self {
            FileFault::Damaged { what } => format!(
                "the export is damaged or is no export ({what}); no enrollment was changed. Give the right file, or \
                 make it anew with `drawbridge vault export`"
            ),
            FileFault::WrongKey => "the export was made for another key, or is damaged; no enrollment was changed. Give \
                                    the identity it was made for, or make it anew with `drawbridge vault export`"
                .to_owned(),
            FileFault::Newer { version, ours } => format!(
                "the export has version {version} and this Drawbridge reads versions up to {ours}; no enrollment was \
                 changed. Use the newer Drawbridge"
            ),
            FileFault::Io { kind } => {
                format!("the export cannot be read ({kind}); check its rights and the disk")
            }
        }
    }
}

/// What is wrong with a key file or with the folders above it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyFileFault {
    /// A link, folder, pipe or device.
    #[error("is not a regular file; name the file itself, no link")]
    NotRegular,
    /// Owned by somebody else.
    #[error("belongs to somebody else; make it yours with `chown`")]
    Owner,
    /// Others may read or write it.
    #[error("is open to others; close it with `chmod 600`")]
    Mode,
    /// Others could put another file in its place.
    #[error("lies below a folder that others may change; move it, or close the folder with `chmod o-w`")]
    Parent,
}

/// How a keyring is absent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Absence {
    /// There is no bus to look for it on.
    #[error("no session bus")]
    NoBus,
    /// There is a bus, and nobody answers to the keyring's name.
    #[error("nobody on the session bus owns the keyring's name")]
    NoOwner,
    /// It was there, and was gone before it answered.
    #[error("the keyring service went away during the call and was not back soon")]
    WentAway,
    /// Anything else, in words.
    #[error("{0}")]
    Other(String),
}

impl From<&str> for Absence {
    fn from(words: &str) -> Self {
        Self::Other(words.to_owned())
    }
}

/// Why the key is not to be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// No keyring service, or one without any collection.
    #[error(
        "there is no usable keyring here ({detail}); log in to a desktop session with one, or name a key file with \
         --key-file"
    )]
    KeyringAbsent {
        /// What was found instead.
        detail: Absence,
    },
    /// Locked, and nobody has unlocked it.
    #[error("the keyring is locked; unlock it (a prompt may be waiting on the screen), then try again")]
    KeyringLocked,
    /// The person or the system said no.
    #[error("the keyring refused ({detail}); allow Drawbridge to use it when it asks, then try again")]
    KeyringDenied {
        /// The keyring's word.
        detail: String,
    },
    /// No answer in time.
    #[error(
        "the keyring did not answer within {} s; look for a prompt on the screen or restart the keyring service, \
         then try again",
        .after.as_secs()
    )]
    KeyringSlow {
        /// How long was waited.
        after: Duration,
    },
    /// More than one entry by our name.
    #[error(
        "the keyring has {count} entries named `{entry}`; delete all but the right one with your keyring's own program"
    )]
    KeyringAmbiguous {
        /// How many.
        count: usize,
        /// Their name.
        entry: String,
    },
    /// It forgets everything when the session ends.
    #[error(
        "the keyring keeps its entries only until you log out; make a lasting default keyring with your keyring's \
         own program, or name a key file with --key-file"
    )]
    KeyringVolatile,
    /// Something else.
    #[error("the keyring failed ({detail}); restart the keyring service, or name a key file with --key-file")]
    KeyringFailed {
        /// The keyring's word, never what it holds.
        detail: String,
    },
    /// The file or credential with the key must not be trusted.
    #[error("the key file {} {fault}", .path.display())]
    FileMode {
        /// Which.
        path: PathBuf,
        /// Why.
        fault: KeyFileFault,
    },
    /// There is no such credential.
    #[error(
        "there is no key at {}; make one with `age-keygen` and pass it with LoadCredential= or \
         LoadCredentialEncrypted=",
        .path.display()
    )]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The place of the key cannot be written from here.
    #[error(
        "the key in {place} cannot be changed from here; put the new key there yourself, above the old one"
    )]
    ReadOnly {
        /// Which.
        place: String,
    },
    /// What is kept as the key is none.
    #[error(
        "what {place} holds is no key ({what}); put the right key back, or start anew with `drawbridge vault reset`"
    )]
    Damaged {
        /// Which.
        place: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// What was saved did not come back.
    #[error("{place} did not keep the key; nothing was saved. Check that it works with its own program")]
    NotKept {
        /// Which.
        place: String,
    },
    /// The operating system.
    #[error("{what} {}: {source}; check the path, its rights and the space on the disk", .path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// With what.
        path: PathBuf,
        /// Why it did not work.
        source: std::io::Error,
    },
}

impl KeyError {
    /// A stable word for it.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            KeyError::KeyringAbsent { .. } => "keyring_absent",
            KeyError::KeyringLocked => "keyring_locked",
            KeyError::KeyringDenied { .. } => "keyring_denied",
            KeyError::KeyringSlow { .. } => "keyring_slow",
            KeyError::KeyringAmbiguous { .. } => "keyring_ambiguous",
            KeyError::KeyringVolatile => "keyring_volatile",
            KeyError::KeyringFailed { .. } => "keyring_failed",
            KeyError::FileMode { .. } => "key_file_mode",
            KeyError::Missing { .. } => "key_missing",
            KeyError::ReadOnly { .. } => "key_read_only",
            KeyError::Damaged { .. } => "key_damaged",
            KeyError::NotKept { .. } => "key_not_kept",
            KeyError::Io { .. } => "key_io",
        }
    }
}

/// Where the key of a vault may be that was looked for in the wrong place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LikelyKey {
    /// In a file or credential that has to be named.
    NotNamed,
    /// In the keyring: the vault has the name of an entry there, and another place was named.
    InKeyring,
}

impl LikelyKey {
    fn in_words(self) -> &'static str {
        match self {
            Self::NotNamed => "if you started it with --key-file (or a systemd credential), give it again",
            Self::InKeyring => {
                "the vault names an entry of the keyring: if its key is there, leave --key-file (or the credential) out"
            }
        }
    }
}

/// Why the vault did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VaultError {
    /// The key is not to be had.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// There are files, but the key they were made for is gone.
    #[error(
        "the vault {} has {files} file(s), but {place} has no key for them; {}. If not, the key is lost: put it back, \
         or start anew with `drawbridge vault reset` (keeps the files aside) and `drawbridge vault import` or \
         `drawbridge enroll`",
        .dir.display(),
        .likely.in_words()
    )]
    KeyLost {
        /// The vault's folder.
        dir: PathBuf,
        /// How many files.
        files: usize,
        /// Where the key should be.
        place: String,
        /// Where it may be instead.
        likely: LikelyKey,
    },
    /// The key of another place was given.
    #[error(
        "the key in {place} fits no file of the vault {}, which names an entry of the keyring; leave --key-file (or the \
         credential) out",
        .dir.display()
    )]
    OtherPlace {
        /// The vault's folder.
        dir: PathBuf,
        /// Where a key was found.
        place: String,
    },
    /// A file cannot be used.
    #[error("{}: {}", .path.display(), .fault.told(FileKind::of_path(.path)))]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        fault: FileFault,
    },
    /// An export cannot be used.
    #[error("{}", .fault.told_of_an_export())]
    Export {
        /// Why.
        fault: FileFault,
    },
    /// Another process has the vault open.
    #[error("the vault {} is in use by another process; stop that host, or ask it", .dir.display())]
    InUse {
        /// The vault's folder.
        dir: PathBuf,
    },
    /// No such enrollment.
    #[error("there is no enrollment `{id}`; `drawbridge enrollments` lists them")]
    NoSuchEntry {
        /// What was asked for.
        id: String,
    },
    /// Not a name.
    #[error("this is no id of a bus; use small letters, digits and dashes, at most 64")]
    BadId,
    /// It cannot be kept.
    #[error("this cannot be kept: {what}; correct it and try again")]
    Unfit {
        /// Why.
        what: &'static str,
    },
    /// What was written is not what is there now.
    #[error("{} could not be read back as it was written; nothing was saved. Check the disk", .path.display())]
    NotSaved {
        /// Which file.
        path: PathBuf,
    },
    /// The confirmed settings are saved, and an enrollment could not be made to remember that there are some.
    #[error(
        "the settings are confirmed and saved, but their removal would not be noticed: {why}. Then confirm them again \
         with `drawbridge config accept`"
    )]
    ConfirmedUnguarded {
        /// Why not.
        why: Box<VaultError>,
    },
    /// Not a recipient of age.
    #[error("this is no age recipient; give one that begins with `age1`, as `age-keygen` prints it")]
    BadRecipient,
    /// Not an identity of age.
    #[error("this is no age identity; give the file with the line that begins with `AGE-SECRET-KEY-1`")]
    BadIdentity,
    /// The operating system.
    #[error("{what} {}: {source}; check the path, its rights and the space on the disk", .path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// With what.
        path: PathBuf,
        /// Why it did not work.
        source: std::io::Error,
    },
    /// The vault's thread did not answer in time.
    #[error("the vault did not answer within {} s; check that the disk answers, then try again", .after.as_secs())]
    Slow {
        /// How long was waited.
        after: Duration,
    },
    /// Too much is asked at once.
    #[error("the vault has too much to do; try again in a moment")]
    Busy,
    /// The vault's thread has ended.
    #[error("the vault is closed; open it again")]
    Closed,
}

impl VaultError {
    /// A stable word for it.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            VaultError::Key(error) => error.code(),
            VaultError::KeyLost { .. } => "key_lost",
            VaultError::OtherPlace { .. } => FileFault::WrongKey.code(),
            VaultError::File { fault, .. } | VaultError::Export { fault } => fault.code(),
            VaultError::InUse { .. } => "vault_in_use",
            VaultError::NoSuchEntry { .. } => "no_such_entry",
            VaultError::BadId => "bad_id",
            VaultError::Unfit { .. } => "unfit",
            VaultError::NotSaved { .. } => "not_saved",
            VaultError::ConfirmedUnguarded { .. } => "confirmed_unguarded",
            VaultError::BadRecipient => "bad_recipient",
            VaultError::BadIdentity => "bad_identity",
            VaultError::Io { .. } => "vault_io",
            VaultError::Slow { .. } => "vault_slow",
            VaultError::Busy => "vault_busy",
            VaultError::Closed => "vault_closed",
        }
    }

    pub(crate) fn io(what: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| VaultError::Io { what, path, source }
    }
}
