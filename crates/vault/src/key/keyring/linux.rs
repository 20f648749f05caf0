//! Secret Service (GNOME Keyring, KWallet, KeePassXC).
//!
//! The store itself waits for ever when a collection is locked, and cannot say so. So each call first looks at
//! the service over a connection of its own, where every wait has an end: is it there, is what is needed
//! locked, will it outlive the session.

mod comeback;

use super::{Need, Outlook};
use crate::{Glance, KeyError};
use keyring_core::CredentialStore;
use secret_service::{Collection, EncryptionType, Error, Item, SecretService};
use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub(super) use comeback::steady;

pub(super) const NAME: &str = "the keyring (Secret Service)";

/// How long a prompt may stay open for the person to type a password: longer than any caller waits, but not
/// for ever, because the prompt's program may be gone.
const PROMPT: Duration = Duration::from_secs(120);

/// How long the service may take for everything but the prompt before the call gives up. Nobody waits any more
/// then; it only lets the thread end.
const SERVICE: Duration = Duration::from_secs(30);

/// Nobody dismisses a prompt sooner than this after it was asked for: then it was never shown.
const TOO_QUICK: Duration = Duration::from_millis(700);

/// How often to look whether it was unlocked some other way than by our prompt.
const GLANCE: Duration = Duration::from_millis(150);

/// The path of the collection that lives in memory only.
const SESSION: &str = "/org/freedesktop/secrets/collection/session";

pub(super) fn store() -> keyring_core::Result<Arc<CredentialStore>> {
    Ok(zbus_secret_service_keyring_store::Store::new()?)
}

/// Looks, and unlocks what is locked; before that, `waits` says that a person is waited for.
pub(super) fn look(service: &str, user: &str, need: Need, waits: &dyn Fn()) -> Result<Outlook, KeyError> {
    on_a_runtime(async {
        let looked = look_async(service, user, need, waits);
        tokio::time::timeout(PROMPT + SERVICE, looked)
            .await
            .unwrap_or(Err(KeyError::KeyringSlow {
                after: PROMPT + SERVICE,
            }))
    })
}

/// Its own runtime on the caller's plain thread: dropping it ends the connection and what hangs on it.
fn on_a_runtime<T>(body: impl Future<Output = Result<T, KeyError>>) -> Result<T, KeyError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| KeyError::KeyringFailed {
            detail: error.to_string(),
        })?;
    let done = runtime.block_on(body);
    runtime.shutdown_background();
    done
}

async fn look_async(service: &str, user: &str, need: Need, waits: &dyn Fn()) -> Result<Outlook, KeyError> {
    let keyring = SecretService::connect(EncryptionType::Plain)
        .await
        .map_err(explain)?;
    let attributes = HashMap::from([("service", service), ("username", user)]);
    let found = keyring.search_items(attributes).await.map_err(explain)?;
    let count = found.locked.len() + found.unlocked.len();
    if count > 1 {
        return Err(KeyError::KeyringAmbiguous {
            count,
            entry: format!("{service} / {user}"),
        });
    }
    if let Some(item) = found.locked.first() {
        if need == Need::Peek {
            return Err(KeyError::KeyringLocked);
        }
        unlock(&Locked::Item(item), waits).await?;
    }
    let volatile = found
        .locked
        .iter()
        .chain(&found.unlocked)
        .any(|item| in_session(item.item_path.as_str()));
    if need == Need::Peek && count == 0 {
        // One that was never unlocked also says that there is no such entry.
        return match keyring.get_default_collection().await {
            Err(Error::NoResult) => Err(never_unlocked()),
            other => match other.map_err(explain)?.is_locked().await.map_err(explain)? {
                true => Err(KeyError::KeyringLocked),
                false => Ok(Outlook::default()),
            },
        };
    }
    if need == Need::Write {
        if volatile {
            return Err(KeyError::KeyringVolatile);
        }
        if count == 0 {
            let collection = match keyring.get_default_collection().await {
                Err(Error::NoResult) => return Err(never_unlocked()),
                other => other.map_err(explain)?,
            };
            if in_session(collection.collection_path.as_str()) {
                return Err(KeyError::KeyringVolatile);
            }
            if collection.is_locked().await.map_err(explain)? {
                unlock(&Locked::Collection(&collection), waits).await?;
            }
        }
    }
    Ok(Outlook { volatile })
}

/// Looks without asking anybody for anything: no prompt, no unlocking.
pub(in crate::key) async fn glance() -> Result<Glance, KeyError> {
    comeback::steady_async(glance_once).await
}

async fn glance_once() -> Result<Glance, KeyError> {
    let keyring = SecretService::connect(EncryptionType::Plain)
        .await
        .map_err(explain)?;
    let collection = match keyring.get_default_collection().await {
        Err(Error::NoResult) => return Ok(Glance::NeverUnlocked),
        other => other.map_err(explain)?,
    };
    if in_session(collection.collection_path.as_str()) {
        return Ok(Glance::Volatile);
    }
    let locked = collection.is_locked().await.map_err(explain)?;
    Ok(if locked { Glance::Locked } else { Glance::Unlocked })
}

fn in_session(path: &str) -> bool {
    path.strip_prefix(SESSION)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

enum Locked<'a> {
    Item(&'a Item<'a>),
    Collection(&'a Collection<'a>),
}

impl Locked<'_> {
    async fn unlock(&self) -> Result<(), Error> {
        match self {
            Locked::Item(item) => item.unlock().await,
            Locked::Collection(collection) => collection.unlock().await,
        }
    }

    async fn is_locked(&self) -> Result<bool, Error> {
        match self {
            Locked::Item(item) => item.is_locked().await,
            Locked::Collection(collection) => collection.is_locked().await,
        }
    }
}

/// Has the keyring ask the person. Also content when it is unlocked in another way meanwhile.
async fn unlock(locked: &Locked<'_>, waits: &dyn Fn()) -> Result<(), KeyError> {
    waits();
    let begun = Instant::now();
    let asked = async {
        match locked.unlock().await {
            // It may have been unlocked in another way since it was looked at.
            Err(Error::Prompt) if begun.elapsed() < TOO_QUICK => match locked.is_locked().await {
                Ok(false) => Ok(()),
                _ => Err(KeyError::KeyringLocked),
            },
            asked => asked.map_err(explain),
        }
    };
    let seen = async {
        loop {
            tokio::time::sleep(GLANCE).await;
            match locked.is_locked().await {
                Ok(true) => {}
                Ok(false) => return Ok(()),
                Err(error) => return Err(explain(error)),
            }
        }
    };
    let unlocked = tokio::time::timeout(PROMPT, async {
        tokio::select! {
            asked = asked => asked,
            seen = seen => seen,
        }
    })
    .await;
    unlocked.unwrap_or(Err(KeyError::KeyringLocked))
}

fn explain(error: Error) -> KeyError {
    match error {
        Error::Locked | Error::PromptDisconnected => KeyError::KeyringLocked,
        Error::Prompt => KeyError::KeyringDenied {
            detail: "the prompt was dismissed".into(),
        },
        other => failure(&other),
    }
}

fn never_unlocked() -> KeyError {
    absent("the keyring service runs, but has no default collection or it was never unlocked")
}

fn absent(detail: &str) -> KeyError {
    KeyError::KeyringAbsent {
        detail: detail.into(),
    }
}

pub(super) fn no_access(why: &(dyn std::error::Error + 'static)) -> KeyError {
    match why.downcast_ref::<Error>() {
        Some(Error::Prompt) => KeyError::KeyringDenied {
            detail: "the prompt was dismissed".into(),
        },
        Some(Error::NoResult) => absent("it has no default collection or it was never unlocked"),
        _ => KeyError::KeyringLocked,
    }
}

pub(super) fn failure(why: &(dyn std::error::Error + 'static)) -> KeyError {
    if let Some(detail) = why.downcast_ref().and_then(comeback::absence) {
        return KeyError::KeyringAbsent { detail };
    }
    let text = why.to_string();
    if text.contains("AccessDenied") {
        KeyError::KeyringDenied {
            detail: "access denied".into(),
        }
    } else if text.contains("IsLocked") {
        KeyError::KeyringLocked
    } else {
        KeyError::KeyringFailed { detail: text }
    }
}
