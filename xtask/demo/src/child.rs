//! Programs the demo starts itself: marked, logged, ended.

use crate::hop::Failure;
use crate::places::Places;
use crate::sweep;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// A program that runs.
pub(crate) struct Running {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

/// A command with the demo's marker and without the user's own settings of Drawbridge.
pub(crate) fn marked(program: &Path, places: &Places) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let ours = [
            "FORGE_CODEX_CONNECTOR_",
            "CODEX_APP_CONNECTOR_",
            "CODEX_BUS_",
            "DRAWBRIDGE_",
        ];
        if ours.iter().any(|prefix| text.starts_with(prefix)) {
            command.env_remove(&name);
        }
    }
    command
        .env(sweep::MARKER, &places.id)
        .current_dir(&places.work)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

/// Starts `command`; what it writes goes to `<name>.log`.
pub(crate) fn start(name: &'static str, command: &mut Command, places: &Places) -> Result<Running, Failure> {
    let log = places.logs.join(format!("{name}.log"));
    let open = || std::fs::OpenOptions::new().create(true).append(true).open(&log);
    let stderr = open()
        .map_err(|e| Failure::new(format!("cannot write {} ({e})", log.display()), "check the disk"))?;
    command.stdout(Stdio::piped()).stderr(stderr);
    // Ctrl-C on the terminal goes to us alone; we take the rest down in order.
    #[cfg(unix)]
    command.process_group(0);
    let child = command.spawn().map_err(|e| {
        Failure::new(
            format!("cannot start {name} ({e})"),
            "run `cargo build -p drawbridge-cli`",
        )
    })?;
    Ok(Running { name, child, log })
}

impl Running {
    /// Waits for a line that contains `mark` and gives what follows it there. All lines go to the log.
    pub(crate) async fn wait_for_line(&mut self, mark: &str, limit: Duration) -> Result<String, Failure> {
        let Some(stdout) = self.child.stdout.take() else {
            return Err(Failure::new("its output is read twice", "report this"));
        };
        let mut lines = BufReader::new(stdout).lines();
        let log = self.log.clone();
        let found = timeout(limit, async {
            while let Ok(Some(line)) = lines.next_line().await {
                append(&log, &line);
                if let Some((_, rest)) = line.split_once(mark) {
                    return Some(rest.trim().to_owned());
                }
            }
            None
        })
        .await;
        tokio::spawn(copy(lines, self.log.clone()));
        match found {
            Ok(Some(rest)) => Ok(rest),
            Ok(None) => Err(Failure::new(
                format!("{} ended before it said `{mark}`", self.name),
                self.see_log(),
            )),
            Err(_) => Err(Failure::new(
                format!("{} did not say `{mark}` within {} s", self.name, limit.as_secs()),
                self.see_log(),
            )),
        }
    }

    /// Lets its output run into the log.
    pub(crate) fn log_output(&mut self) {
        if let Some(stdout) = self.child.stdout.take() {
            tokio::spawn(copy(BufReader::new(stdout).lines(), self.log.clone()));
        }
    }

    /// Whether it has ended, and how.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    pub(crate) fn see_log(&self) -> String {
        format!("see {}", self.log.display())
    }

    /// Its process id while it runs.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// Asks it to end and waits; kills it when it does not.
    pub(crate) async fn stop(&mut self, limit: Duration) -> Result<(), Failure> {
        if let Some(status) = self.ended() {
            return if status.success() {
                Ok(())
            } else {
                Err(Failure::new(
                    format!("{} had ended by itself ({status})", self.name),
                    self.see_log(),
                ))
            };
        }
        if let Some(pid) = self.child.id() {
            sweep::ask_to_end(pid);
        }
        match timeout(limit, self.child.wait()).await {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(Ok(status)) => Err(Failure::new(
                format!("{} ended with {status}", self.name),
                self.see_log(),
            )),
            Ok(Err(e)) => Err(Failure::new(
                format!("cannot wait for {} ({e})", self.name),
                self.see_log(),
            )),
            Err(_) => {
                let killed = self.child.kill().await.is_ok();
                let after = if killed { "killed" } else { "still there" };
                Err(Failure::new(
                    format!(
                        "{} did not end within {} s after SIGTERM ({after})",
                        self.name,
                        limit.as_secs()
                    ),
                    self.see_log(),
                ))
            }
        }
    }
}

async fn copy(mut lines: tokio::io::Lines<BufReader<tokio::process::ChildStdout>>, log: PathBuf) {
    while let Ok(Some(line)) = lines.next_line().await {
        append(&log, &line);
    }
}

fn append(log: &Path, line: &str) {
    if let Ok(mut file) = std::fs::OpenOptions::new().create(true).append(true).open(log) {
        let _ = writeln!(file, "{line}");
    }
}
