//! The last lines of a child's standard error, in memory and readable from the first one on.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// How many lines the ring keeps.
pub(crate) const RING_LINES: usize = 1000;
/// Longest line the ring keeps; the rest of a longer one becomes further lines.
pub(crate) const RING_LINE_BYTES: usize = 4096;

/// Bounded ring of lines. Cheap to clone; every clone shows the same lines.
#[derive(Debug, Clone)]
pub struct LogRing {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    lines: Mutex<Lines>,
    changed: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct Lines {
    kept: VecDeque<String>,
    /// Number of the oldest kept line, counted from the start of the child.
    first: u64,
    closed: bool,
}

impl Default for LogRing {
    fn default() -> Self {
        Self::new()
    }
}

impl LogRing {
    /// An empty ring.
    #[must_use]
    pub fn new() -> Self {
        let shared = Shared {
            lines: Mutex::default(),
            changed: watch::Sender::new(()),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        // A panic while the lock was held cannot leave the queue half changed.
        self.shared.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a line; the oldest one makes room.
    pub fn push(&self, line: String) {
        {
            let mut lines = self.lines();
            if lines.kept.len() == RING_LINES {
                lines.kept.pop_front();
                lines.first += 1;
            }
            lines.kept.push_back(line);
        }
        self.shared.changed.send_replace(());
    }

    /// No line will follow.
    pub fn close(&self) {
        self.lines().closed = true;
        self.shared.changed.send_replace(());
    }

    /// The last `n` lines, oldest first.
    #[must_use]
    pub fn last(&self, n: usize) -> Vec<String> {
        let lines = self.lines();
        lines
            .kept
            .iter()
            .skip(lines.kept.len().saturating_sub(n))
            .cloned()
            .collect()
    }

    /// Waits until no line will follow. That takes as long as anybody holds the child's standard error:
    /// give it a deadline.
    pub async fn complete(&self) {
        let mut changed = self.shared.changed.subscribe();
        loop {
            changed.mark_unchanged();
            if self.lines().closed || changed.changed().await.is_err() {
                return;
            }
        }
    }

    /// Reads the lines one after the other, beginning with the oldest that is still kept. Who reads too
    /// slowly misses lines, nobody waits for a reader.
    #[must_use]
    pub fn follow(&self) -> LogFollower {
        LogFollower {
            changed: self.shared.changed.subscribe(),
            ring: self.clone(),
            next: 0,
        }
    }
}

/// A place in a [`LogRing`].
#[derive(Debug)]
pub struct LogFollower {
    ring: LogRing,
    changed: watch::Receiver<()>,
    next: u64,
}

impl LogFollower {
    /// The next line; `None` when the child closed its standard error and every line was read. Waits as
    /// long as the child lives: give it a deadline.
    pub async fn next(&mut self) -> Option<String> {
        loop {
            self.changed.mark_unchanged();
            {
                let lines = self.ring.lines();
                self.next = self.next.max(lines.first);
                let at = usize::try_from(self.next - lines.first).unwrap_or(usize::MAX);
                if let Some(line) = lines.kept.get(at) {
                    self.next += 1;
                    return Some(line.clone());
                }
                if lines.closed {
                    return None;
                }
            }
            self.changed.changed().await.ok()?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_ring_is_bounded_and_a_slow_reader_skips() {
        let ring = LogRing::new();
        let mut follower = ring.follow();
        for n in 0..RING_LINES + 5 {
            ring.push(format!("line {n}"));
        }
        ring.close();
        assert_eq!(ring.last(usize::MAX).len(), RING_LINES);
        assert_eq!(ring.last(2), ["line 1003", "line 1004"]);
        let mut read = Vec::new();
        while let Some(line) = follower.next().await {
            read.push(line);
        }
        assert_eq!((read.len(), read[0].as_str()), (RING_LINES, "line 5"));
    }

    #[tokio::test]
    async fn a_ring_is_complete_when_it_is_closed_and_not_before() {
        let ring = LogRing::new();
        let waiting = ring.clone();
        let mut waiting = tokio::spawn(async move {
            waiting.complete().await;
            waiting.last(1)
        });
        ring.push("last".into());
        tokio::task::yield_now().await;
        assert!(futures_pending(&mut waiting).await);
        ring.close();
        assert_eq!(waiting.await.unwrap(), ["last"]);
        ring.complete().await;
    }

    async fn futures_pending(task: &mut tokio::task::JoinHandle<Vec<String>>) -> bool {
        tokio::select! {
            biased;
            _ = task => false,
            () = std::future::ready(()) => true,
        }
    }

    #[tokio::test]
    async fn a_follower_that_came_late_starts_at_the_first_line_and_waits_for_more() {
        let ring = LogRing::new();
        ring.push("first".into());
        let mut follower = ring.follow();
        assert_eq!(follower.next().await.as_deref(), Some("first"));
        let waiting = tokio::spawn(async move { follower.next().await });
        ring.push("second".into());
        assert_eq!(waiting.await.unwrap().as_deref(), Some("second"));
    }
}
