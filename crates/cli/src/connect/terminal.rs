//! The terminal of `connect`: one status line at the bottom, everything else above it, and typed lines.

use super::writer::{Stream, Writer};
use crate::{CliError, screen};
use std::io::BufRead;
use tokio::sync::mpsc;

/// Lines typed ahead that are kept. More than this nobody types before looking up.
const TYPED_AHEAD: usize = 16;

/// Where `connect` writes.
#[derive(Debug)]
pub(crate) struct Terminal {
    writer: Writer,
    live: bool,
    /// Whether the cursor stands behind the status line.
    status_shown: bool,
    /// Whether a question stands and a person may be typing.
    asking: bool,
}

impl Terminal {
    /// `live`: a person sees stderr and can type.
    pub(crate) fn new(live: bool) -> Self {
        Self {
            writer: Writer::start(),
            live,
            status_shown: false,
            asking: false,
        }
    }

    pub(crate) fn is_live(&self) -> bool {
        self.live
    }

    /// Shows the state at the bottom, unless a question stands there.
    pub(crate) fn status(&mut self, line: &str) {
        // To a terminal that stands still it would be old when it is read.
        if self.live && !self.asking && !self.writer.is_behind() {
            self.note(format!("\r\u{1b}[2K{}", screen::cut(line, screen::width())));
            self.status_shown = true;
        }
    }

    /// Prints a line of news: above the status line for a person, else as a plain line on stdout.
    ///
    /// # Errors
    ///
    /// [`CliError::Output`] when stdout takes nothing any more.
    pub(crate) fn news(&mut self, line: &str) -> Result<(), CliError> {
        if !self.live {
            self.writer.put(Stream::Out, format!("{line}\n"))?;
            return Ok(());
        }
        self.clear();
        self.note(screen::wrap(line, screen::width()));
        Ok(())
    }

    /// Waits until something could not be written.
    pub(crate) async fn failed(&mut self) -> CliError {
        self.writer.failed().await
    }

    /// What a person sees. Nobody sees what cannot be written. Whether there was room for it.
    fn note(&mut self, text: String) -> bool {
        self.writer.put(Stream::Err, text).unwrap_or(false)
    }

    /// Prints text that is laid out already. `false`: the terminal stands still, and it will not be seen.
    pub(crate) fn show(&mut self, text: &str) -> bool {
        self.clear();
        self.note(text.to_owned())
    }

    /// Puts a question. Until [`Terminal::answered`] the status line stays away.
    pub(crate) fn ask(&mut self, question: &str) {
        self.clear();
        self.note(question.to_owned());
        self.asking = true;
    }

    /// The question has gone; `typed`: by a typed line, which ended the line on the screen too.
    pub(crate) fn answered(&mut self, typed: bool) {
        if self.asking && !typed {
            self.note("\n".to_owned());
        }
        self.asking = false;
    }

    /// Makes room for other output.
    pub(crate) fn clear(&mut self) {
        if self.status_shown {
            self.note("\r\u{1b}[2K".to_owned());
            self.status_shown = false;
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.clear();
    }
}

/// Forgets what was typed before now: it was not meant for a question that had not been put yet.
pub(crate) fn forget_typed(lines: &mut mpsc::Receiver<String>) {
    // What is typed but not yet ended with Enter lies in the terminal, the rest with us.
    crate::system::forget_typed();
    while lines.try_recv().is_ok() {}
}

/// Reads typed lines on a thread of its own: a read of a terminal cannot be called back.
pub(crate) fn typed_lines() -> mpsc::Receiver<String> {
    let (send, receive) = mpsc::channel(TYPED_AHEAD);
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            let Ok(line) = line else { return };
            if send.blocking_send(line).is_err() {
                return;
            }
        }
    });
    receive
}
