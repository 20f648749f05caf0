//! Starting a host: the slim program, away from the signals of this terminal, its settings on stdin.

use crate::{ControlError, system};
use drawbridge_local::files;
use drawbridge_wire::pipe::{HostReady, HostSetup};
use std::ffi::OsString;
use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};
use zeroize::Zeroizing;

/// Longest a host may take until its control socket stands.
const STANDS: Duration = Duration::from_secs(20);
/// Longest line a host may say.
const LONGEST_LINE: u64 = 64 * 1024;

/// Longest for another process's host to open its socket, or to end.
const ATTACH: Duration = Duration::from_secs(15);
/// How often that is tried at first.
const ATTACH_STEP: Duration = Duration::from_millis(100);
/// How often a host for short commands is asked in the end: it records each time.
const LONGEST_STEP: Duration = Duration::from_secs(1);

/// Why no host came up.
#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    /// The host did not come up.
    #[error("the host could not start ({code}): {message}")]
    Start {
        /// Stable code.
        code: String,
        /// What to do.
        message: String,
    },
    /// Its log cannot be written.
    #[error("cannot use {path}: {source}", path = .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl SpawnError {
    /// Stable code.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            SpawnError::Start { code, .. } => code,
            SpawnError::File { .. } => "file",
        }
    }
}

/// Size from which a log is put aside at the next start, in bytes.
const LARGEST_LOG: u64 = 1024 * 1024;

/// What a start came to.
#[derive(Debug)]
pub enum Started {
    /// It stands.
    Host(Child),
    /// Another process was faster; its host is the one to attach to.
    AlreadyRunning,
}

/// Where a host that was started here writes what goes wrong.
#[must_use]
pub fn log_path(data_dir: &Path) -> PathBuf {
    data_dir.join("logs").join("host.log")
}

/// What is started as a host.
#[derive(Debug, Clone)]
pub struct Program {
    /// The slim program.
    pub path: PathBuf,
    /// Where the host looks for programs, when that is not where this process does.
    pub search_path: Option<OsString>,
}

/// Starts a host and waits until its control socket stands.
///
/// # Errors
/// When it cannot be started, says that it cannot run, or says nothing in time.
pub async fn host(program: &Program, data_dir: &Path, setup: &HostSetup) -> Result<Started, SpawnError> {
    let log = open_log(data_dir)?;
    let mut command = Command::new(&program.path);
    if let Some(path) = &program.search_path {
        command.env("PATH", path);
    }
    command
        .arg("--data-dir")
        .arg(data_dir)
        .args(["host", "--setup-stdin"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(log);
    // Ctrl-C here ends this client; the host ends when nobody uses it any more.
    let mut child = system::apart(&mut command)
        .spawn()
        .map_err(|error| failed("spawn", &error.to_string()))?;
    let outcome = tokio::time::timeout(STANDS, talk(&mut child, setup)).await;
    match outcome {
        Ok(Ok(HostReady::Ready { .. })) => Ok(Started::Host(child)),
        Ok(Ok(HostReady::Failed { code, .. })) if code == "already_running" => {
            end(child).await;
            Ok(Started::AlreadyRunning)
        }
        Ok(Ok(HostReady::Failed { code, message })) => {
            end(child).await;
            Err(SpawnError::Start { code, message })
        }
        Ok(Err(why)) => {
            end(child).await;
            Err(failed(
                "no_answer",
                &format!("{why}; its log is {}", log_path(data_dir).display()),
            ))
        }
        Err(_) => {
            end(child).await;
            let log = log_path(data_dir);
            Err(failed(
                "timeout",
                &format!(
                    "it did not stand within {} s; its log is {}",
                    STANDS.as_secs(),
                    log.display()
                ),
            ))
        }
    }
}

/// Starts a host, or attaches to the one that another process was faster to start. One that is just ending
/// holds its lock a moment longer than its socket, and one for a short command ends soon: then the next
/// attempt starts ours. `attach` changes nothing, so it can be tried again; ours may end too, with another
/// command that came first.
///
/// # Errors
/// When it cannot be started, or does not take this client.
pub async fn start<T, E, F>(
    program: &Program,
    data_dir: &Path,
    setup: &HostSetup,
    attach: impl Fn() -> F,
) -> Result<(T, Option<Child>), E>
where
    E: From<SpawnError> + From<ControlError>,
    F: Future<Output = Result<T, ControlError>>,
{
    let deadline = Instant::now() + ATTACH;
    let mut step = ATTACH_STEP;
    loop {
        let child = match host(program, data_dir, setup).await? {
            Started::Host(child) => Some(child),
            Started::AlreadyRunning => None,
        };
        loop {
            let attached = attach().await;
            let late = Instant::now() >= deadline;
            match attached {
                Ok(attached) => return Ok((attached, child)),
                Err(error) if error.is_visited() && !late => {
                    sleep(step).await;
                    step = LONGEST_STEP.min(step * 2);
                }
                Err(error) if error.is_over() && !late => {
                    sleep(ATTACH_STEP).await;
                    break;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

fn failed(code: &str, message: &str) -> SpawnError {
    SpawnError::Start {
        code: code.to_owned(),
        message: message.to_owned(),
    }
}

/// Why a host that was started did not say that it stands.
#[derive(Debug, thiserror::Error)]
enum Unheard {
    #[error("it has no pipes")]
    NoPipes,
    #[error("its settings cannot be written: {0}")]
    Settings(#[from] serde_json::Error),
    #[error("it said something that is not understood; use the same version for both")]
    NotUnderstood,
    #[error("it ended before it stood")]
    Ended,
}

async fn talk(child: &mut Child, setup: &HostSetup) -> Result<HostReady, Unheard> {
    let (Some(mut stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(Unheard::NoPipes);
    };
    let mut line = Zeroizing::new(serde_json::to_vec(setup)?);
    line.push(b'\n');
    // A host that ends early does not read; what it says on stdout is then the better reason.
    let _ = stdin.write_all(&line).await;
    drop(stdin);
    let mut answer = String::new();
    let read = BufReader::new(stdout.take(LONGEST_LINE))
        .read_line(&mut answer)
        .await;
    match read {
        Ok(1..) => serde_json::from_str(&answer).map_err(|_| Unheard::NotUnderstood),
        _ => Err(Unheard::Ended),
    }
}

/// Ends a host that is of no use. It had no time to start anything of its own.
async fn end(mut child: Child) {
    let _ = child.kill().await;
}

/// Puts a log that has grown large aside as `<name>.1`, in the place of an older one. A host writes into
/// the file it was started with, so this is done before.
fn put_aside(path: &Path) -> std::io::Result<()> {
    match std::fs::metadata(path) {
        Ok(found) if found.len() > LARGEST_LOG => std::fs::rename(path, path.with_extension("log.1")),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

fn open_log(data_dir: &Path) -> Result<Stdio, SpawnError> {
    let path = log_path(data_dir);
    let file = |source| SpawnError::File {
        path: path.clone(),
        source,
    };
    if let Some(dir) = path.parent() {
        files::make_folder(dir).map_err(file)?;
    }
    put_aside(&path).map_err(file)?;
    let mut options = OpenOptions::new();
    let log = files::private(options.create(true).append(true))
        .open(&path)
        .map_err(file)?;
    Ok(log.into())
}

#[cfg(test)]
mod tests {
    use super::{LARGEST_LOG, open_log};

    #[test]
    fn a_large_log_is_put_aside_once_at_a_start() {
        let dir = tempfile::tempdir().unwrap();
        let logs = dir.path().join("logs");
        std::fs::create_dir(&logs).unwrap();
        let size = |name: &str| std::fs::metadata(logs.join(name)).map(|found| found.len()).ok();
        for large in [LARGEST_LOG + 1, LARGEST_LOG + 2] {
            std::fs::write(logs.join("host.log"), vec![b'x'; usize::try_from(large).unwrap()]).unwrap();
            drop(open_log(dir.path()).unwrap());
            assert_eq!((size("host.log"), size("host.log.1")), (Some(0), Some(large)));
        }
        std::fs::write(logs.join("host.log"), "small").unwrap();
        drop(open_log(dir.path()).unwrap());
        assert_eq!(size("host.log"), Some(5), "a small one goes on");
        assert_eq!(std::fs::read_dir(&logs).unwrap().count(), 2);
    }
}
