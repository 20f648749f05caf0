//! Paths of the file that lead nowhere on this computer.

use crate::layers::resolve;
use crate::words::quoted;
use crate::{Config, Name, Origin, Problem, Resolved, Settings, Values};
use std::ffi::OsString;
use std::path::Path;

/// Keys a host cannot start without a good value of.
const NEEDED: [Name; 3] = [Name::HostCwd, Name::CodexBin, Name::CodexHome];

/// As [`resolve`], but a folder or program of the file that cannot be used does not count: the default
/// does, and a problem says where. What a flag or a variable names is left as it is.
///
/// `why_not` says why a path cannot be used, as the end of a sentence that begins with it.
pub fn resolve_usable(
    flags: &Values,
    variable: impl Fn(&str) -> Option<OsString>,
    config: &Config,
    file: &str,
    home: Option<&Path>,
    why_not: impl Fn(Name, &Path) -> Option<String>,
) -> Resolved {
    let mut resolved = resolve(flags, &variable, config, file);
    let problems: Vec<(Name, Problem)> = NEEDED
        .into_iter()
        .filter_map(|name| {
            let why = why_not_of_file(&resolved.settings, name, home, &why_not)?;
            Some((name, told(config, name, file, &why)))
        })
        .collect();
    if problems.is_empty() {
        return resolved;
    }
    let usable = config.only(|name, _| problems.iter().all(|(wrong, _)| *wrong != name));
    resolved.settings = resolve(flags, &variable, &usable, file).settings;
    resolved
        .problems
        .extend(problems.into_iter().map(|(_, problem)| problem));
    resolved
}

fn why_not_of_file(
    settings: &Settings,
    name: Name,
    home: Option<&Path>,
    why_not: &impl Fn(Name, &Path) -> Option<String>,
) -> Option<String> {
    let Origin::File { .. } = settings.origin(name) else {
        return None;
    };
    let path = settings.values().path(name)?;
    let why = match path.expanded(home) {
        Some(expanded) => why_not(name, &expanded)?,
        None => "needs a home folder, and there is none".to_owned(),
    };
    Some(format!("{} {why}", quoted(&path.as_path().to_string_lossy())))
}

fn told(config: &Config, name: Name, file: &str, why: &str) -> Problem {
    let key = name.key();
    let instead = match key.default {
        Some(default) => default.trim_matches('"'),
        None => key.otherwise,
    };
    let message = format!("{}: {why}; {instead} counts instead", key.path);
    let what = if name == Name::CodexBin {
        "program"
    } else {
        "folder"
    };
    config
        .problem(name, file, "missing_path", message)
        .with_help(format!(
            "name a {what} that is there, or take the line out with `drawbridge config unset {}`",
            key.path
        ))
        .into_warning()
}
