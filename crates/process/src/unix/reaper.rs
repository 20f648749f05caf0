//! Collecting what was adopted.

use super::{reap_adopted, registry};
use crate::proc;
use std::collections::BTreeSet;
use std::io;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;

/// An ended child that nobody collected for this long has nobody who will.
const GRACE: Duration = Duration::from_secs(1);

/// Collects orphans that came back to this process and ended. Ends with this value.
///
/// Only processes that were seen ended twice, a second apart, and that no [`crate::Spawner`] started are
/// collected, each by its pid, so nobody who waits for a child of their own loses its status.
#[derive(Debug)]
pub struct Reaper {
    task: JoinHandle<()>,
}

impl Reaper {
    /// Starts the task.
    ///
    /// # Errors
    /// When the signal for ended children cannot be listened to.
    pub fn start() -> io::Result<Self> {
        let children = signal(SignalKind::child())?;
        Ok(Self {
            task: tokio::spawn(collect(children)),
        })
    }
}

impl Drop for Reaper {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn collect(mut children: Signal) {
    while children.recv().await.is_some() {
        let mut before = BTreeSet::new();
        loop {
            tokio::time::sleep(GRACE).await;
            // A scan that fails is repeated at the next signal.
            let now = tokio::task::spawn_blocking(ended_strangers)
                .await
                .unwrap_or_default();
            for (pid, _) in now.intersection(&before) {
                reap_adopted(*pid);
            }
            if now.is_subset(&before) {
                break;
            }
            before = now;
        }
    }
}

fn ended_strangers() -> BTreeSet<(u32, u64)> {
    let me = std::process::id();
    let ended = proc::table().into_values().filter(|p| p.parent == me && p.ended);
    ended
        .filter(|p| !registry::contains(p.pid))
        .map(|p| p.identity())
        .collect()
}
