//! The same as `unix.rs`, where there is less to be had.

use std::fs::{File, Metadata};
use std::path::Path;

/// Tells a folder from another that has its name later.
pub(crate) type Identity = (u64, u64);

/// Nothing tells here; the events of the system have to.
pub(crate) fn identity(_found: &Metadata) -> Option<Identity> {
    None
}

/// Opens a file that is no link.
pub(crate) fn open(path: &Path) -> std::io::Result<File> {
    let file = drawbridge_local::files::no_link(File::options().read(true)).open(path)?;
    if file.metadata()?.is_symlink() {
        return Err(std::io::Error::other("it is a link"));
    }
    Ok(file)
}

/// Where an administrator puts skills.
pub(crate) const ADMIN_SKILLS: Option<&str> = None;
