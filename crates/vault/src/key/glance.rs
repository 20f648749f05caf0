//! How the system's keyring is, without asking anybody for anything.

use super::keyring;
use crate::KeyError;
use std::time::Duration;

/// What a look at the keyring finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Glance {
    /// It is there and unlocked.
    Unlocked,
    /// It is locked.
    Locked,
    /// It is there and has no default collection, or was never unlocked.
    NeverUnlocked,
    /// It forgets everything when the session ends.
    Volatile,
    /// This system does not tell without asking the person.
    NotSeen,
}

/// Looks at the keyring: reads nothing in it, shows no prompt, unlocks nothing.
///
/// # Errors
/// `keyring_absent` and what else stands in the way; `keyring_slow` when it does not answer.
pub async fn glance(within: Duration) -> Result<Glance, KeyError> {
    tokio::time::timeout(within, keyring::glance())
        .await
        .unwrap_or(Err(KeyError::KeyringSlow { after: within }))
}
