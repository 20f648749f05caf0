//! Asks something of the network through a connector that lives for this one question. The host itself
//! opens no connection to another computer.

use drawbridge_process::{Child, ChildSpec, Ladder, Marker, MarkerRole, Spawner, stop};
use drawbridge_wire::pipe::{Ask, AskAnswer, FromConnector, ToConnector};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};

/// Longest for all of it: dialling, the answer, and the connector's own start.
const DEADLINE: Duration = Duration::from_secs(40);
/// Longest line a connector may say.
pub(crate) const LONGEST_LINE: u64 = 64 * 1024;

/// What every connector is started with.
#[derive(Debug, Clone)]
pub(crate) struct ConnectorBase {
    /// The slim binary.
    pub executable: PathBuf,
    /// The user's environment without any token.
    pub env: Vec<(OsString, OsString)>,
    pub cwd: PathBuf,
    pub nonce: String,
}

impl ConnectorBase {
    /// How a connector is started; its log goes to `log_file`.
    pub(crate) fn spec(&self, log_file: PathBuf) -> ChildSpec {
        ChildSpec {
            name: "connector".to_owned(),
            program: self.executable.clone(),
            args: vec!["connector".into()],
            env: self.env.clone(),
            cwd: self.cwd.clone(),
            marker: Marker {
                nonce: self.nonce.clone(),
                role: MarkerRole::Connector,
            },
            stdin_piped: true,
            stdout_piped: true,
            log_file: Some(log_file),
        }
    }
}

/// Asks, waits, and leaves no process behind. What goes wrong on the way is an answer, too.
pub(crate) async fn ask(
    spawner: &Spawner,
    base: &ConnectorBase,
    log_file: PathBuf,
    at: String,
    ca_file: Option<PathBuf>,
    what: Ask,
) -> AskAnswer {
    let child = match spawner.spawn(base.spec(log_file)).await {
        Ok(child) => child,
        Err(error) => return failed(&error.to_string()),
    };
    let line = ToConnector::Ask { at, ca_file, what };
    let answer = tokio::time::timeout(DEADLINE, exchange(&child, &line)).await;
    stop(&child, Ladder::default()).await;
    match answer {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => {
            let last = child.log().last(1).pop().unwrap_or_default();
            failed(&format!(
                "the connector ended without an answer ({error}). {last}"
            ))
        }
        Err(_) => AskAnswer::Bad {
            code: "timeout".to_owned(),
            message: "there was no answer in time; check this computer's network and try again".to_owned(),
        },
    }
}

fn failed(why: &str) -> AskAnswer {
    AskAnswer::Bad {
        code: "connector_failed".to_owned(),
        message: format!("{}; try again", why.trim_end()),
    }
}

async fn exchange(child: &Child, line: &ToConnector) -> std::io::Result<AskAnswer> {
    let closed = || std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
    let (Some(mut stdin), Some(stdout)) = (child.take_stdin(), child.take_stdout()) else {
        return Err(closed());
    };
    crate::link::write(&mut stdin, line).await?;
    let mut said = zeroize::Zeroizing::new(Vec::with_capacity(4096));
    // The pipe stays open until the answer is in: its end would end the connector.
    let mut reader = BufReader::new(stdout).take(LONGEST_LINE);
    reader.read_until(b'\n', &mut said).await?;
    drop(stdin);
    match serde_json::from_slice(&said) {
        Ok(FromConnector::Answer { answer }) => Ok(answer),
        _ => Err(closed()),
    }
}
