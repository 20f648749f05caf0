//! What the system tells of folders.

use notify::event::{AccessKind, AccessMode, EventKind, ModifyKind};
use notify::{Config, RecommendedWatcher, RecursiveMode, Watcher as _};
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
    /// Tells no more.
    fn unwatch(&mut self, folder: &Path);
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

impl Noticer for SystemNotices {
    fn begin(&mut self, tell: Tell) -> Result<Box<dyn Notice>, NoticeError> {
        let handler = move |event: notify::Result<notify::Event>| told(event, &tell);
        // A link that leads out of a folder leads out of what is watched.
        let config = Config::default().with_follow_symlinks(false);
        let watcher = RecommendedWatcher::new(handler, config).map_err(|error| failed(&error))?;
        Ok(Box::new(System { watcher }))
    }
}

struct System {
    watcher: RecommendedWatcher,
}

impl Notice for System {
    fn watch(&mut self, folder: &Path, below: bool) -> Result<(), NoticeError> {
        let mode = if below {
            RecursiveMode::Recursive
        } else {
            RecursiveMode::NonRecursive
        };
        self.watcher.watch(folder, mode).map_err(|error| failed(&error))
    }

    fn unwatch(&mut self, folder: &Path) {
        // It is not watched any more when it is gone.
        let _ = self.watcher.unwatch(folder);
    }

    fn reaches_below(&self) -> bool {
        RecommendedWatcher::kind() != notify::WatcherKind::Inotify
    }
}

fn failed(error: &notify::Error) -> NoticeError {
    match &error.kind {
        notify::ErrorKind::MaxFilesWatch => NoticeError::Limit,
        notify::ErrorKind::PathNotFound => NoticeError::Gone,
        notify::ErrorKind::Io(why) => match why.kind() {
            std::io::ErrorKind::NotFound | std::io::ErrorKind::PermissionDenied => NoticeError::Gone,
            // Out of instances or of descriptors.
            _ if why.raw_os_error() == Some(TOO_MANY_FILES) => NoticeError::Limit,
            _ => NoticeError::Other(why.to_string()),
        },
        other => NoticeError::Other(format!("{other:?}")),
    }
}

/// `EMFILE`, which Unix systems number alike.
const TOO_MANY_FILES: i32 = 24;

fn told(event: notify::Result<notify::Event>, tell: &Tell) {
    let event = match event {
        Ok(event) => event,
        Err(error) => {
            // What it failed at is not known, so nothing is sure any more.
            tracing::debug!(%error, "the system's watch failed");
            return tell(Event::Overflow);
        }
    };
    if event.need_rescan() {
        return tell(Event::Overflow);
    }
    let written = match event.kind {
        // Reading is an event too, ours among it.
        EventKind::Access(AccessKind::Close(AccessMode::Write)) | EventKind::Modify(ModifyKind::Data(_)) => {
            true
        }
        EventKind::Access(_) => return,
        _ => false,
    };
    for path in event.paths {
        tell(if written {
            Event::Written(path)
        } else {
            Event::Moved(path)
        });
    }
}
