//! What the system tells of folders.

use std::path::{Path, PathBuf};

/// What the system told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Something is new, gone, renamed or has other permissions there.
    Moved(PathBuf),
    /// A file was written.
    Written(PathBuf),
    /// Something was lost.
    Overflow,
}

/// Why a folder is not watched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoticeError {
    /// The system lets nobody watch more.
    #[error("the system lets nobody watch more folders")]
    Limit,
    /// It is not there any more, or not to be read.
    #[error("the folder is not there")]
    Gone,
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

/// Watches folders.
pub trait Notice: Send {
    /// Tells of what happens to a folder and its entries from now on, below it too when asked for.
    ///
    /// # Errors
    /// [`NoticeError`]
    fn watch(&mut self, folder: &Path, below: bool) -> Result<(), NoticeError>;
    /// Tells only of what comes, goes or gets another name in a folder, where that can be had by itself.
    ///
    /// # Errors
    /// [`NoticeError`]
    fn watch_way(&mut self, folder: &Path) -> Result<(), NoticeError> {
        self.watch(folder, false)
    }
    /// Tells only when the folder itself gets another name or place, where that can be had without being told, or
    /// woken for, what happens in it; elsewhere nothing.
    ///
    /// # Errors
    /// [`NoticeError`]
    fn watch_above(&mut self, _folder: &Path) -> Result<(), NoticeError> {
        Ok(())
    }
    /// Tells no more.
    fn unwatch(&mut self, folder: &Path);
    /// Whether a folder that was watched still is: the system lets go of one that is deleted, and one that is made in
    /// its place may be the same by all that can be seen of it, its number included.
    fn holds(&self, _folder: &Path) -> bool {
        true
    }
    /// Whether a folder is best watched together with all below it, or each folder by itself.
    fn reaches_below(&self) -> bool;
}

/// Takes events; called on threads of others, must not wait.
pub type Tell = Box<dyn Fn(Event) + Send + Sync>;

/// Makes what watches; asked again when that could not be had or has to begin anew.
pub trait Noticer: Send {
    /// Watches nothing yet.
    ///
    /// # Errors
    /// [`NoticeError`]
    fn begin(&mut self, tell: Tell) -> Result<Box<dyn Notice>, NoticeError>;
}

/// What the system offers: inotify, FSEvents, or whatever there is.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemNotices;
