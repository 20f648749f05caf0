//! Noticing that the file changed.

use crate::Debounce;
use crate::file::{make_folder, target};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender, TrySendError};
use std::time::{Duration, Instant};

const QUIET: Duration = Duration::from_millis(150);
const AT_MOST: Duration = Duration::from_secs(2);

/// Why nobody watches. The configuration counts all the same; a change shows at the next start.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// The folder cannot be made.
    #[error(transparent)]
    Folder(#[from] crate::FileError),
    /// The system does not watch it.
    #[error("changes of {} are not noticed ({source}); restart after changing it, or raise the system's limit of watches", path.display())]
    Notify {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: notify::Error,
    },
    /// There is no thread to be had.
    #[error("changes of the configuration are not noticed ({0}); restart after changing it")]
    Thread(std::io::Error),
}

impl WatchError {
    /// Stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            WatchError::Folder(_) => "config_folder",
            WatchError::Notify { .. } => "config_watch",
            WatchError::Thread(_) => "config_watch_thread",
        }
    }
}

/// Watches until it is dropped.
#[derive(Debug)]
pub struct Watch {
    // Dropping it ends the sender, and with it the thread.
    _watcher: RecommendedWatcher,
}

impl Watch {
    /// Calls `changed` on a thread of its own whenever the file may have changed. The folder is watched,
    /// not the file, because editors put a new file in the old one's place; behind a link the folder of
    /// the file it leads to is watched too.
    ///
    /// # Errors
    /// [`WatchError`].
    pub fn start(file: &Path, changed: impl FnMut() + Send + 'static) -> Result<Self, WatchError> {
        let failed = |source| WatchError::Notify {
            path: file.to_owned(),
            source,
        };
        let target = target(file)?;
        // One pending event says as much as many.
        let (send, receive) = mpsc::sync_channel(1);
        let mut watcher = notify::recommended_watcher(move |event| tell(&send, &event)).map_err(failed)?;
        let mut folders = vec![folder_of(file)];
        let behind = folder_of(&target);
        if !folders.contains(&behind) {
            folders.push(behind);
        }
        for folder in folders {
            make_folder(&folder)?;
            watcher
                .watch(&folder, RecursiveMode::NonRecursive)
                .map_err(failed)?;
        }
        std::thread::Builder::new()
            .name("config-watch".to_owned())
            .spawn(move || look(&receive, changed))
            .map_err(WatchError::Thread)?;
        Ok(Self { _watcher: watcher })
    }
}

fn folder_of(file: &Path) -> PathBuf {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// Reading the file is an event too on some systems, and must not lead to reading it again.
fn tell(send: &SyncSender<()>, event: &notify::Result<notify::Event>) {
    if matches!(event, Ok(event) if matches!(event.kind, EventKind::Access(_))) {
        return;
    }
    if let Err(TrySendError::Disconnected(())) = send.try_send(()) {
        tracing::debug!("nobody waits for changes of the configuration any more");
    }
}

fn look(receive: &mpsc::Receiver<()>, mut changed: impl FnMut()) {
    let mut debounce = Debounce::new(QUIET, AT_MOST);
    loop {
        let event = match debounce.deadline() {
            None => receive.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(deadline) => receive.recv_timeout(deadline.saturating_duration_since(Instant::now())),
        };
        let now = Instant::now();
        match event {
            Ok(()) => debounce.event(now),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        if debounce.due(now) {
            changed();
        }
    }
}
