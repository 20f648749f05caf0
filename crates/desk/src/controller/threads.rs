//! Open threads: wishes go to their owner, which knows the app-server; the host's state says what runs.

use super::{Controller, Reply};
use crate::desktop::Desktop;
use crate::threads::Wish;

impl<D: Desktop> Controller<D> {
    pub(super) fn of_threads(&self, wish: Wish, reply: Reply) -> bool {
        self.threads.wish(wish, reply);
        true
    }

    /// The turn that runs in a thread, as the host knows.
    pub(super) fn turn_of(&self, id: &str) -> Option<String> {
        let threads = &self.view()?.threads;
        threads.iter().find(|thread| thread.id == id)?.turn.clone()
    }
}
