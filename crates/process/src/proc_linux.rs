//! What `/proc` says about processes. Every read may find its process gone; that is an answer, no error.

use crate::MARKER_VARIABLE;
use std::collections::BTreeMap;
use std::io::Read as _;

pub use crate::seen::{MarkerSeen, Process, ancestors, descendants};

/// Environments larger than this are not read to the end; the kernel's own limit is lower by default.
const MAX_ENVIRON: u64 = 8 * 1024 * 1024;

/// The process with this id, if there is one.
#[must_use]
pub fn process(pid: u32) -> Option<Process> {
    let bytes = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
    parse_stat(&String::from_utf8_lossy(&bytes))
}

/// `pid (name) state ppid pgrp ... starttime`; the name may itself hold spaces and parentheses.
fn parse_stat(text: &str) -> Option<Process> {
    let (before, after) = text.rsplit_once(')')?;
    let (pid, name) = before.split_once('(')?;
    let fields: Vec<&str> = after.split_ascii_whitespace().collect();
    Some(Process {
        pid: pid.trim().parse().ok()?,
        parent: fields.get(1)?.parse().ok()?,
        group: fields.get(2)?.parse().ok()?,
        start_time: fields.get(19)?.parse().ok()?,
        name: name.to_owned(),
        ended: matches!(*fields.first()?, "Z" | "X"),
    })
}

/// Start time of a process, if it is there.
#[must_use]
pub fn start_time(pid: u32) -> Option<u64> {
    process(pid).map(|p| p.start_time)
}

/// Whether exactly this process is alive: same id, same start, not ended.
#[must_use]
pub fn is_alive(pid: u32, start_time: u64) -> bool {
    process(pid).is_some_and(|p| p.start_time == start_time && !p.ended)
}

/// Every process that can be seen, by id.
#[must_use]
pub fn table() -> BTreeMap<u32, Process> {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return BTreeMap::new();
    };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(process)
        .map(|p| (p.pid, p))
        .collect()
}

/// The real user of a process.
#[must_use]
pub fn user(pid: u32) -> Option<u32> {
    let status = std::fs::read(format!("/proc/{pid}/status")).ok()?;
    let status = String::from_utf8_lossy(&status);
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

/// Looks for the marker variable in a process's environment.
#[must_use]
pub fn marker(pid: u32) -> MarkerSeen {
    let Ok(file) = std::fs::File::open(format!("/proc/{pid}/environ")) else {
        return MarkerSeen::Unreadable;
    };
    let mut environ = Vec::new();
    match file.take(MAX_ENVIRON).read_to_end(&mut environ) {
        Ok(n) if (n as u64) < MAX_ENVIRON => find_marker(&environ),
        _ => MarkerSeen::Unreadable,
    }
}

fn find_marker(environ: &[u8]) -> MarkerSeen {
    let value = environ.split(|b| *b == 0).find_map(|variable| {
        variable
            .strip_prefix(MARKER_VARIABLE.as_bytes())?
            .strip_prefix(b"=")
            .map(String::from_utf8_lossy)
    });
    value.map_or(MarkerSeen::Absent, |v| MarkerSeen::Value(v.into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_and_spaces_is_read_whole() {
        let p = parse_stat(
            "42 (a) b (c) S 7 41 41 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 9001 1 1 18446744073709551615 1",
        );
        let p = p.unwrap();
        assert_eq!((p.pid, p.parent, p.group, p.start_time), (42, 7, 41, 9001));
        assert_eq!((p.name.as_str(), p.ended), ("a) b (c", false));
    }

    #[test]
    fn broken_lines_are_nothing() {
        for bad in [
            "",
            "1",
            "1 (x",
            "1 (x)",
            "1 (x) S",
            "x (x) S 1 1",
            "1 (x) S 1 1 1",
        ] {
            assert_eq!(parse_stat(bad), None, "{bad}");
        }
    }

    #[test]
    fn only_the_whole_name_is_the_marker() {
        let read = |text: &str| find_marker(text.as_bytes());
        assert_eq!(
            read("A=1\0DRAWBRIDGE_CHILD=n:agent\0B=2\0"),
            MarkerSeen::Value("n:agent".into())
        );
        assert_eq!(
            read("XDRAWBRIDGE_CHILD=n\0DRAWBRIDGE_CHILDREN=n\0A=DRAWBRIDGE_CHILD=n\0"),
            MarkerSeen::Absent
        );
        assert_eq!(read(""), MarkerSeen::Absent);
    }

    #[test]
    fn this_process_is_seen_as_it_is() {
        let me = process(std::process::id()).unwrap();
        assert!(is_alive(me.pid, me.start_time));
        assert!(!is_alive(me.pid, me.start_time + 1));
        assert_eq!(me.parent, std::os::unix::process::parent_id());
        assert!(ancestors(&table(), me.pid).contains(&me.parent));
    }
}
