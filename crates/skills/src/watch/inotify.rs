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

/// A folder has one number, also where it can be reached by several paths (it may be mounted twice): then it is
/// told of under each of them, and of what any of them is watched for.
#[derive(Default)]
struct Placed {
    by_number: HashMap<WatchDescriptor, Vec<PathBuf>>,
    by_path: HashMap<PathBuf, (WatchDescriptor, AddWatchFlags)>,
}

impl Placed {
    /// Takes a path off its number. Answers the number when no path is left.
    fn take(&mut self, folder: &Path) -> Option<WatchDescriptor> {
        let (number, _) = self.by_path.remove(folder)?;
        let paths = self.by_number.get_mut(&number)?;
        paths.retain(|path| path != folder);
        let last = paths.is_empty();
        last.then(|| self.by_number.remove(&number)).map(|_| number)
    }

    /// What a number is to tell.
    fn wanted(&self, number: WatchDescriptor) -> AddWatchFlags {
        let paths = self.by_number.get(&number).into_iter().flatten();
        let masks = paths.filter_map(|path| self.by_path.get(path).map(|(_, mask)| *mask));
        masks.fold(AddWatchFlags::empty(), AddWatchFlags::union)
    }
}

/// Only folders, and no links.
fn folders() -> AddWatchFlags {
    AddWatchFlags::IN_ONLYDIR | AddWatchFlags::IN_DONT_FOLLOW
}

/// Adds to what the folder is watched for already.
fn more() -> AddWatchFlags {
    AddWatchFlags::from_bits_retain(nix::libc::IN_MASK_ADD)
}

/// The folder itself gets another name or place. Whatever happens in it, however busy it is, tells nothing.
fn moving() -> AddWatchFlags {
    AddWatchFlags::IN_MOVE_SELF
}

/// Entries come and go, and the folder itself goes.
fn coming_and_going() -> AddWatchFlags {
    AddWatchFlags::IN_CREATE
        | AddWatchFlags::IN_DELETE
        | AddWatchFlags::IN_MOVED_FROM
        | AddWatchFlags::IN_MOVED_TO
        | AddWatchFlags::IN_DELETE_SELF
        | moving()
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

    fn watch_above(&mut self, folder: &Path) -> Result<(), NoticeError> {
        self.watches.place(folder, moving())
    }

    fn unwatch(&mut self, folder: &Path) {
        self.watches.remove(folder);
    }

    fn holds(&self, folder: &Path) -> bool {
        self.watches.placed().by_path.contains_key(folder)
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
        let number = self
            .inotify
            .add_watch(folder, mask | folders() | more())
            .map_err(failed)?;
        let before = placed.by_path.get(folder).copied();
        if before.is_some_and(|(old, _)| old != number) {
            self.forget(&mut placed, folder);
        }
        placed.by_path.insert(folder.to_owned(), (number, mask));
        let paths = placed.by_number.entry(number).or_default();
        if !paths.iter().any(|path| path == folder) {
            paths.push(folder.to_owned());
        }
        // It may be watched for less than before.
        if before.is_some() {
            let wanted = placed.wanted(number) | folders();
            let again = self.inotify.add_watch(folder, wanted).map_err(failed)?;
            if again != number {
                // It was replaced meanwhile.
                let _ = self.inotify.rm_watch(again);
                self.forget(&mut placed, folder);
                return Err(NoticeError::Gone);
            }
        }
        Ok(())
    }

    fn remove(&self, folder: &Path) {
        self.forget(&mut self.placed(), folder);
    }

    fn forget(&self, placed: &mut Placed, folder: &Path) {
        if let Some(number) = placed.take(folder) {
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
                Ok(events) => events.iter().for_each(|event| self.told(event, tell)),
                Err(Errno::EAGAIN | Errno::EINTR) => {}
                Err(error) => return lost(error, tell),
            }
        }
    }

    fn told(&self, event: &InotifyEvent, tell: &Tell) {
        if event.mask.contains(AddWatchFlags::IN_Q_OVERFLOW) {
            return tell(Event::Overflow);
        }
        let mut placed = self.placed();
        let paths = if event.mask.contains(AddWatchFlags::IN_IGNORED) {
            // The folder is gone; numbers are not used again.
            let paths = placed.by_number.remove(&event.wd);
            for path in paths.iter().flatten() {
                if placed
                    .by_path
                    .get(path)
                    .is_some_and(|(number, _)| *number == event.wd)
                {
                    placed.by_path.remove(path);
                }
            }
            paths
        } else {
            placed.by_number.get(&event.wd).cloned()
        };
        drop(placed);
        // None: taken back meanwhile.
        for folder in paths.into_iter().flatten() {
            let path = match &event.name {
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test says what it needs by failing")]

    use super::*;
    use std::sync::mpsc::channel;
    use std::time::Duration;

    /// One folder by two paths, as where it is mounted twice: a test may not mount.
    #[test]
    fn a_folder_with_two_paths_is_told_of_under_both_and_for_both() {
        let folder = tempfile::tempdir().unwrap();
        let real = folder.path().canonicalize().unwrap();
        std::fs::create_dir(real.join("sub")).unwrap();
        std::fs::create_dir(real.join("x")).unwrap();
        let (one, other) = (real.join("sub"), real.join("x/../sub"));
        let (send, told) = channel();
        let tell = move |event| send.send(event).unwrap_or_default();
        let mut notice = SystemNotices.begin(Box::new(tell)).unwrap();
        let next = || told.recv_timeout(Duration::from_secs(20)).unwrap();
        let file = |folder: &Path| folder.join("f");
        // That the second is watched for less takes nothing from the first.
        notice.watch_way(&one).unwrap();
        notice.watch_above(&other).unwrap();
        std::fs::create_dir(one.join("f")).unwrap();
        assert_eq!(
            [next(), next()],
            [&one, &other].map(|path| Event::Moved(file(path)))
        );
        // And neither that it is not watched any more.
        notice.unwatch(&other);
        std::fs::remove_dir(one.join("f")).unwrap();
        assert_eq!(next(), Event::Moved(file(&one)));
        // Watched for less by its only path, it tells less.
        notice.watch_above(&one).unwrap();
        std::fs::create_dir(one.join("f")).unwrap();
        std::fs::rename(&one, real.join("moved")).unwrap();
        assert_eq!(next(), Event::Moved(one.clone()));
        notice.unwatch(&one);
        std::fs::rename(real.join("moved"), &one).unwrap();
        drop(notice);
        assert!(
            told.recv_timeout(Duration::from_secs(20)).is_err(),
            "it ended without a word"
        );
    }
}
