//! A running host, and what one that ended may have left.

use super::finding::{Check, Finding, Level};
use crate::control_client::{ControlClient, ControlError};
use drawbridge_process::proc::Process;
use drawbridge_process::{Ledger, LedgerError};
use drawbridge_wire::buses::{ConfigView, ConfirmedState, VaultCondition};
use drawbridge_wire::control::{AppServerState, HostView, Request};
use std::path::Path;
use std::time::Duration;

/// How long a host may take to show itself.
const WITHIN: Duration = Duration::from_secs(6);

/// A host as it is.
pub(super) enum Host {
    None,
    Runs(Box<HostView>),
    Trouble(ControlError),
}

impl Host {
    pub(super) fn view(&self) -> Option<&HostView> {
        match self {
            Host::Runs(view) => Some(view),
            _ => None,
        }
    }
}

/// Asks it, without a lease.
pub(super) async fn look(data_dir: &Path) -> Host {
    let ask = async {
        let mut client = ControlClient::connect(data_dir, "drawbridge doctor", false).await?;
        let mut view = client.snapshot().await?;
        if view.vault.state == VaultCondition::Open {
            // The host read the files when it opened the vault, which may be long ago.
            let vault = client.request(&Request::CheckVault {}).await?;
            view.vault = serde_json::from_value(vault)
                .map_err(|error| ControlError::NotUnderstood(error.to_string()))?;
        }
        Ok(view)
    };
    match tokio::time::timeout(WITHIN, Box::pin(ask)).await {
        Ok(Ok(view)) => Host::Runs(Box::new(view)),
        Ok(Err(ControlError::NotRunning(_))) => Host::None,
        Ok(Err(error)) => Host::Trouble(error),
        Err(_) => Host::Trouble(ControlError::Silent),
    }
}

pub(super) fn findings(data_dir: &Path, host: &Host) -> Vec<Finding> {
    match host {
        Host::None => vec![Finding::ok(
            Check::Host,
            format!("none runs on {}", data_dir.display()),
        )],
        Host::Trouble(error) => vec![Finding::told(
            Level::Fail,
            Check::Host,
            &error.to_string(),
            "`drawbridge stop` ends it",
        )],
        Host::Runs(view) => {
            let mut out = vec![of_host(view), of_app_server(view)];
            out.extend(view.config.as_ref().map(of_waiting));
            out
        }
    }
}

fn of_host(view: &HostView) -> Finding {
    let what = format!("runs as pid {}, version {}", view.host.pid, view.host.version);
    if view.host.version == env!("CARGO_PKG_VERSION") {
        Finding::ok(Check::Host, what)
    } else {
        Finding::warn(
            Check::Host,
            format!("{what}; this is {}", env!("CARGO_PKG_VERSION")),
            "start it anew to have the same version in both",
        )
    }
}

fn of_app_server(view: &HostView) -> Finding {
    let id = Check::AppServer;
    match &view.app_server.state {
        AppServerState::Ready => {
            let agent = view.app_server.user_agent.as_deref().unwrap_or("no name");
            Finding::ok(id, format!("the host's app-server is ready ({agent})"))
        }
        AppServerState::Waiting { code, message, .. } => Finding::told(
            Level::Fail,
            id,
            &format!("the host's app-server ended [{code}]: {message}"),
            "`drawbridge logs` shows its last lines",
        ),
        AppServerState::Starting => Finding::warn(id, "the host's app-server is starting", "look again"),
        // Only a host that was started for a short command never had one.
        AppServerState::Stopped if view.app_server.generation == 0 => Finding::warn(
            id,
            "a short command's host runs just now, which has no app-server and dials no bus",
            "look again in a moment; it ends with that command",
        ),
        AppServerState::Stopping | AppServerState::Stopped => {
            Finding::warn(id, "the host is stopping", "look again")
        }
    }
}

/// What the file wants and nobody has confirmed.
pub(super) fn of_waiting(config: &ConfigView) -> Finding {
    let id = Check::ConfigWaits;
    let unreadable = config.confirmed == ConfirmedState::Unreadable && config.digest.is_some();
    let mut lines: Vec<String> = config
        .waiting
        .iter()
        .map(|wider| format!("{}: in force is {}; {} waits", wider.key, wider.from, wider.to))
        .collect();
    if unreadable {
        lines.push(
            "what was confirmed for remote clients cannot be read; only what flags gave counts".to_owned(),
        );
    }
    if lines.is_empty() {
        return Finding::ok(id, "nothing waits to be confirmed");
    }
    Finding::warn(
        id,
        lines.join("\n"),
        "if that is what you want, put it in force with `drawbridge config accept`",
    )
}

/// What hosts that were killed have left. Blocks.
pub(super) fn leftovers(data_dir: &Path) -> Result<Vec<Process>, LedgerError> {
    Ledger::new(&data_dir.join("children.jsonl")).left_behind()
}

pub(super) fn of_leftovers(found: &Result<Vec<Process>, LedgerError>) -> Finding {
    let id = Check::Leftovers;
    match found {
        Err(error) => Finding::told(Level::Warn, id, &error.to_string(), "look again"),
        Ok(left) if left.is_empty() => Finding::ok(id, "no process of an earlier host is left"),
        Ok(left) => {
            let named = left
                .iter()
                .map(|process| format!("{} (pid {})", process.name, process.pid));
            Finding::warn(
                id,
                format!(
                    "left by an earlier host: {}",
                    named.collect::<Vec<_>>().join(", ")
                ),
                "the next `drawbridge connect` ends them",
            )
        }
    }
}
