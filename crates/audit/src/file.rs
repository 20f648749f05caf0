//! The file.

use crate::{Entry, Record};
use drawbridge_local::files;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

/// The record could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("the record {} cannot be opened: {source}; check the permissions of its folder", path.display())]
pub struct AuditError {
    path: PathBuf,
    source: io::Error,
}

impl AuditError {
    /// Stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        "audit_unwritable"
    }
}

/// A file of the record that would grow beyond this is put aside, in bytes: months of a computer that is used.
const LARGEST: u64 = 16 * 1024 * 1024;
/// How many files are kept that were put aside.
const KEPT: u32 = 4;

/// The open record. One host writes it (the data directory's lock sees to that).
#[derive(Debug)]
pub struct Audit {
    path: PathBuf,
    file: File,
    /// How long the file is.
    len: u64,
    largest: u64,
    /// The file ends in the middle of a line: a crash or a full disk cut it.
    torn: bool,
}

impl Audit {
    /// Opens the record for appending; it is readable by its owner only, and stays what it was.
    ///
    /// # Errors
    /// When it cannot be opened or made private.
    pub fn open(path: &Path) -> Result<Self, AuditError> {
        Self::open_as(path, LARGEST)
    }

    fn open_as(path: &Path, largest: u64) -> Result<Self, AuditError> {
        Self::open_file(path, largest).map_err(|source| AuditError {
            path: path.to_owned(),
            source,
        })
    }

    fn open_file(path: &Path, largest: u64) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.create(true).read(true).append(true);
        let mut file = files::private(&mut options).open(path)?;
        files::close(&file)?;
        let mut last = [b'\n'];
        let len = file.metadata()?.len();
        if len > 0 {
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
        }
        Ok(Self {
            path: path.to_owned(),
            file,
            len,
            largest,
            torn: last != [b'\n'],
        })
    }

    /// Appends one line with one write, so that a line is there whole or not at all. A line that was cut
    /// before is closed first and never runs into the next.
    ///
    /// # Errors
    /// When the line could not be written; whoever decides on it must not act as if it were.
    pub fn append(&mut self, now_ms: u64, entry: &Entry) -> io::Result<()> {
        let mut line = if self.torn { vec![b'\n'] } else { Vec::new() };
        serde_json::to_writer(&mut line, &Record { at_ms: now_ms, entry })?;
        line.push(b'\n');
        let more = u64::try_from(line.len()).unwrap_or(u64::MAX);
        if self.len > 0 && self.len.saturating_add(more) > self.largest {
            self.turn_over();
            if line.first() == Some(&b'\n') && !self.torn {
                line.remove(0);
            }
        }
        let written = self.file.write_all(&line);
        self.len = self.len.saturating_add(more);
        // After a failure nobody knows how much of the line is there.
        self.torn = written.is_err();
        written
    }

    /// Puts the file aside and begins a new one. Where that fails the record goes on in the old one: a line
    /// too many is better than one that is missing.
    fn turn_over(&mut self) {
        let turned = || -> io::Result<Self> {
            // Without it the files before were moved already, and this one is the first of them.
            let there = self.path.try_exists()?;
            for n in (1..KEPT).rev().filter(|_| there) {
                match std::fs::rename(aside(&self.path, n), aside(&self.path, n + 1)) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
            }
            match std::fs::rename(&self.path, aside(&self.path, 1)) {
                // Put aside before, when no new one could be opened.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                other => other?,
            }
            Self::open_file(&self.path, self.largest)
        };
        match turned() {
            Ok(new) => *self = new,
            Err(_) => self.len = 0,
        }
    }
}

/// Where the file lies that was put aside so many files ago.
fn aside(path: &Path, n: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{n}"));
    name.into()
}

/// The end of the record, at most so many bytes: also of the file that was put aside last, where the newest
/// has fewer. Its first line may be a part of one. Nothing where there is no record.
///
/// # Errors
/// When it cannot be read.
pub fn newest(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let end = |path: &Path, most: u64| -> io::Result<Vec<u8>> {
        let mut file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other?,
        };
        let len = file.metadata()?.len();
        file.seek(SeekFrom::Start(len.saturating_sub(most)))?;
        let mut bytes = Vec::new();
        file.take(most).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let new = end(path, most)?;
    let left = most.saturating_sub(u64::try_from(new.len()).unwrap_or(u64::MAX));
    let mut bytes = end(&aside(path, 1), left)?;
    // One that was cut ends with a part of a line.
    if !new.is_empty() && bytes.last().is_some_and(|last| *last != b'\n') {
        bytes.push(b'\n');
    }
    bytes.extend(new);
    Ok(bytes)
}

#[cfg(test)]
mod tests;
