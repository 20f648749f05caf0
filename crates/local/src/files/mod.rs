//! Files and folders that are closed to other users.

#[cfg_attr(unix, path = "unix.rs")]
#[cfg_attr(windows, path = "windows.rs")]
mod system;

pub use system::{close, make_closed_folder, make_folder, no_link, private};
