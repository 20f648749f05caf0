//! A deadline for calls that can hang for ever, without a thread left behind for each.

use super::{KeyStore, LoadedKey};
use crate::KeyError;
use drawbridge_wire::Secret;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Part of the deadline that is waited once more, see [`Watched`]. More than a late call takes to notice.
const ONCE_MORE: u32 = 10;

/// Runs each call of a store on a thread of its own and waits for it no longer than a deadline.
///
/// A call that is over its deadline keeps its thread, and as long as it does, further calls fail at once with
/// the same error: there is never more than one such thread.
pub struct Watched<S> {
    store: Arc<S>,
    deadline: Duration,
    /// How long one waits for a late call that waits for the person: who unlocked the keyring a moment ago
    /// and asks again is faster than that call notices.
    once_more: Duration,
    gate: Arc<Gate>,
}

/// Lets one call in at a time.
#[derive(Default)]
struct Gate {
    inside: Mutex<Option<Inside>>,
    left: Condvar,
}

/// The call that is under way. It may be another store's than that of who waits for it.
struct Inside {
    begun: Instant,
    store: Arc<dyn KeyStore>,
}

/// Why a call of this store takes longer than it may.
fn overdue(store: &dyn KeyStore, after: Duration) -> KeyError {
    if store.waits_for_unlock() {
        KeyError::KeyringLocked
    } else {
        KeyError::KeyringSlow { after }
    }
}

impl Gate {
    /// Waits for the call inside as long as that has time left, and `once_more` where it waits for the
    /// person; gives its trouble when it has none.
    fn enter(
        &self,
        store: Arc<dyn KeyStore>,
        deadline: Duration,
        once_more: Duration,
    ) -> Result<(), KeyError> {
        let came = Instant::now();
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(other) = inside.as_ref() {
            let mut left = deadline.saturating_sub(other.begun.elapsed());
            if left.is_zero() {
                let trouble = overdue(other.store.as_ref(), deadline);
                if matches!(trouble, KeyError::KeyringLocked) {
                    left = once_more.saturating_sub(came.elapsed());
                }
                if left.is_zero() {
                    return Err(trouble);
                }
            }
            inside = self
                .left
                .wait_timeout(inside, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        *inside = Some(Inside {
            begun: Instant::now(),
            store,
        });
        Ok(())
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
            once_more: deadline / ONCE_MORE,
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
            once_more: deadline / ONCE_MORE,
            gate: Arc::clone(gate.get_or_insert_default()),
        }
    }

    fn call<T: Send + 'static>(
        &self,
        body: impl FnOnce(&S) -> Result<T, KeyError> + Send + 'static,
    ) -> Result<T, KeyError> {
        let inside: Arc<dyn KeyStore> = Arc::clone(&self.store) as _;
        self.gate.enter(inside, self.deadline, self.once_more)?;
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
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                Err(overdue(self.store.as_ref(), self.deadline))
            }
        }
    }
}

impl<S: KeyStore + 'static> KeyStore for Watched<S> {
    fn load(&self) -> Result<Option<LoadedKey>, KeyError> {
        self.call(S::load)
    }

    fn peek(&self) -> Result<Option<LoadedKey>, KeyError> {
        self.call(S::peek)
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use std::sync::mpsc::{Receiver, Sender, channel};

    const DEADLINE: Duration = Duration::from_millis(200);

    /// Answers nothing before it is let go.
    struct Hangs {
        go: Mutex<Receiver<()>>,
        locked: AtomicBool,
        calls: AtomicUsize,
    }

    impl Hangs {
        fn new() -> (Self, Sender<()>) {
            let (send, go) = channel();
            let hangs = Self {
                go: Mutex::new(go),
                locked: AtomicBool::new(false),
                calls: AtomicUsize::new(0),
            };
            (hangs, send)
        }
    }

    impl KeyStore for Hangs {
        fn load(&self) -> Result<Option<LoadedKey>, KeyError> {
            self.calls.fetch_add(1, Ordering::SeqCst);
            let _ = self.go.lock().unwrap().recv();
            Ok(None)
        }
        fn save(&self, _: &Secret) -> Result<(), KeyError> {
            Ok(())
        }
        fn delete(&self) -> Result<(), KeyError> {
            panic!("a library that stops on an error of its own")
        }
        fn probe(&self) -> Result<(), KeyError> {
            Ok(())
        }
        fn describe(&self) -> String {
            "a keyring that hangs".into()
        }
        fn kind(&self) -> &'static str {
            "keyring"
        }
        fn waits_for_unlock(&self) -> bool {
            self.locked.load(Ordering::SeqCst)
        }
    }

    #[test]
    fn a_call_that_hangs_is_left_alone_and_lets_no_other_in() {
        let (hangs, go) = Hangs::new();
        let watched = Watched::new(hangs, DEADLINE);
        let begin = Instant::now();
        assert_eq!(watched.load().unwrap_err().code(), "keyring_slow");
        assert!(begin.elapsed() >= DEADLINE);
        for _ in 0..50 {
            assert_eq!(
                watched.save(&Secret::new("x")).unwrap_err().code(),
                "keyring_slow"
            );
        }
        // Once it is known what it waits for, that is the name of it.
        watched.store.locked.store(true, Ordering::SeqCst);
        let begin = Instant::now();
        assert_eq!(watched.load().unwrap_err().code(), "keyring_locked");
        assert!(begin.elapsed() < DEADLINE);
        assert_eq!(
            watched.store.calls.load(Ordering::SeqCst),
            1,
            "only the first got in"
        );

        go.send(()).unwrap();
        let begin = Instant::now();
        while watched.save(&Secret::new("x")).is_err() {
            assert!(begin.elapsed() < Duration::from_secs(10), "never let in again");
            std::thread::yield_now();
        }
    }

    /// Is unlocked by the person in the moment in which the next call asks what the late one waits for.
    struct Unlocks {
        go: Mutex<Receiver<()>>,
        unlock: Mutex<Option<Sender<()>>>,
        late: AtomicBool,
    }

    impl KeyStore for Unlocks {
        fn load(&self) -> Result<Option<LoadedKey>, KeyError> {
            let _ = self.go.lock().unwrap().recv();
            Ok(None)
        }
        fn save(&self, _: &Secret) -> Result<(), KeyError> {
            Ok(())
        }
        fn delete(&self) -> Result<(), KeyError> {
            Ok(())
        }
        fn probe(&self) -> Result<(), KeyError> {
            Ok(())
        }
        fn describe(&self) -> String {
            "a keyring that is unlocked".into()
        }
        fn kind(&self) -> &'static str {
            "keyring"
        }
        fn waits_for_unlock(&self) -> bool {
            // The first to ask is the late call itself.
            if self.late.swap(true, Ordering::SeqCst)
                && let Some(unlock) = self.unlock.lock().unwrap().take()
            {
                unlock.send(()).unwrap();
            }
            true
        }
    }

    /// proves S0.08
    #[test]
    fn a_call_right_after_the_unlock_is_not_told_that_it_is_locked() {
        let (unlock, go) = channel();
        let store = Unlocks {
            go: Mutex::new(go),
            unlock: Mutex::new(Some(unlock)),
            late: AtomicBool::new(false),
        };
        let watched = Watched {
            once_more: Duration::from_secs(10),
            ..Watched::new(store, DEADLINE)
        };
        assert_eq!(watched.load().unwrap_err().code(), "keyring_locked");
        watched.save(&Secret::new("x")).unwrap();
    }

    #[test]
    fn calls_that_are_not_late_wait_for_each_other() {
        let (hangs, go) = Hangs::new();
        let watched = Arc::new(Watched::new(hangs, Duration::from_secs(10)));
        let first = {
            let watched = Arc::clone(&watched);
            std::thread::spawn(move || watched.load())
        };
        let second = {
            let watched = Arc::clone(&watched);
            std::thread::spawn(move || watched.save(&Secret::new("x")))
        };
        go.send(()).unwrap();
        assert!(first.join().unwrap().unwrap().is_none());
        second.join().unwrap().unwrap();
    }

    #[test]
    fn a_client_library_that_panics_is_an_error() {
        let (hangs, _go) = Hangs::new();
        let watched = Watched::new(hangs, Duration::from_secs(10));
        assert_eq!(watched.delete().unwrap_err().code(), "keyring_failed");
        watched.save(&Secret::new("x")).unwrap();
    }
}
