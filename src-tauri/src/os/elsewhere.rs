//! Systems whose tray is always there. Notices are those of the dialog, which opens by itself.

use drawbridge_desk::{Handle, Notice};
use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::process::Command;

/// Notifications are not shown here yet; the dialog is.
pub(crate) struct Notices;

impl Notices {
    pub(crate) fn new(_clicked: impl Fn() + Send + Sync + Clone + 'static) -> Self {
        Self
    }

    pub(crate) fn show(&self, notice: Notice) {
        tracing::debug!(title = notice.title, "no notification");
    }

    pub(crate) fn withdraw(&self) {}
}

/// Opens a text in the editor for texts, whatever it is called and contains.
pub(crate) fn open_text(file: &Path) -> io::Result<()> {
    let mut command = if cfg!(target_os = "macos") {
        let mut command = Command::new("open");
        command.arg("-t");
        command
    } else {
        Command::new("notepad")
    };
    command.arg(file).spawn().map(drop)
}

/// Shows where a folder lies. It is not opened itself: one that is named like a program would be started.
pub(crate) fn open_folder(folder: &Path) -> io::Result<()> {
    let mut command = if cfg!(target_os = "macos") {
        let mut command = Command::new("open");
        command.arg("-R").arg(folder);
        command
    } else {
        let mut selected = OsString::from("/select,");
        selected.push(folder);
        let mut command = Command::new("explorer");
        command.arg(selected);
        command
    };
    command.spawn().map(drop)
}

/// Tells that there is a tray to live in.
pub(crate) async fn watch_tray_host(desk: Handle) {
    desk.tray_host(true);
    std::future::ready(()).await;
}
