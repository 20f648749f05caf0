//! A short visit to the host: the one that runs, or one that is started for it and ends with it.

use crate::CliError;
use crate::connect::{start, wait_for_end};
use crate::control_client::{ControlClient, ControlError};
use crate::place::Place;
use drawbridge_wire::control::{HostView, Request};
use drawbridge_wire::pipe::HostSetup;
use serde::de::DeserializeOwned;
use std::time::Duration;
use tokio::process::Child;
use tokio::time::timeout;

/// Longest for the vault to open when a host was just started: the keyring's own deadline and some.
const OPENS: Duration = Duration::from_secs(15);

/// How a host says that it found no codex.
const NO_CODEX: &str = "codex_not_found";

/// A visit.
pub(crate) struct Visit {
    client: ControlClient,
    /// As it was at the beginning; the changes since wait in the client.
    view: HostView,
    started: Option<Child>,
}

impl Visit {
    /// Attaches to the host, or starts one that has neither app-server nor links.
    pub(crate) async fn begin(place: &Place, client: &str) -> Result<Self, CliError> {
        Self::attach_or_start(place, client, true).await
    }

    /// Attaches to the host, or starts a whole one that dials the buses; without codex one that cannot.
    pub(crate) async fn begin_whole(place: &Place, client: &str) -> Result<Self, CliError> {
        match Self::attach_or_start(place, client, false).await {
            Err(CliError::HostStart { code, .. }) if code == NO_CODEX => Self::begin(place, client).await,
            begun => begun,
        }
    }

    async fn attach_or_start(place: &Place, client: &str, visit: bool) -> Result<Self, CliError> {
        // Up to an answer to the first request: before that a host may still be ending, and who has asked for
        // nothing can try again.
        let attach = async || {
            let mut client = match visit {
                true => ControlClient::visit(&place.data_dir, client).await,
                false => ControlClient::connect(&place.data_dir, client, true).await,
            }?;
            let view = client.snapshot().await?;
            Ok::<_, ControlError>((client, view))
        };
        match attach().await {
            Ok((client, view)) => {
                return Ok(Self {
                    client,
                    view,
                    started: None,
                });
            }
            Err(error) if error.is_over() || error.is_visited() => {}
            Err(error) => return Err(error.into()),
        }
        let setup = HostSetup {
            config: place.config.clone(),
            vault_key: place.vault_key.clone(),
            visit,
            ..HostSetup::default()
        };
        let ((client, view), started) = start(&place.data_dir, &setup, attach).await?;
        Ok(Self {
            client,
            view,
            started,
        })
    }

    /// The state, once the vault has been opened or could not be. Call it once.
    pub(crate) async fn settled(&mut self) -> Result<HostView, CliError> {
        use drawbridge_wire::buses::VaultCondition;
        let mut view = self.view.clone();
        let settled = async {
            while view.vault.state == VaultCondition::Opening {
                let delta = self.client.next().await?;
                crate::mirror::apply(&mut view, delta.seq, &delta.change);
            }
            Ok::<_, CliError>(())
        };
        // When the time is up, what is known is shown: that the vault is being opened.
        if let Ok(done) = timeout(OPENS, settled).await {
            done?;
        }
        Ok(view)
    }

    /// Follows the state until `done`, or until the time is up.
    pub(crate) async fn until(
        &mut self,
        view: &mut HostView,
        within: Duration,
        done: impl Fn(&HostView) -> bool,
    ) -> Result<bool, CliError> {
        let following = async {
            while !done(view) {
                let delta = self.client.next().await?;
                crate::mirror::apply(view, delta.seq, &delta.change);
            }
            Ok::<_, CliError>(())
        };
        match timeout(within, following).await {
            Ok(done) => done.map(|()| true),
            Err(_) => Ok(false),
        }
    }

    pub(crate) async fn ask(&mut self, request: &Request) -> Result<(), CliError> {
        self.client.request(request).await?;
        Ok(())
    }

    pub(crate) async fn ask_for<T: DeserializeOwned>(&mut self, request: &Request) -> Result<T, CliError> {
        let answer = self.client.request(request).await?;
        serde_json::from_value(answer).map_err(|error| ControlError::NotUnderstood(error.to_string()).into())
    }

    /// Gives the lease back; a host that was started for this ends. One that is gone has no lease any more.
    pub(crate) async fn end(mut self) -> Result<(), CliError> {
        let released = self.client.request(&Request::ReleaseLease {}).await;
        drop(self.client);
        wait_for_end(self.started).await;
        match released {
            Err(error) if !error.is_over() => Err(error.into()),
            _ => Ok(()),
        }
    }
}
