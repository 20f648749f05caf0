//! What only Unix can do with files.

use std::fs::{File, Metadata, OpenOptions};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

/// Tells a folder from another that has its name later.
pub(crate) type Identity = (u64, u64);

pub(crate) fn identity(found: &Metadata) -> Option<Identity> {
    Some((found.dev(), found.ino()))
}

/// Opens a file that is no link. A pipe of that name is opened without waiting for its other end.
pub(crate) fn open(path: &Path) -> std::io::Result<File> {
    use nix::fcntl::OFlag;
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits())
        .open(path)
}

/// Where an administrator puts skills.
pub(crate) const ADMIN_SKILLS: Option<&str> = Some("/etc/codex/skills");
