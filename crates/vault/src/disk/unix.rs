//! Files on Unix.

use crate::{KeyError, KeyFileFault};
use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

pub(super) fn make_private_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    std::fs::set_permissions(path, Permissions::from_mode(0o700))
}

pub(super) fn create_private(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

pub(super) fn open_lock(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .custom_flags(nix::libc::O_NOFOLLOW)
        .open(path)
}

/// Opens for reading what is a file itself; a pipe does not hold us up.
pub(crate) fn open_plain(path: &Path) -> io::Result<Option<File>> {
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK)
        .open(path);
    match opened {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Whether this file, opened from `path`, can be trusted to hold a key. `group_may_read` is for systemd, whose
/// access lists show up as the group's right to read.
pub(crate) fn check_key_file(path: &Path, file: &File, group_may_read: bool) -> Result<(), KeyError> {
    let fault = |fault| KeyError::FileMode {
        path: path.to_owned(),
        fault,
    };
    let io = |source| KeyError::Io {
        what: "reading",
        path: path.to_owned(),
        source,
    };
    let ours = |uid: u32| uid == 0 || uid == nix::unistd::geteuid().as_raw();
    let about = file.metadata().map_err(io)?;
    if !about.is_file() {
        return Err(fault(KeyFileFault::NotRegular));
    }
    if !ours(about.uid()) {
        return Err(fault(KeyFileFault::Owner));
    }
    let allowed = if group_may_read { 0o640 } else { 0o600 };
    if about.mode() & 0o7777 & !allowed != 0 {
        return Err(fault(KeyFileFault::Mode));
    }
    check_parents(path)
}

/// Others must not be able to put another file in its place. In a folder with the sticky bit they cannot.
pub(crate) fn check_parents(path: &Path) -> Result<(), KeyError> {
    let io = |source| KeyError::Io {
        what: "looking at the folder of",
        path: path.to_owned(),
        source,
    };
    let ours = |uid: u32| uid == 0 || uid == nix::unistd::geteuid().as_raw();
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    for folder in parent.canonicalize().map_err(io)?.ancestors() {
        let about = folder.metadata().map_err(io)?;
        let open_to_others = about.mode() & 0o002 != 0 && about.mode() & 0o1000 == 0;
        if open_to_others || !ours(about.uid()) {
            return Err(KeyError::FileMode {
                path: path.to_owned(),
                fault: KeyFileFault::Parent,
            });
        }
    }
    Ok(())
}
