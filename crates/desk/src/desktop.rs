//! What the controller wants of a desktop.

use crate::{ApprovalCard, DesktopView, Problem, ThreadEvent};
use drawbridge_core::tray::Tray;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// A window. Each has its own rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Window {
    /// Everything but answers to approvals.
    Main,
    /// One approval at a time; only here they are answered.
    Approval,
}

impl Window {
    /// All of them.
    pub const ALL: [Window; 2] = [Window::Main, Window::Approval];

    /// Its name in the window system.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Window::Main => "main",
            Window::Approval => "approval",
        }
    }

    /// The window of a name.
    #[must_use]
    pub fn of_label(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|window| window.label() == label)
    }
}

/// A page of the main window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Page {
    /// Threads.
    Threads,
    /// Where connections are.
    Connections,
}

impl Page {
    /// Its name in the window.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Page::Threads => "threads",
            Page::Connections => "connections",
        }
    }
}

/// Something the person is told of outside our windows. A click on it opens the approval dialog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// What it is about.
    pub title: String,
    /// One line more.
    pub body: String,
}

/// What a person opens with a program of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opening {
    /// A text, in an editor; never run, whatever it says or may be.
    Text(PathBuf),
    /// A folder, in what shows folders.
    Folder(PathBuf),
}

/// Opens what it was made for. May take a few seconds, so the loop runs it elsewhere.
pub type Opener = Box<dyn FnOnce() -> Result<(), Problem> + Send>;

/// A desktop. Nothing here may block: the controller's loop waits for it.
pub trait Desktop: Send + 'static {
    /// Makes a window, or brings it to the front.
    fn show(&mut self, window: Window);
    /// Turns the main window to a page.
    fn go(&mut self, page: Page);
    /// Destroys a window.
    fn close(&mut self, window: Window);
    /// Shows this tray from now on. Called only when it differs from the last.
    fn paint(&mut self, tray: &Tray);
    /// Tells every window how things are.
    fn tell(&mut self, view: &DesktopView);
    /// Tells the approval dialog what is on display.
    fn tell_card(&mut self, card: Option<&ApprovalCard>);
    /// Tells the main window what happened in an open thread.
    fn tell_thread(&mut self, event: &ThreadEvent);
    /// Asks in the main window whether to quit although turns run.
    fn ask_quit(&mut self, running: usize);
    /// Notifies the person; takes the place of the last notice.
    fn notify(&mut self, notice: &Notice);
    /// Takes the last notice back.
    fn withdraw_notice(&mut self);
    /// How this is opened with what the person opens such things with. It fails when the system has nothing
    /// for it.
    fn opener(&mut self, what: Opening) -> Opener;
    /// Starts with the session from now on, or does not.
    ///
    /// # Errors
    /// When the system does not take it.
    fn set_start_at_login(&mut self, on: bool) -> Result<(), Problem>;
    /// Whether the app starts with the session.
    fn starts_at_login(&self) -> bool;
    /// Ends the app.
    fn exit(&mut self);
}
