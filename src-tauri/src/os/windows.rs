//! Windows: the system's own programs by their full path, and whose notifications they are.

use notify_rust::Notification;
use std::ffi::OsString;
use std::io;
use std::os::windows::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Notifications carry the name and icon of the installed app, whose entry in the start menu has this identifier.
/// A build that is not installed has none, and the system shows its notifications as another's.
pub(super) fn name_the_app(notification: &mut Notification) {
    if !cfg!(debug_assertions) {
        notification.app_id("dev.drawbridge.desktop");
    }
}

/// Opens a text in the editor for texts, whatever it is called and contains.
pub(crate) fn open_text(file: &Path) -> io::Result<()> {
    Command::new(system().join(r"System32\notepad.exe"))
        .arg(file)
        .spawn()
        .map(drop)
}

/// Shows where a folder lies. It is not opened itself: one that is named like a program would be started.
pub(crate) fn open_folder(folder: &Path) -> io::Result<()> {
    // It takes its argument apart by rules of its own: quotes around the path alone. A path holds none.
    let mut selected = OsString::from("/select,\"");
    selected.push(folder);
    selected.push("\"");
    Command::new(system().join("explorer.exe"))
        .raw_arg(selected)
        .spawn()
        .map(drop)
}

fn system() -> PathBuf {
    std::env::var_os("SystemRoot").map_or_else(|| PathBuf::from(r"C:\Windows"), PathBuf::from)
}
