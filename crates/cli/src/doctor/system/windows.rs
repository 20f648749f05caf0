//! What Windows can tell the doctor.

use std::fs::{FileType, Metadata};
use std::io;
use std::path::Path;
use sysinfo::{DiskRefreshKind, Disks};

/// Why a disk does not say how full it is.
pub(in crate::doctor) type DiskError = io::Error;

/// What is not this user's cannot be looked at here in the first place.
pub(in crate::doctor) fn is_ours(_found: &Metadata) -> bool {
    true
}

/// Doors are no files here.
pub(in crate::doctor) fn is_socket(_kind: FileType) -> bool {
    false
}

/// Whether the folder is not set to be read only. Its access list is not asked.
pub(in crate::doctor) fn is_writable(folder: &Path) -> bool {
    folder
        .metadata()
        .is_ok_and(|found| !found.permissions().readonly())
}

/// Bytes that are free on the disk of a folder. Blocks.
pub(in crate::doctor) fn free(folder: &Path) -> Result<u64, DiskError> {
    let plain = std::path::absolute(folder)?;
    let disks = Disks::new_with_refreshed_list_specifics(DiskRefreshKind::nothing().with_storage())
        .map_err(io::Error::other)?;
    disks
        .iter()
        .filter(|disk| plain.starts_with(disk.mount_point()))
        .max_by_key(|disk| disk.mount_point().as_os_str().len())
        .map(sysinfo::Disk::available_space)
        .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "it is on no disk that is known"))
}

/// Codex has no daemon of its own here.
pub(in crate::doctor) fn is_listened_at(_socket: &Path) -> bool {
    false
}
