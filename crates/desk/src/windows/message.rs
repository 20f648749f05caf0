//! What the two processes say to each other.

use crate::{Ask, Problem, Window};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The longest line, in bytes: a view with the largest requests that a host lets through fits in.
pub(super) const LONGEST_LINE: usize = 64 * 1024 * 1024;

/// From the app to its windows.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ToWindows {
    /// Something for the screen.
    Screen(OnScreen),
    /// What an [`FromWindows::Ask`] came to.
    Answer {
        /// Of the wish.
        id: u64,
        /// What it came to.
        answer: Result<Box<RawValue>, Problem>,
    },
}

/// What the windows are to do. What they only pass on is not read on the way, however deep it is.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnScreen {
    /// Make a window, or bring it to the front.
    Show {
        /// Which.
        window: Window,
        /// Grows with every one, so that what is said of a window is not taken for the next of its name.
        number: u64,
    },
    /// Destroy it.
    Close(Window),
    /// Tell a window, or all of them.
    Event {
        /// Which; all without.
        window: Option<Window>,
        /// Its name.
        event: String,
        /// What comes with it.
        payload: Box<RawValue>,
    },
}

/// From the windows to the app.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum FromWindows {
    /// A wish.
    Ask {
        /// To answer it by.
        id: u64,
        /// Name of the window that asks, as the window system has it.
        label: String,
        /// What it asks for.
        ask: Box<Ask>,
    },
    /// A window shows what it is for.
    Painted(Window),
    /// A window was made, or is in front.
    Shown {
        /// Which.
        window: Window,
        /// Of the wish.
        number: u64,
    },
    /// A window is gone, or could not be made.
    Closed {
        /// Which.
        window: Window,
        /// Of the last wish that it answered.
        number: u64,
        /// Whether nobody wanted that.
        lost: bool,
    },
}
