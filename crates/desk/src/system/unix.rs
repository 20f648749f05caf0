//! Unix: the login shell, and what may be run.

use std::ffi::OsString;
use std::fs::Metadata;
use std::io;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncReadExt as _;

/// Longest a login shell may take.
const SHELL: Duration = Duration::from_secs(3);
/// Most that is read of what a login shell says.
const MOST: u64 = 256 * 1024;
/// What stands around the answer, so that greetings of the shell are told apart from it.
const MARK: &[u8] = b"\x01drawbridge\x01";

/// Where the login shell looks for programs.
pub(crate) async fn search_path(shell: Option<OsString>) -> Option<OsString> {
    ask_shell(&shell.unwrap_or_else(|| "/bin/sh".into())).await
}

pub(crate) async fn ask_shell(shell: &OsString) -> Option<OsString> {
    let mut child = tokio::process::Command::new(shell)
        .args(["-l", "-i", "-c"])
        .arg("printf '\\001drawbridge\\001%s\\001drawbridge\\001' \"$PATH\"")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .ok()?;
    let mut said = Vec::new();
    let mut stdout = child.stdout.take()?.take(MOST);
    let read = async {
        let mut chunk = [0_u8; 4096];
        // Until the answer is whole: what the shell started may keep the pipe open.
        while between_marks(&said).is_none() {
            match stdout.read(&mut chunk).await {
                Ok(count) if count > 0 => said.extend_from_slice(&chunk[..count]),
                _ => break,
            }
        }
    };
    let _ = tokio::time::timeout(SHELL, read).await;
    let _ = child.start_kill();
    between_marks(&said).filter(|path| !path.is_empty())
}

fn between_marks(said: &[u8]) -> Option<OsString> {
    let find = |from: usize| {
        let rest = said.get(from..)?;
        rest.windows(MARK.len())
            .position(|window| window == MARK)
            .map(|at| from + at)
    };
    let begin = find(0)? + MARK.len();
    let end = find(begin)?;
    Some(OsString::from_vec(said[begin..end].to_vec()))
}

/// Whether somebody may run this file.
pub(crate) fn may_be_run(found: &Metadata) -> bool {
    found.permissions().mode() & 0o111 != 0
}

/// Whether it could not be opened because it is a link.
pub(crate) fn is_link(error: &io::Error) -> bool {
    error.raw_os_error() == Some(nix::libc::ELOOP)
}
