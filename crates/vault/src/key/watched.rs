//! A deadline for calls that can hang for ever, without a thread left behind for each.

use super::{KeyStore, LoadedKey};
use crate::KeyError;
use drawbridge_wire::Secret;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Runs each call of a store on a thread of its own and waits for it no longer than a deadline.
///
/// A call that is over its deadline keeps its thread, and as long as it does, further calls fail at once with
/// the same error: there is never more than one such thread.
pub struct Watched<S> {
    store: Arc<S>,
    deadline: Duration,
    gate: Arc<Gate>,
}

/// Lets one call in at a time.
#[derive(Default)]
struct Gate {
    /// When the call that is inside began.
    inside: Mutex<Option<Instant>>,
    left: Condvar,
}

impl Gate {
    /// Waits for the call inside as long as that has time left.
    fn enter(&self, deadline: Duration) -> bool {
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(begun) = *inside {
            let left = deadline.saturating_sub(begun.elapsed());
            if left.is_zero() {
                return false;
            }
            inside = self
                .left
                .wait_timeout(inside, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        *inside = Some(Instant::now());
        true
    }

    fn leave(&self) {
        *self.inside.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.left.notify_all();
    }
}

impl<S: KeyStore + 'static> Watched<S> {
    /// Watches a store.
    pub fn new(store: S, deadline: Duration) -> Self {
        Self {
            store: Arc::new(store),
            deadline,
            gate: Arc::default(),
        }
    }

    /// Watches a store that all vaults of this process share, so that they share the one thread too.
    pub(crate) fn process_wide(store: S, deadline: Duration) -> Self {
        static GATE: Mutex<Option<Arc<Gate>>> = Mutex::new(None);
        let mut gate = GATE.lock().unwrap_or_else(PoisonError::into_inner);
        Self {
            store: Arc::new(store),
            deadline,
            gate: Arc::clone(gate.get_or_insert_default()),
        }
    }

    fn overdue(&self) -> KeyError {
        if self.store.waits_for_unlock() {
            KeyError::KeyringLocked
        } else {
            KeyError::KeyringSlow { after: self.deadline }
        }
    }

    fn call<T: Send + 'static>(
        &self,
        body: impl FnOnce(&S) -> Result<T, KeyError> + Send + 'static,
    ) -> Result<T, KeyError> {
        if !self.gate.enter(self.deadline) {
            return Err(self.overdue());
        }
        let (store, gate) = (Arc::clone(&self.store), Arc::clone(&self.gate));
        let (sender, receiver) = sync_channel(1);
        // A plain thread: the Secret Service client panics where an async runtime is entered already.
        let started = std::thread::Builder::new().name("keyring".into()).spawn(move || {
            let done = catch_unwind(AssertUnwindSafe(|| body(&store))).unwrap_or_else(|_| {
                Err(KeyError::KeyringFailed {
                    detail: "its client library stopped on an error of its own".into(),
                })
            });
            gate.leave();
            // Nobody waits any more when the deadline has passed.
            let _ = sender.send(done);
        });
        if let Err(error) = started {
            self.gate.leave();
            return Err(KeyError::KeyringFailed {
                detail: format!("no thread for it: {error}"),
            });
        }
        match receiver.recv_timeout(self.deadline) {
            Ok(done) => done,
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => Err(self.overdue()),
        }
    }
}

impl<S: KeyStore + 'static> KeyStore for Watched<S> {
    fn load(&self) -> Result<Option<LoadedKey>, KeyError> {
        self.call(S::load)
    }

    fn save(&self, key: &Secret) -> Result<(), KeyError> {
        let key = key.clone();
        self.call(move |store| store.save(&key))
    }

    fn delete(&self) -> Result<(), KeyError> {
        self.call(S::delete)
    }

    fn probe(&self) -> Result<(), KeyError> {
        self.call(S::probe)
    }

    fn describe(&self) -> String {
        self.store.describe()
    }

    fn kind(&self) -> &'static str {
        self.store.kind()
    }

    fn waits_for_unlock(&self) -> bool {
        self.store.waits_for_unlock()
    }
}
