//! What differs from system to system, in sibling files with one signature.

#[cfg_attr(target_os = "linux", path = "linux.rs")]
#[cfg_attr(not(target_os = "linux"), path = "elsewhere.rs")]
mod system;

pub(crate) use system::{Notices, open_folder, open_text, watch_tray_host};
