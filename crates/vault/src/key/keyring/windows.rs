//! Credential Manager of Windows.

use super::{Need, Outlook};
use crate::{Absence, Glance, KeyError};
use keyring_core::CredentialStore;
use std::sync::Arc;

pub(super) const NAME: &str = "the Credential Manager";

pub(super) fn store() -> keyring_core::Result<Arc<CredentialStore>> {
    Ok(windows_native_keyring_store::Store::new()?)
}

/// It is unlocked for as long as the user is logged in.
pub(super) fn look(_: &str, _: &str, _: Need, _: &dyn Fn()) -> Result<Outlook, KeyError> {
    Ok(Outlook::default())
}

/// Nothing can be known here without asking the person.
pub(in crate::key) fn glance() -> std::future::Ready<Result<Glance, KeyError>> {
    std::future::ready(Ok(Glance::NotSeen))
}

/// Nothing has to be waited for: the system itself answers.
pub(super) fn steady<T>(call: impl Fn() -> Result<T, KeyError>) -> Result<T, KeyError> {
    call()
}

/// The only reason it gives: there is no logon session to keep credentials for.
pub(super) fn no_access(why: &(dyn std::error::Error + 'static)) -> KeyError {
    KeyError::KeyringAbsent {
        detail: Absence::Other(why.to_string()),
    }
}

pub(super) fn failure(why: &(dyn std::error::Error + 'static)) -> KeyError {
    KeyError::KeyringFailed {
        detail: why.to_string(),
    }
}
