//! Noticing changes: a thread that sleeps until the system tells of one.

mod inbox;
#[cfg(target_os = "linux")]
mod inotify;
mod keeper;
mod notice;
#[cfg(not(target_os = "linux"))]
mod notify;
mod plan;

pub use notice::{Event, Notice, NoticeError, Noticer, SystemNotices, Tell};

use crate::changes::Change;
use crate::coalesce::Pace;
use crate::model::{Instructions, ScannedRoot};
use crate::places::Places;
use inbox::Inbox;
use keeper::Keeper;
use std::sync::Arc;
use std::time::Duration;

/// Why folders are looked at from time to time instead of being watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Because {
    /// The system told of more than it could keep; some of it is lost.
    Overflow,
    /// The system lets nobody watch more folders.
    Limit,
    /// The system does not watch.
    Unavailable(String),
}

impl Because {
    /// Stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Because::Overflow => "overflow",
            Because::Limit => "limit",
            Because::Unavailable(_) => "unavailable",
        }
    }
}

impl std::fmt::Display for Because {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Because::Overflow => f.write_str(
                "more changed at once than the system keeps track of; everything was read again, and is for a while",
            ),
            Because::Limit => f.write_str(
                "the system lets this user watch no more folders; raise fs.inotify.max_user_watches and \
                 fs.inotify.max_user_instances",
            ),
            Because::Unavailable(why) => write!(f, "the system does not watch folders ({why})"),
        }
    }
}

/// How changes are noticed now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Watching {
    /// The system tells.
    Watched,
    /// By looking.
    Polled {
        /// Why.
        because: Because,
        /// How often.
        every: Duration,
    },
}

/// What a look found.
#[derive(Debug, Clone)]
pub struct Found {
    /// All roots.
    pub roots: Vec<ScannedRoot>,
    /// The files of instructions that are there.
    pub instructions: Vec<Instructions>,
    /// What is another than at the last look.
    pub changes: Vec<Change>,
    /// Codex's own configuration, which says what is disabled, may be another.
    pub switches: bool,
    /// How the next change is noticed.
    pub watching: Watching,
    /// The last number that [`Watcher::rescan`] answered before this look began. Later ones are for later looks.
    pub asked: Option<u64>,
}

/// Times of a [`Watcher`].
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// When to look after events.
    pub pace: Pace,
    /// How often to look while nobody tells.
    pub poll: Duration,
    /// Looks that find nothing until an overflow is over.
    pub quiet_polls: u32,
    /// How often to try again to have folders watched.
    pub retry: Duration,
}

impl Default for Times {
    fn default() -> Self {
        Self {
            pace: Pace::default(),
            poll: Duration::from_secs(2),
            quiet_polls: 5,
            retry: Duration::from_secs(60),
        }
    }
}

/// Watches until it is dropped.
#[derive(Debug)]
pub struct Watcher {
    inbox: Arc<Inbox>,
}

/// Why nobody watches.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// There is no thread to be had.
    #[error("skills are not watched ({0}); the system may be out of threads")]
    Thread(std::io::Error),
}

impl WatchError {
    /// Stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            WatchError::Thread(_) => "skills_thread",
        }
    }
}

impl Watcher {
    /// Looks at once, calls `found` with what is there, and again whenever that changes; on a thread of its
    /// own, which waits for `found` and tells it later what came meanwhile.
    ///
    /// # Errors
    /// [`WatchError`]
    pub fn start(
        places: Places,
        times: Times,
        notices: Box<dyn Noticer>,
        found: impl FnMut(Found) + Send + 'static,
    ) -> Result<Self, WatchError> {
        let inbox = Arc::new(Inbox::new(places));
        let keeper = Keeper::new(inbox.clone(), times, notices, Box::new(found));
        std::thread::Builder::new()
            .name(THREAD.to_owned())
            .spawn(move || keeper.run())
            .map_err(WatchError::Thread)?;
        Ok(Self { inbox })
    }

    /// From now on looks at these places.
    pub fn look_at(&self, places: Places) {
        self.inbox.look_at(places);
    }

    /// Looks at everything now, and tells what is there even when nothing changed. Answers the number of this:
    /// [`Found::asked`] of a look that began after it is the same or higher.
    #[must_use]
    pub fn rescan(&self) -> u64 {
        self.inbox.rescan()
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.inbox.stop();
    }
}

/// Name of the thread that looks.
pub const THREAD: &str = "skills-watch";

/// Name of the thread that the system tells, on Linux. No longer than the system keeps.
pub const THREAD_OF_SYSTEM: &str = "skills-watch-fs";

/// Looks once, without watching.
#[must_use]
pub fn look_once(places: &Places) -> (Vec<ScannedRoot>, Vec<Instructions>) {
    let mut roots: Vec<ScannedRoot> = places.roots().iter().map(crate::scan::scan).collect();
    crate::check::check(&mut roots);
    (roots, keeper::read_instructions(places))
}
