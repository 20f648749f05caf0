//! When to look, after something moved.

use std::time::{Duration, Instant};

/// Editors write in several steps. Looks once it was quiet for a while, and at the latest after a longer
/// while of never being quiet.
#[derive(Debug)]
pub struct Debounce {
    quiet: Duration,
    at_most: Duration,
    pending: Option<(Instant, Instant)>,
}

impl Debounce {
    /// Waits for `quiet`, but no longer than `at_most` after the first event.
    #[must_use]
    pub fn new(quiet: Duration, at_most: Duration) -> Self {
        Self {
            quiet,
            at_most,
            pending: None,
        }
    }

    /// Something moved.
    pub fn event(&mut self, now: Instant) {
        let first = self.pending.map_or(now, |(first, _)| first);
        self.pending = Some((first, now));
    }

    /// When to look.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.pending
            .map(|(first, last)| (last + self.quiet).min(first + self.at_most))
    }

    /// Whether to look now; then it is done with.
    pub fn due(&mut self, now: Instant) -> bool {
        let due = self.deadline().is_some_and(|deadline| deadline <= now);
        if due {
            self.pending = None;
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUIET: Duration = Duration::from_millis(100);
    const AT_MOST: Duration = Duration::from_millis(250);

    #[test]
    fn it_looks_once_after_it_was_quiet() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut debounce = Debounce::new(QUIET, AT_MOST);
        assert_eq!(debounce.deadline(), None);
        assert!(!debounce.due(at(0)), "nothing moved");
        debounce.event(at(0));
        debounce.event(at(60));
        assert!(!debounce.due(at(159)));
        assert_eq!(debounce.deadline(), Some(at(160)));
        assert!(debounce.due(at(160)));
        assert!(!debounce.due(at(161)), "once");
    }

    #[test]
    fn what_never_rests_is_looked_at_all_the_same() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut debounce = Debounce::new(QUIET, AT_MOST);
        let mut looked = Vec::new();
        for ms in (0..1000).step_by(10) {
            debounce.event(at(ms));
            if debounce.due(at(ms)) {
                looked.push(ms);
            }
        }
        assert_eq!(
            looked,
            vec![250, 510, 770],
            "every 250 ms, counted from the first event after a look"
        );
    }
}
