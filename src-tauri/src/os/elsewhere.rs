//! Systems whose tray is always there. Notices are those of the dialog, which opens by itself.

use drawbridge_desk::{Handle, Notice};
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

/// Opens a file with what the person opens such files with.
pub(crate) fn open(file: &Path) -> io::Result<()> {
    let program = if cfg!(target_os = "macos") {
        "open"
    } else {
        "explorer"
    };
    Command::new(program).arg(file).spawn().map(drop)
}

/// Tells that there is a tray to live in.
pub(crate) async fn watch_tray_host(desk: Handle) {
    desk.tray_host(true);
    std::future::ready(()).await;
}
