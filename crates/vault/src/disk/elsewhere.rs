//! Files where there are no modes and owners as on Unix. On Windows a user's own folders are closed to other
//! users by the access lists they inherit, and a folder made elsewhere gets one of its own
//! (`drawbridge_local::files`); what stands in the lists of others is not checked here.

use crate::{KeyError, KeyFileFault};
use drawbridge_local::files;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

pub(super) fn make_private_folder(path: &Path) -> io::Result<()> {
    files::make_closed_folder(path)
}

pub(super) fn create_private(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}

pub(super) fn open_lock(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
}

/// Opens for reading what is a file itself.
pub(crate) fn open_plain(path: &Path) -> io::Result<Option<File>> {
    match files::no_link(OpenOptions::new().read(true)).open(path) {
        Ok(file) if file.metadata()?.is_symlink() => Err(io::Error::other("it is a link")),
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// A folder cannot be written out by itself here; the file system keeps its own journal.
pub(super) fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Only what can be known here.
pub(crate) fn check_key_file(path: &Path, file: &File, _: bool) -> Result<(), KeyError> {
    let about = file.metadata().map_err(|source| KeyError::Io {
        what: "reading",
        path: path.to_owned(),
        source,
    })?;
    if about.is_file() {
        Ok(())
    } else {
        Err(KeyError::FileMode {
            path: path.to_owned(),
            fault: KeyFileFault::NotRegular,
        })
    }
}

/// Nothing can be known here.
pub(crate) fn check_parents(_: &Path) -> Result<(), KeyError> {
    Ok(())
}
