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

/// The open record. One host writes it (the data directory's lock sees to that).
#[derive(Debug)]
pub struct Audit {
    file: File,
    /// The file ends in the middle of a line: a crash or a full disk cut it.
    torn: bool,
}

impl Audit {
    /// Opens the record for appending; it is readable by its owner only, and stays what it was.
    ///
    /// # Errors
    /// When it cannot be opened or made private.
    pub fn open(path: &Path) -> Result<Self, AuditError> {
        Self::open_file(path).map_err(|source| AuditError {
            path: path.to_owned(),
            source,
        })
    }

    fn open_file(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.create(true).read(true).append(true);
        let mut file = files::private(&mut options).open(path)?;
        files::close(&file)?;
        let mut last = [b'\n'];
        if file.metadata()?.len() > 0 {
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
        }
        Ok(Self {
            file,
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
        let written = self.file.write_all(&line);
        // After a failure nobody knows how much of the line is there.
        self.torn = written.is_err();
        written
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Door, MAX_FOREIGN_CHARS, MAX_REASON_CHARS};
    use serde_json::{Value, json};

    fn lines(path: &Path) -> Vec<Value> {
        let text = std::fs::read_to_string(path).unwrap();
        text.lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()
    }

    fn stopped(reason: &str) -> Entry {
        Entry::HostStopped {
            reason: reason.into(),
        }
    }

    #[test]
    fn lines_are_whole_in_order_and_survive_reopening() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("audit.jsonl");
        let refused = Entry::RequestRefused {
            connection: 7,
            method: "fs/writeFile".into(),
            rule: "never".into(),
        };
        Audit::open(&path).unwrap().append(1, &refused).unwrap();
        let mut again = Audit::open(&path).unwrap();
        again
            .append(
                2,
                &Entry::Swept {
                    ended: 1,
                    left: vec![9],
                },
            )
            .unwrap();
        let opened = Entry::ConnectionOpened {
            connection: 8,
            door: Door::AppServer,
            bus: None,
            client: Some("codex-tui".into()),
            role: "local".into(),
            peer_pid: Some(4),
        };
        again.append(3, &opened).unwrap();
        let expected = [
            json!({"at_ms":1,"kind":"request_refused","connection":7,"method":"fs/writeFile","rule":"never"}),
            json!({"at_ms":2,"kind":"swept","ended":1,"left":[9]}),
            json!({"at_ms":3,"kind":"connection_opened","connection":8,"door":"app_server","client":"codex-tui",
                "role":"local","peer_pid":4}),
        ];
        assert_eq!(lines(&path), expected);
    }

    #[test]
    fn text_from_outside_is_cut_at_a_character_and_cannot_make_a_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("audit.jsonl");
        let method = format!(
            "a\n{{\"kind\":\"approval_answered\"}}\u{1b}[2J{}",
            "ß".repeat(100_000)
        );
        let mut audit = Audit::open(&path).unwrap();
        audit
            .append(
                1,
                &Entry::RequestRefused {
                    connection: 1,
                    method: method.clone(),
                    rule: "x".into(),
                },
            )
            .unwrap();
        audit.append(2, &stopped(&method)).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), 2);
        assert!(!text.contains('\u{1b}'));
        let lines = lines(&path);
        let chars = |at: usize, field: &str| lines[at][field].as_str().unwrap().chars().count();
        assert_eq!(chars(0, "method"), MAX_FOREIGN_CHARS);
        assert_eq!(chars(1, "reason"), MAX_REASON_CHARS);
    }

    #[test]
    fn a_line_cut_by_a_crash_does_not_swallow_the_next() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("audit.jsonl");
        std::fs::write(&path, "{\"at_ms\":1,\"ki").unwrap();
        let mut audit = Audit::open(&path).unwrap();
        audit.append(2, &stopped("a")).unwrap();
        audit.append(3, &stopped("b")).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), 3);
        assert_eq!(
            lines(&path)
                .iter()
                .map(|l| l["at_ms"].clone())
                .collect::<Vec<_>>(),
            [json!(2), json!(3)]
        );
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_reads_it_and_nothing_is_overwritten() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("audit.jsonl");
        std::fs::write(&path, "{\"at_ms\":1}\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let mut audit = Audit::open(&path).unwrap();
        audit.append(2, &stopped("x")).unwrap();
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(lines(&path).len(), 2);
        let missing = dir.path().join("no/such/audit.jsonl");
        let error = Audit::open(&missing).unwrap_err();
        assert!(error.to_string().contains("no/such"));
        assert_eq!(error.code(), "audit_unwritable");
    }
}
