//! What only Unix can tell the doctor.

use nix::sys::statvfs::statvfs;
use nix::unistd::{AccessFlags, Uid, access};
use std::fs::{FileType, Metadata};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::Path;

/// Why a disk does not say how full it is.
pub(in crate::doctor) type DiskError = nix::Error;

/// Whether it belongs to this user.
pub(in crate::doctor) fn is_ours(found: &Metadata) -> bool {
    found.uid() == Uid::effective().as_raw()
}

/// Whether it is a door.
pub(in crate::doctor) fn is_socket(kind: FileType) -> bool {
    kind.is_socket()
}

/// Whether this user may write into the folder.
pub(in crate::doctor) fn is_writable(folder: &Path) -> bool {
    access(folder, AccessFlags::W_OK | AccessFlags::X_OK).is_ok()
}

/// Bytes that are free on the disk of a folder. Blocks.
#[allow(clippy::useless_conversion, reason = "macOS counts blocks in 32 bits")]
pub(in crate::doctor) fn free(folder: &Path) -> Result<u64, DiskError> {
    statvfs(folder).map(|disk| u64::from(disk.blocks_available()).saturating_mul(disk.fragment_size()))
}

/// Whether somebody listens at a socket. Blocks.
pub(in crate::doctor) fn is_listened_at(socket: &Path) -> bool {
    std::os::unix::net::UnixStream::connect(socket).is_ok()
}
