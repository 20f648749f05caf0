//! Windows: console events, the console, what the computer is called.

use crate::CliError;
use std::fs::Metadata;
use tokio::signal::windows::{CtrlBreak, CtrlC, CtrlClose, ctrl_break, ctrl_c, ctrl_close};

/// Ctrl-C, or the end of the console.
pub(crate) struct StopSignal {
    interrupt: CtrlC,
    broken: CtrlBreak,
    closed: CtrlClose,
}

impl StopSignal {
    pub(crate) fn listen() -> Result<Self, CliError> {
        Ok(Self {
            interrupt: ctrl_c().map_err(CliError::Runtime)?,
            broken: ctrl_break().map_err(CliError::Runtime)?,
            closed: ctrl_close().map_err(CliError::Runtime)?,
        })
    }

    pub(crate) async fn received(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.broken.recv() => {}
            _ = self.closed.recv() => {}
        }
    }
}

/// A console shows what is typed only when somebody reads it, and who reads it here says that it must not.
pub(crate) struct Unseen(());

impl Unseen {
    #[allow(clippy::unnecessary_wraps, reason = "one signature on all systems")]
    pub(crate) fn begin() -> std::io::Result<Self> {
        Ok(Self(()))
    }
}

/// A line that was begun and not yet ended with Enter belongs to the console and cannot be taken back; whole
/// ones are forgotten by who calls.
pub(crate) fn forget_typed() {}

/// There is no number for it: a file lets in whom its access list names.
pub(crate) fn mode(_found: &Metadata) -> Option<u32> {
    None
}

/// What this computer is called.
pub(crate) fn computer_name() -> Option<String> {
    std::env::var("COMPUTERNAME").ok()
}

/// The person's own folder.
pub(crate) fn home() -> Option<String> {
    std::env::var("USERPROFILE").ok()
}
