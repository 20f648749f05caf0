//! Windows in a process of their own. A web view leaves its libraries and much of its memory in the process
//! that made it, also when the last window is closed; so the app starts a process for its windows when one is
//! wanted, and ends it when none is left. Nothing is decided there: [`WindowsProcess`] in the app says what is
//! shown, [`Front`] in the other process passes wishes on, and the controller judges each by its window's label.
//!
//! Both speak in lines of JSON over the other process's standard input and output, which nobody else has.

mod front;
mod hears;
mod message;
mod owner;
#[cfg(test)]
mod tests;

pub use front::Front;
pub use message::OnScreen;
pub use owner::{Ends, WindowsOwner, WindowsProcess};
