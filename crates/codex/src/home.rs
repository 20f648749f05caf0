//! Where codex keeps its state.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// Why there is no usable state folder.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum HomeError {
    /// `CODEX_HOME` names something that is not there.
    #[error("CODEX_HOME points to {}, which does not exist; create that folder or unset CODEX_HOME", .0.display())]
    Missing(PathBuf),
    /// The folder's place is taken by something else.
    #[error("{} must be a folder for codex's state, but is none; move it away or set CODEX_HOME to a folder", .0.display())]
    NotADirectory(PathBuf),
    /// It cannot be looked at.
    #[error("codex's state folder {} cannot be read ({reason}); check its permissions or set CODEX_HOME", path.display())]
    Unreadable {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// `CODEX_HOME` is relative, so it would mean another folder for each working directory.
    #[error("CODEX_HOME is the relative path {}; set it to an absolute one", .0.display())]
    Relative(PathBuf),
    /// Nothing says where the user's home is.
    #[error("there is no home directory to keep codex's state in; set CODEX_HOME to an existing folder")]
    NoHome,
}

impl HomeError {
    /// Stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            HomeError::Missing(_) => "codex_home_missing",
            HomeError::NotADirectory(_) => "codex_home_not_a_directory",
            HomeError::Unreadable { .. } => "codex_home_unreadable",
            HomeError::Relative(_) => "codex_home_relative",
            HomeError::NoHome => "no_home",
        }
    }
}

/// The folder that codex will use with this environment. One that `CODEX_HOME` names must exist; the
/// default one (`.codex` in the home directory) may be missing, codex makes it.
///
/// # Errors
/// When the folder cannot be used, with its path.
pub fn codex_home(env: &[(OsString, OsString)]) -> Result<PathBuf, HomeError> {
    if let Some(set) = variable(env, "CODEX_HOME") {
        let path = PathBuf::from(set);
        if path.is_relative() {
            return Err(HomeError::Relative(path));
        }
        return if is_there(&path)? {
            Ok(path)
        } else {
            Err(HomeError::Missing(path))
        };
    }
    let home = variable(env, if cfg!(windows) { "USERPROFILE" } else { "HOME" }).ok_or(HomeError::NoHome)?;
    let path = Path::new(home).join(".codex");
    is_there(&path)?;
    Ok(path)
}

/// Set and not empty: codex takes an empty one for unset.
fn variable<'a>(env: &'a [(OsString, OsString)], name: &str) -> Option<&'a OsStr> {
    let set = env
        .iter()
        .rev()
        .find(|(n, _)| n == name)
        .map(|(_, value)| value.as_os_str());
    set.filter(|value| !value.is_empty())
}

fn is_there(path: &Path) -> Result<bool, HomeError> {
    use std::io::ErrorKind::{NotADirectory, NotFound};
    match std::fs::metadata(path) {
        Ok(found) if found.is_dir() => Ok(true),
        Ok(_) => Err(HomeError::NotADirectory(path.to_owned())),
        Err(e) if matches!(e.kind(), NotFound | NotADirectory) => Ok(false),
        Err(e) => Err(HomeError::Unreadable {
            path: path.to_owned(),
            reason: e.to_string(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(vars: &[(&str, &Path)]) -> Vec<(OsString, OsString)> {
        vars.iter()
            .map(|(n, v)| (OsString::from(n), v.as_os_str().to_owned()))
            .collect()
    }

    // proves S5.44
    #[test]
    fn a_set_home_must_be_an_existing_folder() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        let missing = dir.path().join("missing");
        let ask = |path: &Path| codex_home(&env(&[("HOME", dir.path()), ("CODEX_HOME", path)]));

        assert_eq!(ask(dir.path()).unwrap(), dir.path());
        for (path, expected) in [
            (&missing, HomeError::Missing(missing.clone())),
            (&file, HomeError::NotADirectory(file.clone())),
            (&file.join("below"), HomeError::Missing(file.join("below"))),
            (
                &PathBuf::from("some/where"),
                HomeError::Relative("some/where".into()),
            ),
        ] {
            let error = ask(path).unwrap_err();
            assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
            assert_eq!(error, expected);
        }
    }

    // proves S5.44
    #[cfg(unix)]
    #[test]
    fn the_default_is_in_the_home_directory_and_may_be_missing_but_no_file() {
        let dir = tempfile::tempdir().unwrap();
        let default = dir.path().join(".codex");
        let home = env(&[("HOME", dir.path()), ("CODEX_HOME", Path::new(""))]);
        assert_eq!(codex_home(&home).unwrap(), default);
        std::fs::create_dir(&default).unwrap();
        assert_eq!(codex_home(&home).unwrap(), default);
        std::fs::remove_dir(&default).unwrap();
        std::fs::write(&default, "").unwrap();
        assert_eq!(codex_home(&home).unwrap_err(), HomeError::NotADirectory(default));
        assert_eq!(codex_home(&env(&[])).unwrap_err(), HomeError::NoHome);
    }
}
