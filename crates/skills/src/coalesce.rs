//! When to look, after something moved.

use std::time::{Duration, Instant};

/// Times of a [`Coalesce`].
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Looks once it was quiet for so long.
    pub quiet: Duration,
    /// Looks at the latest so long after the first event, however unquiet it is.
    pub at_most: Duration,
    /// Pauses between looks while they follow each other, longer each time; the last one stays.
    pub pauses: [Duration; 4],
    /// A look that comes so long after the last one follows nothing.
    pub calm: Duration,
}

impl Default for Pace {
    /// A single change is looked at after 75 ms, and none waits longer than 700 ms.
    fn default() -> Self {
        let ms = Duration::from_millis;
        Self {
            quiet: ms(75),
            at_most: ms(250),
            pauses: [ms(100), ms(250), ms(500), ms(700)],
            calm: ms(2000),
        }
    }
}

/// Makes few looks of many events, and loses none: what was told before a look is part of it.
#[derive(Debug)]
pub struct Coalesce {
    pace: Pace,
    /// First and last event since the last look.
    pending: Option<(Instant, Instant)>,
    last_look: Option<Instant>,
    /// Looks that followed each other.
    in_a_row: usize,
}

impl Coalesce {
    /// With nothing pending.
    #[must_use]
    pub fn new(pace: Pace) -> Self {
        Self {
            pace,
            pending: None,
            last_look: None,
            in_a_row: 0,
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
        let (first, last) = self.pending?;
        let settled = (last + self.pace.quiet).min(first + self.pace.at_most);
        let pause = self
            .in_a_row
            .checked_sub(1)
            .map(|n| self.pace.pauses[n.min(self.pace.pauses.len() - 1)]);
        let rested = self.last_look.zip(pause).map(|(last, pause)| last + pause);
        Some(rested.map_or(settled, |rested| settled.max(rested)))
    }

    /// Whether to look now; then what was told until now is done with.
    pub fn due(&mut self, now: Instant) -> bool {
        let due = self.deadline().is_some_and(|deadline| deadline <= now);
        if due {
            let follows = self
                .last_look
                .is_some_and(|last| now.saturating_duration_since(last) < self.pace.calm);
            self.in_a_row = if follows { self.in_a_row + 1 } else { 1 };
            self.last_look = Some(now);
            self.pending = None;
        }
        due
    }
}
