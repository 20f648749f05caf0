//! Folders of the file that no remote client may have, told alike by the host and by whoever looks at the
//! file without one.

use crate::policy::{self, Guarded};
use drawbridge_codex::HomeError;
use drawbridge_config::{Config, Name, Origin, Problem, Security, Settings, security_of};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Why a remote client cannot have a folder, as the end of a sentence that begins with it.
pub(super) fn why_not(root: &Path, guarded: &[Guarded]) -> Option<String> {
    match policy::refused(root, guarded) {
        Some(why) => Some(why.strip_prefix("it ").unwrap_or(why).to_owned()),
        None if root.to_str().is_none() => Some("has a name that is not UTF-8".to_owned()),
        None => None,
    }
}

/// Folders that no remote may have.
pub(crate) fn guarded(home: Option<&Path>, codex_home: &Path, data_dir: &Path) -> Vec<Guarded> {
    let mut guarded: Vec<Guarded> = home
        .map(|home| (home.to_owned(), policy::HOME))
        .into_iter()
        .collect();
    guarded.push((codex_home.to_owned(), policy::CODEX_HOME));
    guarded.push((data_dir.to_owned(), policy::OWN_DATA));
    guarded
}

/// The folder that a host without an app-server keeps from remotes, although codex could not use it.
pub(crate) fn guarded_all_the_same(error: HomeError, data_dir: &Path) -> PathBuf {
    match error {
        HomeError::Missing(path)
        | HomeError::NotADirectory(path)
        | HomeError::Unreadable { path, .. }
        | HomeError::Relative(path) => path,
        HomeError::NoHome => data_dir.to_owned(),
    }
}

/// The security settings as a host with this data directory would load them, and what it would say of the
/// folders for remote clients. `config` is what the settings were read from. Where no folder is named and it
/// is not known where a host would work, there is nothing to say.
#[must_use]
pub fn security_here(
    settings: &Settings,
    config: &Config,
    data_dir: &Path,
    environment: &[(OsString, OsString)],
) -> (Security, Vec<Problem>) {
    let home = std::env::home_dir().filter(|home| home.is_absolute());
    let expanded = |name| settings.values().path(name)?.expanded(home.as_deref());
    let codex_home = match settings.origin(Name::CodexHome) {
        Origin::File { .. } => expanded(Name::CodexHome),
        _ => None,
    };
    let codex_home = codex_home.unwrap_or_else(|| {
        drawbridge_codex::codex_home(environment)
            .unwrap_or_else(|error| guarded_all_the_same(error, data_dir))
    });
    let guarded = guarded(home.as_deref(), &codex_home, data_dir);
    let cwd = expanded(Name::HostCwd);
    let known = cwd.is_some() || settings.values().paths(Name::Roots).is_some();
    let cwd = cwd.unwrap_or_else(|| PathBuf::from("/"));
    let (security, problems) = security_of(settings, config, &cwd, home.as_deref(), |root| {
        why_not(root, &guarded)
    });
    (security, if known { problems } else { Vec::new() })
}
