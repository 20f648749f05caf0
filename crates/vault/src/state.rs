//! What a person can be told about the vault. No secrets in it.

use serde::Serialize;

/// The vault as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VaultState {
    /// Where the key is.
    pub key: KeyPlace,
    /// Each file, by name.
    pub files: Vec<FileState>,
    /// What else happened since it was opened.
    pub notices: Vec<Notice>,
}

/// Where the key is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyPlace {
    /// `keyring`, `key_file`, `systemd_credential`.
    pub kind: &'static str,
    /// In words.
    pub place: String,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileState {
    /// Id of the bus, or `confirmed`.
    pub name: String,
    /// How it is.
    pub condition: Condition,
}

/// How a file is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum Condition {
    /// As it should be.
    Good,
    /// The file itself was not usable; its good copy was put in its place.
    Restored {
        /// Code of what was wrong with the file.
        why: &'static str,
        /// When the copy's content was saved, in seconds since 1970: later changes are lost.
        saved_at: u64,
    },
    /// Neither it nor its copy can be used.
    Unreadable {
        /// Code of the fault.
        code: &'static str,
        /// The fault and its remedy in words.
        message: String,
    },
}

/// Something worth telling.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "notice")]
pub enum Notice {
    /// A new key was made.
    KeyMade,
    /// The keyring forgets the key when the session ends.
    KeyringVolatile,
    /// A change of the key was begun earlier and has been finished now.
    RotationFinished,
    /// A change of the key cannot be finished because a file is unreadable; both keys are kept.
    RotationUnfinished,
    /// The key is kept where only you can change it; the old key in it is not needed any more.
    OldKeyNotNeeded,
    /// A file was saved, but not its copy.
    CopyNotWritten {
        /// Which file.
        file: String,
        /// Why.
        why: String,
    },
    /// Remains of interrupted writes were removed.
    Swept {
        /// How many.
        files: usize,
    },
}
