//! What systems other than Linux tell of folders.

use super::notice::{Event, Notice, NoticeError, Noticer, SystemNotices, Tell};
use notify::event::{AccessKind, AccessMode, EventKind, ModifyKind};
use notify::{Config, RecommendedWatcher, RecursiveMode, Watcher as _};
use std::path::Path;

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
