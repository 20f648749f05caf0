//! Unix: modes.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

/// A file that these options make is its owner's alone.
pub fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options.mode(0o600)
}

/// A link is not followed, and a pipe does not hold us up. Whoever opens looks whether it is a file.
pub fn no_link(options: &mut OpenOptions) -> &mut OpenOptions {
    options.custom_flags(nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK)
}

/// Closes a file that is there to others, whatever it was.
///
/// # Errors
/// When it is not ours.
pub fn close(file: &File) -> io::Result<()> {
    file.set_permissions(Permissions::from_mode(0o600))
}

/// Makes a folder and those above it, as far as they are not there, closed to others.
///
/// # Errors
/// When the system does not let us.
pub fn make_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// As [`make_folder`], and closes one that is there already.
///
/// # Errors
/// When it is not ours.
pub fn make_closed_folder(path: &Path) -> io::Result<()> {
    make_folder(path)?;
    std::fs::set_permissions(path, Permissions::from_mode(0o700))
}
