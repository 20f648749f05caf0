//! Which threads a remote may see, as far as its connection remembers.

use super::admit::Desk;
use super::recent::Recent;
use crate::event::Whereabouts;
use crate::policy::Policy;
use std::path::Path;
use std::time::Duration;
use tokio::time::Instant;

/// Most threads remembered for one connection: more than anybody looks at together, and little to hold.
const MOST: usize = 256;
/// How long an answer is believed. The loop says when a thread moves; nobody says when a folder does.
const BELIEVED: Duration = Duration::from_secs(2);

/// Answers to "may this remote see that thread?". All are forgotten when any thread may have moved, and
/// only real answers are kept: a look-up that failed says no now, and is asked again for the next frame.
pub(super) struct Visible {
    known: Recent<String, (bool, Instant)>,
    /// The loop's count of moves when they were learnt.
    moves: u64,
}

impl Visible {
    pub(super) fn new() -> Self {
        Self {
            known: Recent::new(MOST),
            moves: 0,
        }
    }

    /// What is remembered does not count. A folder that came back would else cost a remote the end of its turn,
    /// for which it would wait.
    pub(super) async fn sees_now(&mut self, desk: &Desk, thread: &str) -> bool {
        self.known.remove(thread);
        self.sees(desk, thread).await
    }

    /// Only for what comes often: pieces of a text.
    pub(super) async fn sees(&mut self, desk: &Desk, thread: &str) -> bool {
        // Read before the loop is asked: a move in between makes the answer one of before.
        let moves = desk.moves();
        if let Some(known) = self.remembered(thread, moves, Instant::now()) {
            return known;
        }
        match desk.place(thread).await {
            Whereabouts::At(places) => {
                let inside = inside(&desk.policy, &places);
                self.known.insert(thread.to_owned(), (inside, Instant::now()));
                inside
            }
            Whereabouts::Moving | Whereabouts::NotKnown => false,
        }
    }

    fn remembered(&mut self, thread: &str, moves: u64, now: Instant) -> Option<bool> {
        if self.moves != moves {
            self.moves = moves;
            self.known.clear();
        }
        let (inside, learnt) = *self.known.get(thread)?;
        if now.duration_since(learnt) < BELIEVED {
            return Some(inside);
        }
        self.known.remove(thread);
        None
    }
}

/// Whether a thread lies inside the roots wherever it is, or is about to be.
pub(super) fn inside<P: AsRef<Path>>(policy: &Policy, places: &[P]) -> bool {
    !places.is_empty() && places.iter().all(|place| policy.inside(place.as_ref()).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_forgotten_with_time_and_with_any_move() {
        let mut visible = Visible::new();
        let start = Instant::now();
        visible.known.insert("t".to_owned(), (true, start));
        assert_eq!(visible.remembered("t", 0, start), Some(true));
        assert_eq!(visible.remembered("other", 0, start), None);
        assert_eq!(visible.remembered("t", 0, start + BELIEVED), None);
        visible.known.insert("t".to_owned(), (true, start));
        assert_eq!(visible.remembered("t", 1, start), None, "some thread has moved");
        visible.known.insert("t".to_owned(), (false, start));
        assert_eq!(visible.remembered("t", 1, start), Some(false));
    }

    #[test]
    fn a_connection_remembers_a_bounded_number_of_threads() {
        let mut visible = Visible::new();
        let now = Instant::now();
        for n in 0..10 * MOST {
            visible.known.insert(n.to_string(), (true, now));
        }
        let known = (0..10 * MOST).filter(|n| visible.remembered(&n.to_string(), 0, now).is_some());
        assert_eq!(known.count(), MOST);
    }
}
