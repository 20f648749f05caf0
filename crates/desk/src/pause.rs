//! A pause: buses that were connected are left alone until a time. It is kept in a file, so that it ends
//! although the app was started again meanwhile.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Longest pause, in minutes.
pub(crate) const LONGEST: u32 = 7 * 24 * 60;
/// Largest file that is read.
const LARGEST: u64 = 64 * 1024;

/// A pause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pause {
    /// When it ends, Unix milliseconds.
    pub(crate) until_ms: u64,
    /// What is connected again then.
    pub(crate) buses: BTreeSet<String>,
}

/// Where it is kept.
pub(crate) fn file(data_dir: &Path) -> PathBuf {
    data_dir.join("desktop").join("pause.json")
}

/// What is kept; nothing when it cannot be read.
pub(crate) fn load(file: &Path) -> Option<Pause> {
    let found = std::fs::metadata(file).ok()?;
    if found.len() > LARGEST {
        return None;
    }
    serde_json::from_slice(&std::fs::read(file).ok()?).ok()
}

/// Keeps it, or that there is none.
pub(crate) fn keep(file: &Path, pause: Option<&Pause>) -> io::Result<()> {
    let Some(pause) = pause else {
        return match std::fs::remove_file(file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        };
    };
    if let Some(dir) = file.parent() {
        std::fs::create_dir_all(dir)?;
    }
    let beside = file.with_extension("new");
    let mut written = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .open(&beside)?;
    written.write_all(&serde_json::to_vec(pause)?)?;
    written.sync_all()?;
    std::fs::rename(beside, file)
}
