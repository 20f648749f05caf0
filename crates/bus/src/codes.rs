//! Codes that were given out and not traded yet. Plain state without IO.

use drawbridge_wire::Secret;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::Instant;

/// Codes that may wait at the same time.
const CODES: usize = 64;
/// Wrong codes that are answered at once.
const BURST: u32 = 10;
/// After these, one more for every such time.
const REFILL: Duration = Duration::from_secs(6);

/// Why a code was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotTaken {
    /// Never given out, traded, or too late.
    Unknown,
    /// Too many wrong ones; ask again after so long.
    TooMany(Duration),
}

/// The codes, as digests: a picture of the memory shows none.
///
/// Guessing: of 2^50 codes at most 64 count, and one in 6 s can be tried, by whoever tries. A code that
/// counts for ten minutes is found with a chance below 1 in 10^11.
#[derive(Debug)]
pub(crate) struct Codes {
    waiting: HashMap<[u8; 32], Instant>,
    wrong: u32,
    since: Instant,
}

impl Codes {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            waiting: HashMap::new(),
            wrong: 0,
            since: now,
        }
    }

    /// Keeps a code. `false` when too many wait.
    pub(crate) fn add(&mut self, code: &Secret, valid: Duration, now: Instant) -> bool {
        self.waiting.retain(|_, until| now < *until);
        if self.waiting.len() >= CODES {
            return false;
        }
        self.waiting.insert(digest(code), now + valid);
        true
    }

    /// Whether a code counts. A wrong one uses up a try.
    pub(crate) fn check(&mut self, code: &Secret, now: Instant) -> Result<(), NotTaken> {
        let refilled = now.saturating_duration_since(self.since).as_secs() / REFILL.as_secs();
        if refilled > 0 {
            self.wrong = self
                .wrong
                .saturating_sub(u32::try_from(refilled).unwrap_or(u32::MAX));
            self.since = now;
        }
        if self.wrong >= BURST {
            let next = REFILL.saturating_sub(now.saturating_duration_since(self.since));
            return Err(NotTaken::TooMany(next));
        }
        if self.waiting.get(&digest(code)).is_some_and(|until| now < *until) {
            return Ok(());
        }
        self.wrong += 1;
        Err(NotTaken::Unknown)
    }

    /// The code was traded.
    pub(crate) fn spend(&mut self, code: &Secret) {
        self.waiting.remove(&digest(code));
    }
}

fn digest(code: &Secret) -> [u8; 32] {
    Sha256::digest(code.reveal().as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn a_code_counts_once_and_for_its_time() {
        let now = Instant::now();
        let mut codes = Codes::new(now);
        let code = Secret::new("AAAAA-AAAAA");
        assert!(codes.add(&code, MINUTE, now));
        assert_eq!(
            codes.check(&code, now + MINUTE - Duration::from_millis(1)),
            Ok(())
        );
        assert_eq!(codes.check(&code, now + MINUTE), Err(NotTaken::Unknown));
        assert!(codes.add(&code, MINUTE, now));
        codes.spend(&code);
        assert_eq!(codes.check(&code, now), Err(NotTaken::Unknown));
    }

    #[test]
    fn who_guesses_waits_and_a_good_code_waits_with_him() {
        let now = Instant::now();
        let mut codes = Codes::new(now);
        let good = Secret::new("AAAAA-AAAAA");
        let wrong = Secret::new("BBBBB-BBBBB");
        assert!(codes.add(&good, MINUTE * 10, now));
        for _ in 0..BURST {
            assert_eq!(codes.check(&wrong, now), Err(NotTaken::Unknown));
        }
        assert_eq!(codes.check(&good, now), Err(NotTaken::TooMany(REFILL)));
        assert_eq!(codes.check(&wrong, now + REFILL), Err(NotTaken::Unknown));
        assert_eq!(
            codes.check(&good, now + REFILL + Duration::from_secs(1)),
            Err(NotTaken::TooMany(Duration::from_secs(5)))
        );
        assert_eq!(codes.check(&good, now + REFILL * 2), Ok(()));
        assert_eq!(
            codes.check(&good, now + MINUTE * 5),
            Ok(()),
            "right ones use up nothing"
        );
    }

    #[test]
    fn only_so_many_codes_wait() {
        let now = Instant::now();
        let mut codes = Codes::new(now);
        for number in 0..CODES {
            assert!(codes.add(&Secret::new(&number.to_string()), MINUTE, now));
        }
        assert!(!codes.add(&Secret::new("one more"), MINUTE, now));
        assert!(codes.add(&Secret::new("one more"), MINUTE, now + MINUTE));
    }
}
