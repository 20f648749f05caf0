//! `host`: the process that owns all state. Its settings come as one line on stdin, its one line on
//! stdout says whether it stands.

use crate::{CliError, Exit, run_host, screen};
use drawbridge_wire::pipe::{HostReady, HostSetup};
use std::io::{BufRead, Read};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use zeroize::Zeroizing;

/// Longest until the settings have come.
const SETUP: Duration = Duration::from_secs(10);
/// Longest line of settings.
const LONGEST_SETUP: u64 = 1024 * 1024;

pub(crate) async fn run(data_dir: PathBuf, service: bool) -> Result<Exit, CliError> {
    let log = crate::log::start();
    let said = Arc::new(AtomicBool::new(false));
    let outcome = match read_setup().await {
        Ok(mut setup) => {
            setup.service |= service;
            let said = said.clone();
            let ready = Box::new(move |ready: HostReady| {
                said.store(true, Ordering::Relaxed);
                say(&ready);
            });
            let log_level = Box::new(move |wanted: &str| log.set(wanted));
            Box::pin(run_host::run(data_dir, setup, log_level, ready)).await
        }
        Err(error) => Err(error),
    };
    if let Err(error) = &outcome
        && !said.load(Ordering::Relaxed)
    {
        let message = match error {
            CliError::Host { message, .. } => message.clone(),
            other => other.to_string(),
        };
        say(&HostReady::Failed {
            code: error.code().to_owned(),
            message,
        });
    }
    outcome.map(|()| Exit::Done)
}

/// Says the one line. Whoever started the host may be gone; it stands all the same.
fn say(ready: &HostReady) {
    if let Ok(text) = serde_json::to_string(ready) {
        let _ = screen::line(&text);
    }
}

/// Reads the settings. On a thread of its own: a pipe that never says anything must not hold the end up.
async fn read_setup() -> Result<HostSetup, CliError> {
    let (send, receive) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let mut line = Zeroizing::new(String::new());
        let read = std::io::stdin().lock().take(LONGEST_SETUP).read_line(&mut line);
        let _ = send.send(read.map(|_| line));
    });
    let unusable = |why: &str| {
        CliError::Usage(format!(
            "stdin must hold the settings of the host as one line of JSON: {why}"
        ))
    };
    let line = tokio::time::timeout(SETUP, receive)
        .await
        .map_err(|_| unusable("nothing came"))?
        .map_err(|_| unusable("it cannot be read"))?
        .map_err(|error| unusable(&error.to_string()))?;
    // Not the parser's own words: they can quote the text, and there are tokens in it.
    serde_json::from_str(&line)
        .map_err(|error| unusable(&format!("it is not understood at column {}", error.column())))
}
