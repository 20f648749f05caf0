//! The vault on a thread of its own, for an event loop that must not wait.

use crate::{BusId, Confirmed, Enrollment, ImportReport, KeySource, Vault, VaultError, VaultState};
use drawbridge_wire::Secret;
use std::path::Path;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

/// Longest wait for one call: a few calls to the keyring, each with its own deadline, and a slow disk.
const DEADLINE: Duration = Duration::from_secs(25);
/// Calls that may wait for the thread.
const QUEUE: usize = 16;

/// Does something and gives what tells the caller, who shall see the new state when told.
type Call = Box<dyn FnOnce(&mut Vault) -> Tell + Send>;
type Tell = Box<dyn FnOnce() + Send>;

/// An open vault. Clones share it; it is closed when the last one is gone.
#[derive(Clone, Debug)]
pub struct VaultHandle {
    calls: mpsc::Sender<Call>,
    state: watch::Receiver<VaultState>,
    ended: watch::Receiver<bool>,
}

impl VaultHandle {
    /// As [`Vault::open`].
    ///
    /// # Errors
    /// As for [`Vault::open`]; `vault_slow` when the disk does not answer.
    pub async fn open(dir: &Path, source: &KeySource) -> Result<Self, VaultError> {
        let (dir, source) = (dir.to_owned(), source.clone());
        Self::start(move || Vault::open(&dir, &source)).await
    }

    /// As [`Vault::reset`].
    ///
    /// # Errors
    /// As for [`Vault::reset`]; `vault_slow` when the disk does not answer.
    pub async fn reset(dir: &Path, source: &KeySource) -> Result<Self, VaultError> {
        let (dir, source) = (dir.to_owned(), source.clone());
        Self::start(move || Vault::reset(&dir, &source)).await
    }

    /// Runs a vault that `open` gives, on a thread of its own.
    ///
    /// # Errors
    /// Those of `open`; `vault_slow` when it takes too long.
    pub async fn start(
        open: impl FnOnce() -> Result<Vault, VaultError> + Send + 'static,
    ) -> Result<Self, VaultError> {
        let (calls, mut inbox) = mpsc::channel::<Call>(QUEUE);
        let (opened, is_open) = oneshot::channel();
        std::thread::Builder::new()
            .name("vault".into())
            .spawn(move || {
                let mut vault = match open() {
                    Ok(vault) => vault,
                    Err(error) => {
                        let _ = opened.send(Err(error));
                        return;
                    }
                };
                let (state, seen) = watch::channel(vault.state());
                let (ended, end) = watch::channel(false);
                if opened.send(Ok((seen, end))).is_err() {
                    return;
                }
                while let Some(call) = inbox.blocking_recv() {
                    let tell = call(&mut vault);
                    state.send_replace(vault.state());
                    tell();
                }
                drop(vault);
                ended.send_replace(true);
            })
            .map_err(VaultError::io("starting a thread for", ""))?;
        let (state, ended) = match timeout(DEADLINE, is_open).await {
            Ok(Ok(opened)) => opened?,
            Ok(Err(_)) => return Err(VaultError::Closed),
            Err(_) => return Err(VaultError::Slow { after: DEADLINE }),
        };
        Ok(Self { calls, state, ended })
    }

    /// The state after the last call; it can also be watched for changes.
    #[must_use]
    pub fn state(&self) -> watch::Receiver<VaultState> {
        self.state.clone()
    }

    /// Closes the vault for all clones of this handle that are not used any more, and waits until it is
    /// closed. Calls of other clones go on until those are dropped.
    ///
    /// # Errors
    /// `vault_slow` when something still holds it.
    pub async fn close(self) -> Result<(), VaultError> {
        let Self { calls, mut ended, .. } = self;
        drop(calls);
        match timeout(DEADLINE, ended.wait_for(|ended| *ended)).await {
            Ok(_) => Ok(()),
            Err(_) => Err(VaultError::Slow { after: DEADLINE }),
        }
    }

    /// All enrollments that can be read.
    ///
    /// # Errors
    /// Those of the thread.
    pub async fn list(&self) -> Result<Vec<Enrollment>, VaultError> {
        self.call(|vault| Ok(vault.list().cloned().collect())).await
    }

    /// As [`Vault::reread`].
    ///
    /// # Errors
    /// As for [`Vault::reread`], and those of the thread.
    pub async fn reread(&self) -> Result<(), VaultError> {
        self.call(Vault::reread).await
    }

    /// As [`Vault::get`].
    ///
    /// # Errors
    /// As for [`Vault::get`], and those of the thread.
    pub async fn get(&self, id: BusId) -> Result<Enrollment, VaultError> {
        self.call(move |vault| vault.get(&id).cloned()).await
    }

    /// As [`Vault::free_id`].
    ///
    /// # Errors
    /// Those of the thread.
    pub async fn free_id(&self, origin: String) -> Result<BusId, VaultError> {
        self.call(move |vault| Ok(vault.free_id(&origin))).await
    }

    /// As [`Vault::put`].
    ///
    /// # Errors
    /// As for [`Vault::put`], and those of the thread.
    pub async fn put(&self, enrollment: Enrollment) -> Result<(), VaultError> {
        self.call(move |vault| vault.put(enrollment)).await
    }

    /// As [`Vault::remove`].
    ///
    /// # Errors
    /// As for [`Vault::remove`], and those of the thread.
    pub async fn remove(&self, id: BusId) -> Result<(), VaultError> {
        self.call(move |vault| vault.remove(&id)).await
    }

    /// As [`Vault::confirmed`].
    ///
    /// # Errors
    /// As for [`Vault::confirmed`], and those of the thread.
    pub async fn confirmed(&self) -> Result<Option<Confirmed>, VaultError> {
        self.call(|vault| Ok(vault.confirmed()?.cloned())).await
    }

    /// As [`Vault::confirm`].
    ///
    /// # Errors
    /// As for [`Vault::confirm`], and those of the thread.
    pub async fn confirm(&self, confirmed: Confirmed) -> Result<(), VaultError> {
        self.call(move |vault| vault.confirm(confirmed)).await
    }

    /// As [`Vault::forget_confirmed`].
    ///
    /// # Errors
    /// As for [`Vault::forget_confirmed`], and those of the thread.
    pub async fn forget_confirmed(&self) -> Result<(), VaultError> {
        self.call(Vault::forget_confirmed).await
    }

    /// As [`Vault::rotate`].
    ///
    /// # Errors
    /// As for [`Vault::rotate`], and those of the thread.
    pub async fn rotate(&self) -> Result<(), VaultError> {
        self.call(Vault::rotate).await
    }

    /// As [`Vault::export`].
    ///
    /// # Errors
    /// As for [`Vault::export`], and those of the thread.
    pub async fn export(&self, recipient: String) -> Result<Vec<u8>, VaultError> {
        self.call(move |vault| vault.export(&recipient)).await
    }

    /// As [`Vault::import`].
    ///
    /// # Errors
    /// As for [`Vault::import`], and those of the thread.
    pub async fn import(
        &self,
        exported: Vec<u8>,
        identity: Secret,
        replace: bool,
    ) -> Result<ImportReport, VaultError> {
        self.call(move |vault| vault.import(&exported, &identity, replace))
            .await
    }

    async fn call<T: Send + 'static>(
        &self,
        body: impl FnOnce(&mut Vault) -> Result<T, VaultError> + Send + 'static,
    ) -> Result<T, VaultError> {
        let (done, answer) = oneshot::channel();
        let call: Call = Box::new(move |vault| {
            let result = body(vault);
            Box::new(move || {
                // Nobody waits any more when the deadline has passed.
                let _ = done.send(result);
            })
        });
        self.calls.try_send(call).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => VaultError::Busy,
            mpsc::error::TrySendError::Closed(_) => VaultError::Closed,
        })?;
        match timeout(DEADLINE, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(VaultError::Closed),
            Err(_) => Err(VaultError::Slow { after: DEADLINE }),
        }
    }
}
