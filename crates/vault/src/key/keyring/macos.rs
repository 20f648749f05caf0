//! The login keychain of macOS.

use super::{Need, Outlook};
use crate::{Absence, Glance, KeyError};
use keyring_core::CredentialStore;
use std::sync::Arc;

pub(super) const NAME: &str = "the keychain";

pub(super) fn store() -> keyring_core::Result<Arc<CredentialStore>> {
    Ok(apple_native_keyring_store::keychain::Store::new()?)
}

/// The system itself asks for what it needs; nothing can be known beforehand.
pub(super) fn look(_: &str, _: &str, need: Need, _: &dyn Fn()) -> Result<Outlook, KeyError> {
    if need == Need::Peek {
        return Err(KeyError::KeyringDenied {
            detail: "it is not read here without asking you".into(),
        });
    }
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

pub(super) fn no_access(why: &(dyn std::error::Error + 'static)) -> KeyError {
    KeyError::KeyringAbsent {
        detail: Absence::Other(why.to_string()),
    }
}

/// The codes that the store does not tell apart: see Security/SecBase.h.
pub(super) fn failure(why: &(dyn std::error::Error + 'static)) -> KeyError {
    let detail = why.to_string();
    let shown = format!("{why:?}");
    if ["-25293", "-25308", "-128"]
        .iter()
        .any(|code| shown.contains(code))
    {
        // errSecAuthFailed, errSecInteractionNotAllowed, errSecUserCanceled
        KeyError::KeyringDenied { detail }
    } else {
        KeyError::KeyringFailed { detail }
    }
}
