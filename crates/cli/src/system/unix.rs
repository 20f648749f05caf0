//! Unix: signals, the terminal, what the computer is called.

use crate::CliError;
use nix::sys::termios::{FlushArg, LocalFlags, SetArg, Termios, tcflush, tcgetattr, tcsetattr};
use std::fs::{File, Metadata};
use std::os::unix::fs::MetadataExt as _;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Ctrl-C or a polite request to end.
pub(crate) struct StopSignal {
    interrupt: Signal,
    terminate: Signal,
}

impl StopSignal {
    pub(crate) fn listen() -> Result<Self, CliError> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt()).map_err(CliError::Runtime)?,
            terminate: signal(SignalKind::terminate()).map_err(CliError::Runtime)?,
        })
    }

    pub(crate) async fn received(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// The terminal shows nothing of what is typed, from before the prompt stands: who pastes the token at
/// once is faster than a prompt that is shown first.
pub(crate) struct Unseen {
    terminal: File,
    before: Termios,
}

impl Unseen {
    pub(crate) fn begin() -> std::io::Result<Self> {
        let terminal = File::options().read(true).write(true).open("/dev/tty")?;
        let before = tcgetattr(&terminal)?;
        let mut unseen = before.clone();
        unseen.local_flags.remove(LocalFlags::ECHO);
        tcsetattr(&terminal, SetArg::TCSANOW, &unseen)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Unseen {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing.
        let _ = tcsetattr(&self.terminal, SetArg::TCSANOW, &self.before);
    }
}

/// Forgets what was typed into the terminal and not yet read, also what was not yet ended with Enter.
pub(crate) fn forget_typed() {
    let _ = tcflush(std::io::stdin(), FlushArg::TCIFLUSH);
}

/// Who may do what with a file, where the system has a number for it.
#[allow(clippy::unnecessary_wraps, reason = "one signature on all systems")]
pub(crate) fn mode(found: &Metadata) -> Option<u32> {
    Some(found.mode() & 0o7777)
}

/// What this computer is called.
pub(crate) fn computer_name() -> Option<String> {
    nix::unistd::gethostname().ok()?.into_string().ok()
}

/// The person's own folder.
pub(crate) fn home() -> Option<String> {
    std::env::var("HOME").ok()
}
