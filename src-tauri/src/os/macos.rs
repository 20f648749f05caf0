//! macOS: `open`, and whose notifications they are.

use notify_rust::Notification;
use std::io;
use std::path::Path;
use std::process::Command;

/// Notifications carry the name and icon of the installed app. One that runs from its build folder is not known
/// to the system, which then shows them as another's.
pub(super) fn name_the_app(_notification: &mut Notification) {
    // Only the first time counts, and is told as an error afterwards.
    let _ = notify_rust::set_application("dev.drawbridge.desktop");
}

/// Opens a text in the editor for texts, whatever it is called and contains.
pub(crate) fn open_text(file: &Path) -> io::Result<()> {
    Command::new("open").arg("-t").arg(file).spawn().map(drop)
}

/// Shows where a folder lies. It is not opened itself: one that is named like a program would be started.
pub(crate) fn open_folder(folder: &Path) -> io::Result<()> {
    Command::new("open").arg("-R").arg(folder).spawn().map(drop)
}
