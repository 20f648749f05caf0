//! A keyring service that is gone for a moment: it crashed, and whoever looks after it starts it again.
//!
//! A call that finds nobody, or loses the service on the way, is made once more when the service is back, or
//! after a short while in any case: the call itself has the bus start a service that it knows how to start.

use crate::key::DEADLINE;
use crate::{Absence, KeyError};
use secret_service::Error;
use std::future::Future;
use std::io::ErrorKind;
use std::time::{Duration, Instant};
use zbus::DBusError;

/// The name of the service on the bus.
const NAME: &str = "org.freedesktop.secrets";

/// How long the service may take to come back.
const RETURN: Duration = Duration::from_millis(700);

/// How often to look whether it is back.
const GLANCE: Duration = Duration::from_millis(20);

/// Makes a call that can be made twice, and makes it once more if the service was not there.
pub(in crate::key::keyring) fn steady<T>(call: impl Fn() -> Result<T, KeyError>) -> Result<T, KeyError> {
    let begun = Instant::now();
    let first = call();
    let Some(absence) = passing(&first) else {
        return first;
    };
    // Who asked is given the error by then.
    if begun.elapsed() + RETURN >= DEADLINE {
        return first;
    }
    super::on_a_runtime(async { Ok(bus_after_a_while().await) })??;
    second(absence, call())
}

/// As [`steady`], for a call that does not block.
pub(super) async fn steady_async<T, F>(call: impl Fn() -> F) -> Result<T, KeyError>
where
    F: Future<Output = Result<T, KeyError>>,
{
    let first = call().await;
    let Some(absence) = passing(&first) else {
        return first;
    };
    bus_after_a_while().await?;
    second(absence, call().await)
}

/// How the service is absent, if that may be over in a moment. Whether there is a bus at all is seen when its
/// return is waited for.
fn passing<T>(done: &Result<T, KeyError>) -> Option<Absence> {
    match done {
        Err(KeyError::KeyringAbsent {
            detail: absence @ (Absence::NoBus | Absence::NoOwner | Absence::WentAway),
        }) => Some(absence.clone()),
        _ => None,
    }
}

/// What the second call says, except that a service that went away tells more than one that is not there.
fn second<T>(first: Absence, done: Result<T, KeyError>) -> Result<T, KeyError> {
    match (first, passing(&done)) {
        (Absence::WentAway, Some(Absence::NoOwner)) => Err(KeyError::KeyringAbsent {
            detail: Absence::WentAway,
        }),
        _ => done,
    }
}

/// Waits until the service has its name again, but not for long. An error when there is not even a bus.
async fn bus_after_a_while() -> Result<(), KeyError> {
    let waited = tokio::time::timeout(RETURN, async {
        let Ok(bus) = zbus::Connection::session().await else {
            return Err(KeyError::KeyringAbsent {
                detail: Absence::NoBus,
            });
        };
        // If it cannot be waited for, the second call says why.
        let _ = owned(&bus).await;
        Ok(())
    });
    waited.await.unwrap_or(Ok(()))
}

async fn owned(bus: &zbus::Connection) -> zbus::Result<()> {
    let names = zbus::fdo::DBusProxy::new(bus).await?;
    // Nobody waits for the return of a service that the bus itself can start.
    if names.start_service_by_name(NAME.try_into()?, 0).await.is_ok() {
        return Ok(());
    }
    while !names.name_has_owner(NAME.try_into()?).await? {
        tokio::time::sleep(GLANCE).await;
    }
    Ok(())
}

/// How the service is absent, if that is what an error says.
pub(super) fn absence(error: &Error) -> Option<Absence> {
    match error {
        Error::Unavailable => Some(Absence::NoBus),
        Error::Zbus(error) => of_the_bus(error),
        Error::ZbusFdo(error) => of_a_standard(error),
        _ => None,
    }
}

fn of_the_bus(error: &zbus::Error) -> Option<Absence> {
    match error {
        zbus::Error::MethodError(name, ..) => named(name.as_str()),
        zbus::Error::FDO(error) => of_a_standard(error),
        zbus::Error::Address(_) | zbus::Error::Connection(..) | zbus::Error::Handshake(_) => {
            Some(Absence::NoBus)
        }
        zbus::Error::InputOutput(error) => Some(match error.kind() {
            ErrorKind::NotFound | ErrorKind::ConnectionRefused => Absence::NoBus,
            _ => Absence::WentAway,
        }),
        zbus::Error::InterfaceNotFound => Some(Absence::NoOwner),
        _ => None,
    }
}

fn of_a_standard(error: &zbus::fdo::Error) -> Option<Absence> {
    match error {
        zbus::fdo::Error::ZBus(error) => of_the_bus(error),
        other => named(other.name().as_str()),
    }
}

fn named(name: &str) -> Option<Absence> {
    match name {
        // The last is the word of one that was started anew meanwhile and does not know us.
        "org.freedesktop.DBus.Error.NoReply"
        | "org.freedesktop.DBus.Error.Disconnected"
        | "org.freedesktop.Secret.Error.NoSession" => Some(Absence::WentAway),
        "org.freedesktop.DBus.Error.ServiceUnknown" | "org.freedesktop.DBus.Error.NameHasNoOwner" => {
            Some(Absence::NoOwner)
        }
        // It could not be started.
        other => other
            .starts_with("org.freedesktop.DBus.Error.Spawn.")
            .then_some(Absence::NoOwner),
    }
}
