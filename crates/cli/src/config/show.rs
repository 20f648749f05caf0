//! `config show` and `config check`: the file as a host reads it, and what a host that runs makes of it.

use super::{now, tell};
use crate::place::Place;
use crate::{CliError, Exit, screen};
use drawbridge_config::{
    Config, InForce, Problem, Resolved, Security, Shown, Store, Values, has_errors, resolve_usable, show,
};
use drawbridge_consent::visible_line;
use drawbridge_control::{ControlClient, ControlError};
use drawbridge_wire::buses::{ConfigInForce, ConfigView, WideningView};
use serde::Serialize;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

const COMMAND: &str = "drawbridge config accept";

/// What `config show --json` prints.
#[derive(Serialize)]
struct Report {
    file: PathBuf,
    from: InForce,
    /// Whether a host runs that reads this file; without one it is not known what waits.
    host_runs: bool,
    problems: Vec<Problem>,
    keys: Vec<Row>,
}

/// A key with its value, and what a host that runs waits for.
#[derive(Serialize)]
struct Row {
    #[serde(flatten)]
    shown: Shown,
    waits: Option<Waits>,
}

#[derive(Serialize)]
struct Waits {
    in_force: String,
    wanted: String,
    command: &'static str,
}

/// The file is checked as it is: what variables say does not matter for that.
pub(super) fn check(file: &Path, data_dir: &Path) -> Result<Exit, CliError> {
    let Some(problems) = wrong_with(file, data_dir) else {
        screen::line("there is no file, so the defaults count")?;
        return Ok(Exit::Done);
    };
    tell(&problems);
    if has_errors(&problems) {
        screen::note_line(in_words(Store::look(file, data_dir, now()).state().from));
        return Ok(Exit::Failed);
    }
    screen::line(if problems.is_empty() {
        "the file is right"
    } else {
        "the file counts, except for what the warnings name"
    })?;
    Ok(Exit::Done)
}

/// Everything that is wrong with the file, also what only this computer can tell; `None` when there is none.
pub(crate) fn wrong_with(file: &Path, data_dir: &Path) -> Option<Vec<Problem>> {
    let name = file.display().to_string();
    let (config, mut problems) = match drawbridge_config::read_bounded(file) {
        Ok(None) => return None,
        Ok(Some(bytes)) => drawbridge_config::parse_bytes(&bytes, &name),
        Err(problem) => (None, vec![*problem]),
    };
    if let Some(config) = config {
        problems.extend(resolved(&config, &name, data_dir, |_| None).0.problems);
    }
    Some(problems)
}

/// Shows every key with its value, who gave it, and whether it waits.
pub(super) async fn run(place: &Place, file: &Path, json: bool) -> Result<Exit, CliError> {
    let store = Store::look(file, &place.data_dir, now());
    let state = store.state();
    let name = file.display().to_string();
    let (found, _) = resolved(&state.in_force, &name, &place.data_dir, |name| {
        std::env::var_os(name)
    });
    let Resolved {
        settings,
        problems: more,
    } = found;
    let host = of_host(place, file).await?;
    let mut problems = state.problems.clone();
    problems.extend(more);
    let waiting = host.as_ref().map_or(&[][..], |view| &view.waiting);
    let report = Report {
        file: state.file.clone(),
        from: host.as_ref().map_or(state.from, |view| from(view.in_force)),
        host_runs: host.is_some(),
        problems,
        keys: show(&settings)
            .into_iter()
            .map(|shown| Row {
                waits: waiting.iter().find(|wider| wider.key == shown.key).map(waits),
                shown,
            })
            .collect(),
    };
    if json {
        screen::json(&report)?;
        return Ok(Exit::Done);
    }
    tell(&report.problems);
    screen::out(&text(&report))?;
    Ok(Exit::Done)
}

fn text(report: &Report) -> String {
    let file = visible_line(&report.file.to_string_lossy());
    let mut text = format!("# {file}: {}\n", in_words(report.from));
    if !report.host_runs {
        text.push_str(&format!(
            "# no host runs with this file: a security setting that goes past what was last confirmed will wait \
             for `{COMMAND}`\n"
        ));
    }
    for Row { shown, waits } in &report.keys {
        let value = match &shown.value {
            Some(value) => format!("= {value}"),
            None => format!("({})", shown.otherwise.unwrap_or_default()),
        };
        let waits = waits.as_ref().map_or_else(String::new, |waits| {
            format!(
                "; in force is {}; waits: {}",
                visible_line(&waits.in_force),
                waits.command
            )
        });
        text.push_str(&format!("{} {value}  # {}{waits}\n", shown.key, shown.origin));
    }
    text
}

fn waits(wider: &WideningView) -> Waits {
    Waits {
        in_force: wider.from.clone(),
        wanted: wider.to.clone(),
        command: COMMAND,
    }
}

/// What a host that runs says of this very file.
pub(super) async fn of_host(place: &Place, file: &Path) -> Result<Option<ConfigView>, CliError> {
    match ControlClient::connect(&place.data_dir, "drawbridge config", false).await {
        Ok(mut client) => {
            let view = client.snapshot().await?.config;
            Ok(view.filter(|view| view.file == file))
        }
        Err(ControlError::NotRunning(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn from(view: ConfigInForce) -> InForce {
    match view {
        ConfigInForce::File => InForce::File,
        ConfigInForce::LastGood => InForce::LastGood,
        ConfigInForce::Defaults => InForce::Defaults,
        ConfigInForce::NarrowedDefaults => InForce::NarrowedDefaults,
    }
}

fn in_words(from: InForce) -> &'static str {
    match from {
        InForce::File => "the file counts",
        InForce::LastGood => {
            "the file is wrong; the last good configuration stays in force until it is right"
        }
        InForce::Defaults => "there is no file; the defaults count",
        InForce::NarrowedDefaults => {
            "the file is wrong, and no host ever had a good one here; until it is right the defaults count, and of \
             the file what narrows them"
        }
    }
}

/// Variables over a configuration over the defaults, as a host on this computer sees it, with all it says of
/// them, and the security settings it would load.
pub(super) fn resolved(
    config: &Config,
    file: &str,
    data_dir: &Path,
    variable: impl Fn(&str) -> Option<OsString>,
) -> (Resolved, Security) {
    let search = std::env::var_os("PATH");
    let mut resolved = resolve_usable(
        &Values::default(),
        variable,
        config,
        file,
        std::env::home_dir().as_deref(),
        |name, path| drawbridge_host::why_not(name, path, search.as_deref()),
    );
    let environment: Vec<_> = std::env::vars_os().collect();
    let (security, bad_roots) =
        drawbridge_host::security_here(&resolved.settings, config, data_dir, &environment);
    resolved.problems.extend(bad_roots);
    (resolved, security)
}
