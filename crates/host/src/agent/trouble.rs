//! Why the app-server does not run.

use drawbridge_codex::{CallError, LaunchError};
use drawbridge_process::LogRing;
use std::process::ExitStatus;
use std::time::Duration;

/// How long the last line of an app-server that has ended may take to arrive.
const LAST_LINES: Duration = Duration::from_millis(500);

#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error(transparent)]
    Launch(#[from] LaunchError),
    #[error(
        "codex cannot read its configuration and would go on without it, also without what you keep from the agent's shell: {0}. Correct the file; codex then starts by itself"
    )]
    ConfigInvalid(String),
    #[error("codex is not started with this configuration; correct the file, and it starts by itself\n{0}")]
    ConfigFile(String),
    #[error("codex does not tell its configuration: {0}; run `codex doctor`")]
    ConfigUnread(CallError),
    #[error("the app-server ended by itself{how}{said}")]
    Ended { how: String, said: String },
    #[error("the app-server took no new connection of the host")]
    NoConnection,
    #[error("it was ended to be started again, as was asked for")]
    Asked,
    #[error("the host is gone")]
    NobodyLeft,
}

impl Trouble {
    /// Stable code.
    pub(super) fn code(&self) -> &'static str {
        match self {
            Trouble::Launch(error) => error.code(),
            Trouble::ConfigInvalid(_) | Trouble::ConfigFile(_) => "codex_config_invalid",
            Trouble::ConfigUnread(_) => "codex_config_unread",
            Trouble::Ended { .. } => "app_server_ended",
            Trouble::NoConnection => "app_server_unreachable",
            Trouble::Asked => "restart_asked",
            Trouble::NobodyLeft => "host_gone",
        }
    }

    /// It ended unasked; its last line is waited for, because its end can be known before its words are read.
    pub(super) async fn ended(status: Option<ExitStatus>, log: &LogRing) -> Self {
        // Something may hold the pipe open; then what is there by now is what the person gets.
        let _ = tokio::time::timeout(LAST_LINES, log.complete()).await;
        let said = log.last(usize::MAX);
        let said = said.iter().rev().find(|line| !line.trim().is_empty());
        Trouble::Ended {
            how: status.map_or_else(String::new, |status| format!(" ({status})")),
            said: said.map_or_else(String::new, |line| format!("; it said: {line}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_end_waits_for_the_last_words_but_not_for_ever() {
        let log = LogRing::new();
        let ring = log.clone();
        let late = tokio::spawn(async move {
            tokio::task::yield_now().await;
            ring.push("the reason".to_owned());
            ring.push(" ".to_owned());
            ring.close();
        });
        let told = Trouble::ended(None, &log).await;
        assert_eq!(
            told.to_string(),
            "the app-server ended by itself; it said: the reason"
        );
        late.await.unwrap();

        let held_open = LogRing::new();
        held_open.push("what is there".to_owned());
        let told = Trouble::ended(None, &held_open).await;
        assert!(told.to_string().ends_with("; it said: what is there"), "{told}");
        assert_eq!(told.code(), "app_server_ended");
    }
}
