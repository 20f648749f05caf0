//! Where things are for an app that was not started from a terminal.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncReadExt;

/// Name of the slim program.
const HOST: &str = "drawbridge";
/// Longest a login shell may take.
const SHELL: Duration = Duration::from_secs(3);
/// Most that is read of what a login shell says.
const MOST: u64 = 256 * 1024;
/// What stands around the answer, so that greetings of the shell are told apart from it.
const MARK: &[u8] = b"\x01drawbridge\x01";

/// The data directory: named, or that of the user.
#[must_use]
pub fn data_dir(named: Option<OsString>, local: Option<PathBuf>) -> Option<PathBuf> {
    named
        .filter(|dir| !dir.is_empty())
        .map(PathBuf::from)
        .or_else(|| local.map(|dir| dir.join("drawbridge")))
        .and_then(|dir| std::path::absolute(dir).ok())
}

/// The slim program beside `this` one.
#[must_use]
pub fn host_program(this: &Path) -> PathBuf {
    this.with_file_name(format!("{HOST}{}", std::env::consts::EXE_SUFFIX))
}

/// Where the login shell looks for programs. None when this was started from a terminal, which has it
/// already, or when the shell does not say.
pub async fn login_search_path(shell: Option<OsString>) -> Option<OsString> {
    if std::io::stdin().is_terminal() {
        return None;
    }
    let login = ask_shell(&shell.unwrap_or_else(|| "/bin/sh".into())).await?;
    Some(with_ours(login, std::env::var_os("PATH")))
}

/// What the shell says first, then what this process has besides.
fn with_ours(login: OsString, ours: Option<OsString>) -> OsString {
    let mut all: Vec<PathBuf> = Vec::new();
    let ours = ours.unwrap_or_default();
    for folder in std::env::split_paths(&login).chain(std::env::split_paths(&ours)) {
        if !folder.as_os_str().is_empty() && !all.contains(&folder) {
            all.push(folder);
        }
    }
    std::env::join_paths(all).unwrap_or(login)
}

async fn ask_shell(shell: &OsString) -> Option<OsString> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_directory_is_the_one_that_was_named() {
        let local = || Some(PathBuf::from("/l"));
        assert_eq!(data_dir(Some("/n".into()), local()), Some("/n".into()));
        assert_eq!(data_dir(Some("".into()), local()), Some("/l/drawbridge".into()));
        assert_eq!(data_dir(None, None), None);
    }

    #[test]
    fn the_slim_program_is_beside_this_one() {
        let found = host_program(Path::new("/opt/x/drawbridge-desktop"));
        assert_eq!(found.parent(), Some(Path::new("/opt/x")));
        assert!(found.file_stem().is_some_and(|name| name == "drawbridge"));
    }

    #[test]
    fn what_the_shell_says_comes_first_and_nothing_is_lost() {
        let joined = with_ours("/own/bin:/usr/bin".into(), Some("/usr/bin::/opt/x".into()));
        assert_eq!(joined, "/own/bin:/usr/bin:/opt/x");
        assert_eq!(with_ours("/a".into(), None), "/a");
    }

    #[tokio::test]
    async fn a_login_shell_says_its_path_between_whatever_else_it_says() {
        let dir = tempfile::tempdir().unwrap();
        let shell = dir.path().join("shell");
        std::fs::write(
            &shell,
            "#!/bin/sh\necho welcome\nPATH=/own/bin:/usr/bin:/bin\nshift 3\neval \"$1\"\necho bye\n",
        )
        .unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        std::fs::set_permissions(&shell, mode).unwrap();
        // Another test may be forking while the script is open for writing (ETXTBSY): not our trouble.
        let mut found = None;
        for _ in 0..50 {
            found = ask_shell(&shell.clone().into_os_string()).await;
            if found.is_some() {
                break;
            }
        }
        assert_eq!(found, Some("/own/bin:/usr/bin:/bin".into()));
    }

    #[tokio::test]
    async fn a_shell_that_says_nothing_changes_nothing() {
        assert_eq!(ask_shell(&"/bin/false".into()).await, None);
        assert_eq!(ask_shell(&"/nowhere/shell".into()).await, None);
    }
}
