//! What Linux tells of folders.
//!
//! Not by the notify crate, whose mask has files being opened and read in it: programs that only read would
//! wake the thread here again and again.

use super::THREAD_OF_SYSTEM;
use super::notice::{Event, Notice, NoticeError, Noticer, SystemNotices, Tell};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, InotifyEvent, WatchDescriptor};
use std::collections::HashMap;
use std::io::PipeWriter;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

impl Noticer for SystemNotices {
    fn begin(&mut self, tell: Tell) -> Result<Box<dyn Notice>, NoticeError> {
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK).map_err(failed)?;
        let (end, open) = std::io::pipe().map_err(|error| thread(&error))?;
        let watches = Arc::new(Watches {
            inotify,
            placed: Mutex::default(),
        });
        let reader = watches.clone();
        std::thread::Builder::new()
            .name(THREAD_OF_SYSTEM.to_owned())
            .spawn(move || reader.read(&end, &tell))
            .map_err(|error| thread(&error))?;
        Ok(Box::new(System { watches, _open: open }))
    }
}

/// Ends its thread when it is dropped: nobody writes into the pipe, its end closes.
struct System {
    watches: Arc<Watches>,
    _open: PipeWriter,
}

struct Watches {
    inotify: Inotify,
    placed: Mutex<Placed>,
}

#[derive(Default)]
struct Placed {
    by_number: HashMap<WatchDescriptor, PathBuf>,
    by_path: HashMap<PathBuf, WatchDescriptor>,
}

/// Entries come and go, and the folder itself goes.
fn coming_and_going() -> AddWatchFlags {
    AddWatchFlags::IN_CREATE
        | AddWatchFlags::IN_DELETE
        | AddWatchFlags::IN_MOVED_FROM
        | AddWatchFlags::IN_MOVED_TO
        | AddWatchFlags::IN_DELETE_SELF
        | AddWatchFlags::IN_MOVE_SELF
        | AddWatchFlags::IN_ONLYDIR
        | AddWatchFlags::IN_DONT_FOLLOW
}

/// Files are written, or may be read by others than before. Not every single write: its end counts.
fn written() -> AddWatchFlags {
    AddWatchFlags::IN_CLOSE_WRITE | AddWatchFlags::IN_ATTRIB
}

impl Notice for System {
    fn watch(&mut self, folder: &Path, _below: bool) -> Result<(), NoticeError> {
        self.watches.place(folder, coming_and_going() | written())
    }

    fn watch_way(&mut self, folder: &Path) -> Result<(), NoticeError> {
        self.watches.place(folder, coming_and_going())
    }

    fn unwatch(&mut self, folder: &Path) {
        self.watches.remove(folder);
    }

    fn reaches_below(&self) -> bool {
        false
    }
}

impl Watches {
    fn placed(&self) -> MutexGuard<'_, Placed> {
        self.placed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn place(&self, folder: &Path, mask: AddWatchFlags) -> Result<(), NoticeError> {
        // Held meanwhile: the thread must know the number when it reads of it.
        let mut placed = self.placed();
        let number = self.inotify.add_watch(folder, mask).map_err(failed)?;
        placed.by_number.insert(number, folder.to_owned());
        placed.by_path.insert(folder.to_owned(), number);
        Ok(())
    }

    fn remove(&self, folder: &Path) {
        let mut placed = self.placed();
        let Some(number) = placed.by_path.remove(folder) else {
            return;
        };
        // The same folder may be watched under a newer path.
        if placed.by_number.get(&number).is_some_and(|path| path == folder) {
            placed.by_number.remove(&number);
            // It is not watched any more when it is gone.
            let _ = self.inotify.rm_watch(number);
        }
    }

    /// Sleeps until there is something to tell, or until the pipe closes.
    fn read(&self, end: &std::io::PipeReader, tell: &Tell) {
        loop {
            let mut waits = [
                PollFd::new(self.inotify.as_fd(), PollFlags::POLLIN),
                PollFd::new(end.as_fd(), PollFlags::POLLIN),
            ];
            match poll(&mut waits, PollTimeout::NONE) {
                Ok(_) if waits[1].any() != Some(false) => return,
                Ok(_) | Err(Errno::EINTR) => {}
                Err(error) => return lost(error, tell),
            }
            match self.inotify.read_events() {
                Ok(events) => events.into_iter().for_each(|event| self.told(event, tell)),
                Err(Errno::EAGAIN | Errno::EINTR) => {}
                Err(error) => return lost(error, tell),
            }
        }
    }

    fn told(&self, event: InotifyEvent, tell: &Tell) {
        if event.mask.contains(AddWatchFlags::IN_Q_OVERFLOW) {
            return tell(Event::Overflow);
        }
        let folder = if event.mask.contains(AddWatchFlags::IN_IGNORED) {
            // The folder is gone; numbers are not used again.
            let mut placed = self.placed();
            let folder = placed.by_number.remove(&event.wd);
            if let Some(folder) = &folder
                && placed.by_path.get(folder) == Some(&event.wd)
            {
                placed.by_path.remove(folder);
            }
            folder
        } else {
            self.placed().by_number.get(&event.wd).cloned()
        };
        // Taken back meanwhile.
        let Some(folder) = folder else { return };
        let path = match event.name {
            Some(name) => folder.join(name),
            None => folder,
        };
        tell(if event.mask.contains(AddWatchFlags::IN_CLOSE_WRITE) {
            Event::Written(path)
        } else {
            Event::Moved(path)
        });
    }
}

/// What it would have told is not known, so nothing is sure any more.
fn lost(error: Errno, tell: &Tell) {
    tracing::debug!(%error, "the system's watch failed");
    tell(Event::Overflow);
}

fn failed(error: Errno) -> NoticeError {
    match error {
        // Out of watches; out of instances or of descriptors.
        Errno::ENOSPC | Errno::EMFILE | Errno::ENFILE => NoticeError::Limit,
        Errno::ENOENT | Errno::ENOTDIR | Errno::EACCES | Errno::ELOOP => NoticeError::Gone,
        other => NoticeError::Other(other.desc().to_owned()),
    }
}

fn thread(error: &std::io::Error) -> NoticeError {
    match error.raw_os_error().map(Errno::from_raw) {
        Some(error) => failed(error),
        None => NoticeError::Other(error.to_string()),
    }
}
