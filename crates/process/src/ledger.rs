//! Which hosts of a data directory gave out which nonce, so that the next one finds what a killed one left.

use crate::proc::Process;
use crate::sweep::marker_nonce;
use crate::{SweepReport, proc, sweep_where};
use serde::{Deserialize, Serialize};
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A file of JSON lines in the data directory. One host owns it at a time (the data directory's lock).
#[derive(Debug, Clone)]
pub struct Ledger {
    path: PathBuf,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Line {
    nonce: String,
    owner: u32,
    owner_start: u64,
}

/// The ledger could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("the list of child processes {} cannot be used: {source}; check the permissions of its folder", path.display())]
pub struct LedgerError {
    path: PathBuf,
    source: io::Error,
}

impl LedgerError {
    /// Stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        "ledger_unusable"
    }
}

/// What earlier hosts had left behind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Leftovers {
    /// How many hosts had ended without cleaning up.
    pub dead_owners: usize,
    /// What was ended for them.
    pub report: SweepReport,
}

impl Ledger {
    /// A ledger at this path; nothing is read or written yet.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
        }
    }

    /// Writes down that this process gives out `nonce`. Before the first child is spawned.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn record(&self, nonce: &str) -> Result<(), LedgerError> {
        let owner = std::process::id();
        let owner_start = proc::start_time(owner).unwrap_or_default();
        let mut lines = self.read()?;
        lines.push(Line {
            nonce: nonce.to_owned(),
            owner,
            owner_start,
        });
        self.write(&lines)
    }

    /// Strikes out a nonce whose children are all gone.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn forget(&self, nonce: &str) -> Result<(), LedgerError> {
        let mut lines = self.read()?;
        lines.retain(|line| line.nonce != nonce);
        self.write(&lines)
    }

    /// Ends what the hosts that are no longer alive have left, and strikes them out unless something stays.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub async fn end_leftovers(&self, grace: Duration, force: Duration) -> Result<Leftovers, LedgerError> {
        let (alive, dead): (Vec<Line>, Vec<Line>) = self
            .read()?
            .into_iter()
            .partition(|line| proc::is_alive(line.owner, line.owner_start));
        if dead.is_empty() {
            return Ok(Leftovers::default());
        }
        let nonces: Vec<String> = dead.iter().map(|line| line.nonce.clone()).collect();
        let dead_owners = dead.len();
        let report = sweep_where(move |nonce| nonces.iter().any(|n| n == nonce), grace, force).await;
        if report.left.is_empty() {
            self.write(&alive)?;
        }
        Ok(Leftovers { dead_owners, report })
    }

    /// What the hosts that are no longer alive have left. Ends nothing.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn left_behind(&self) -> Result<Vec<Process>, LedgerError> {
        let mut dead = self.read()?;
        dead.retain(|line| !proc::is_alive(line.owner, line.owner_start));
        if dead.is_empty() {
            return Ok(Vec::new());
        }
        let of_them =
            |pid: u32| marker_nonce(pid).is_some_and(|nonce| dead.iter().any(|line| line.nonce == nonce));
        let mut left: Vec<Process> = proc::table().into_values().collect();
        left.retain(|process| !process.ended && of_them(process.pid));
        Ok(left)
    }

    /// Lines that cannot be read are skipped: a torn last line must not keep a host from starting.
    fn read(&self) -> Result<Vec<Line>, LedgerError> {
        match std::fs::read_to_string(&self.path) {
            Ok(text) => Ok(text
                .lines()
                .filter_map(|line| serde_json::from_str(line).ok())
                .collect()),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(source) => Err(self.error(source)),
        }
    }

    /// Replaces the file as a whole, so that a crash leaves the old or the new one.
    fn write(&self, lines: &[Line]) -> Result<(), LedgerError> {
        let mut text = String::new();
        for line in lines {
            text.push_str(&serde_json::to_string(line).map_err(|e| self.error(e.into()))?);
            text.push('\n');
        }
        let mut new = self.path.clone().into_os_string();
        new.push(".new");
        let written = || -> io::Result<()> {
            let mut options = OpenOptions::new();
            options.create(true).write(true).truncate(true);
            drawbridge_local::files::private(&mut options)
                .open(&new)?
                .write_all(text.as_bytes())?;
            std::fs::rename(&new, &self.path)
        };
        written().map_err(|e| self.error(e))
    }

    fn error(&self, source: io::Error) -> LedgerError {
        LedgerError {
            path: self.path.clone(),
            source,
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_living_stay_the_dead_are_struck_out_and_a_torn_line_is_skipped() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("children.jsonl");
        let ledger = Ledger::new(&path);
        ledger.record("mine").unwrap();
        let mine = std::fs::read_to_string(&path).unwrap();
        let me = std::process::id();
        // The same pid with another start time is another, dead process.
        assert_eq!(ledger.left_behind().unwrap(), Vec::new());
        let dead = format!("{{\"nonce\":\"theirs\",\"owner\":{me},\"owner_start\":1}}\n{{\"non");
        std::fs::write(&path, format!("{mine}{dead}")).unwrap();
        let done = ledger
            .end_leftovers(Duration::ZERO, Duration::from_secs(1))
            .await
            .unwrap();
        assert_eq!(
            done,
            Leftovers {
                dead_owners: 1,
                report: SweepReport::default()
            }
        );
        assert_eq!(std::fs::read_to_string(&path).unwrap(), mine);
        ledger.forget("mine").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "");
    }
}
