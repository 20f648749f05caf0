//! What waits for the thread that looks. Bounded by nature: of many events only their roots are kept.

use super::notice::Event;
use super::plan::Interest;
use crate::places::Places;
use std::collections::BTreeSet;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// What was told since it was emptied last.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Numbers of roots in which something moved.
    pub(super) roots: BTreeSet<usize>,
    /// Something moved of which the root is not known.
    pub(super) everything: bool,
    /// A file of instructions, or where there may be one.
    pub(super) instructions: bool,
    /// Codex's own configuration.
    pub(super) switches: bool,
    /// Something was lost.
    pub(super) overflow: bool,
    pub(super) places: Option<Places>,
    /// Number of the last look that was asked for.
    pub(super) rescan: Option<u64>,
    pub(super) stop: bool,
}

impl Told {
    fn is_empty(&self) -> bool {
        self.roots.is_empty()
            && !self.everything
            && !self.instructions
            && !self.switches
            && !self.overflow
            && self.places.is_none()
            && self.rescan.is_none()
            && !self.stop
    }
}

#[derive(Debug, Default)]
struct State {
    told: Told,
    interest: Interest,
    /// Looks that were asked for.
    asked: u64,
}

#[derive(Debug)]
pub(super) struct Inbox {
    state: Mutex<State>,
    wake: Condvar,
}

impl Inbox {
    pub(super) fn new(places: Places) -> Self {
        let state = State {
            told: Told {
                places: Some(places),
                ..Told::default()
            },
            ..State::default()
        };
        Self {
            state: Mutex::new(state),
            wake: Condvar::new(),
        }
    }

    // Nothing is done under the lock that could fail half way.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An event of the system. What concerns nobody wakes nobody.
    pub(super) fn event(&self, event: &Event) {
        let mut state = self.state();
        let State { told, interest, .. } = &mut *state;
        if interest.tell(event, told) {
            drop(state);
            self.wake.notify_one();
        }
    }

    pub(super) fn look_at(&self, places: Places) {
        self.state().told.places = Some(places);
        self.wake.notify_one();
    }

    /// Answers the number of the look that was asked for.
    pub(super) fn rescan(&self) -> u64 {
        let mut state = self.state();
        state.asked += 1;
        let number = state.asked;
        state.told.rescan = Some(number);
        drop(state);
        self.wake.notify_one();
        number
    }

    pub(super) fn stop(&self) {
        self.state().told.stop = true;
        self.wake.notify_one();
    }

    /// From now on this is of interest. Numbers of roots that wait may mean others by now.
    pub(super) fn interested_in(&self, interest: Interest) {
        let mut state = self.state();
        if !state.told.roots.is_empty() && !state.interest.same_roots(&interest) {
            state.told.everything = true;
            state.told.roots.clear();
        }
        state.interest = interest;
    }

    /// Waits until something is told, or for the deadline.
    pub(super) fn wait(&self, until: Option<Instant>) -> Told {
        let mut state = self.state();
        loop {
            if !state.told.is_empty() {
                return std::mem::take(&mut state.told);
            }
            let Some(until) = until else {
                state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Told::default();
            }
            (state, _) = self
                .wake
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}
