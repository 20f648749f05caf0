//! Where things are for an app that was not started from a terminal.

use crate::system;
use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

/// Name of the slim program.
const HOST: &str = "drawbridge";
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
    let login = system::search_path(shell).await?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::ask_shell;

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
