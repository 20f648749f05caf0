//! How long to wait before the next attempt. Pure: time and randomness come from outside.

use std::time::{Duration, Instant};

/// Upper bound of the first wait.
pub const BACKOFF_BASE: Duration = Duration::from_millis(500);
/// Upper bound of every wait.
pub const BACKOFF_CAP: Duration = Duration::from_secs(30);
/// A link that stood this long counts as a success; one that fell earlier does not reset the counter,
/// so that a bus which accepts and drops is not hammered.
pub const STABLE_AFTER: Duration = Duration::from_secs(30);

/// Exponential backoff with full jitter: the n-th wait is uniform between nothing and
/// `min(cap, base * 2^n)`, so that many hosts do not come back at the same moment.
#[derive(Debug, Clone, Default)]
pub struct Backoff {
    failures: u32,
    up_since: Option<Instant>,
}

impl Backoff {
    /// No failure yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Number of the attempt that is made now, from 1.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.failures.saturating_add(1)
    }

    /// The link stands since `now`.
    pub fn connected(&mut self, now: Instant) {
        self.up_since = Some(now);
    }

    /// The attempt failed, or the link fell, at `now`. `random` is uniform over all of `u64`.
    pub fn failed(&mut self, now: Instant, random: u64) -> Duration {
        let stood = self
            .up_since
            .take()
            .map(|since| now.saturating_duration_since(since));
        if stood.is_some_and(|stood| stood >= STABLE_AFTER) {
            self.failures = 0;
        }
        let ceiling = Self::ceiling(self.failures);
        self.failures = self.failures.saturating_add(1);
        // The high half of a 64 by 64 bit product is uniform over 0..=ceiling without a division.
        let span = u128::from(ceiling) + 1;
        let millis = (u128::from(random) * span) >> 64;
        Duration::from_millis(u64::try_from(millis).unwrap_or(ceiling))
    }

    fn ceiling(failures: u32) -> u64 {
        let base = u64::try_from(BACKOFF_BASE.as_millis()).unwrap_or(u64::MAX);
        let cap = u64::try_from(BACKOFF_CAP.as_millis()).unwrap_or(u64::MAX);
        1_u64
            .checked_shl(failures)
            .and_then(|factor| base.checked_mul(factor))
            .map_or(cap, |wait| wait.min(cap))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_longest_waits_double_up_to_the_cap() {
        let now = Instant::now();
        let mut backoff = Backoff::new();
        let waits: Vec<u128> = (0..9)
            .map(|_| backoff.failed(now, u64::MAX).as_millis())
            .collect();
        assert_eq!(
            waits,
            [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]
        );
        assert_eq!(backoff.attempt(), 10);
    }

    #[test]
    fn the_counter_resets_only_after_a_stable_link() {
        let start = Instant::now();
        let mut backoff = Backoff::new();
        for _ in 0..5 {
            backoff.failed(start, 0);
        }
        backoff.connected(start);
        let short = start + STABLE_AFTER - Duration::from_millis(1);
        assert_eq!(backoff.failed(short, u64::MAX), Duration::from_secs(16));
        assert_eq!(backoff.attempt(), 7);
        backoff.connected(start);
        assert_eq!(backoff.failed(start + STABLE_AFTER, u64::MAX), BACKOFF_BASE);
        assert_eq!(backoff.attempt(), 2);
        // A failed attempt after that is not measured against the old link.
        assert_eq!(
            backoff.failed(start + STABLE_AFTER * 9, u64::MAX),
            BACKOFF_BASE * 2
        );
    }

    proptest! {
        #[test]
        fn every_wait_is_within_its_bounds(randoms in prop::collection::vec(any::<u64>(), 1..200)) {
            let now = Instant::now();
            let mut backoff = Backoff::new();
            for (nth, random) in randoms.into_iter().enumerate() {
                let wait = backoff.failed(now, random);
                let ceiling = BACKOFF_BASE.saturating_mul(1 << nth.min(20)).min(BACKOFF_CAP);
                prop_assert!(wait <= ceiling, "wait {wait:?} of attempt {nth} above {ceiling:?}");
            }
        }

        #[test]
        fn more_randomness_never_shortens_the_wait(failures in 0_u32..80, a: u64, b: u64) {
            let now = Instant::now();
            let backoff = Backoff { failures, up_since: None };
            let (low, high) = (a.min(b), a.max(b));
            prop_assert!(backoff.clone().failed(now, low) <= backoff.clone().failed(now, high));
        }
    }
}
