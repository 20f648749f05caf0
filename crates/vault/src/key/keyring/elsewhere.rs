//! A system whose keyring we do not know.

use super::{Need, Outlook};
use crate::{Glance, KeyError};
use keyring_core::CredentialStore;
use std::sync::Arc;

pub(super) const NAME: &str = "the keyring";

pub(super) fn store() -> keyring_core::Result<Arc<CredentialStore>> {
    Err(keyring_core::Error::NoDefaultStore)
}

pub(super) fn look(_: &str, _: &str, _: Need, _: &dyn Fn()) -> Result<Outlook, KeyError> {
    Err(KeyError::KeyringAbsent {
        detail: "this system's keyring is not known".into(),
    })
}

/// Nothing can be known here without asking the person.
pub(in crate::key) fn glance() -> std::future::Ready<Result<Glance, KeyError>> {
    std::future::ready(Ok(Glance::NotSeen))
}

/// Nothing has to be waited for: the system itself answers.
pub(super) fn steady<T>(call: impl Fn() -> Result<T, KeyError>) -> Result<T, KeyError> {
    call()
}

pub(super) fn no_access(why: &(dyn std::error::Error + 'static)) -> KeyError {
    failure(why)
}

pub(super) fn failure(why: &(dyn std::error::Error + 'static)) -> KeyError {
    KeyError::KeyringFailed {
        detail: why.to_string(),
    }
}
