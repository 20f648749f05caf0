//! Whether this computer has what the file names.

use drawbridge_codex::LocateError;
use drawbridge_config::Name;
use std::ffi::OsStr;
use std::path::Path;

/// Why a folder or program of the configuration file cannot be used here, as the end of a sentence that
/// begins with it; `None` when it can. `search` is the value of `PATH`.
#[must_use]
pub fn why_not(name: Name, path: &Path, search: Option<&OsStr>) -> Option<String> {
    let why = if name == Name::CodexBin {
        match drawbridge_codex::locate(Some(path), search).err()? {
            LocateError::NotOnPath { .. } => "is not on PATH",
            LocateError::Missing(_) => "does not exist",
            LocateError::NotExecutable(_) => "cannot be executed",
        }
    } else {
        match std::fs::metadata(path) {
            Ok(found) if found.is_dir() => return None,
            Ok(_) => "is no folder",
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => "does not exist",
            Err(_) => "cannot be reached",
        }
    };
    Some(why.to_owned())
}
