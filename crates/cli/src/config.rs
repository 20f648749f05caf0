//! `config`: show, check and change the configuration file, and confirm what it makes wider.

use crate::args::ConfigAction;
use crate::place::Place;
use crate::{CliError, Exit, screen};
use drawbridge_config::{
    Edited, InForce, Next, Problem, Settings, Shown, Store, Values, editor_command, has_errors, resolve,
};
use serde::Serialize;
use std::ffi::OsString;
use std::io::BufRead as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

mod accept;
pub(crate) mod set;

/// Where the file is.
pub(crate) fn path(named: Option<&Path>) -> Result<PathBuf, CliError> {
    let found = drawbridge_config::config_path(
        named,
        |name| std::env::var_os(name),
        dirs::config_dir().as_deref(),
    );
    let path = found.ok_or(CliError::NoConfigDir)?;
    std::path::absolute(&path).map_err(|source| CliError::File { path, source })
}

pub(crate) async fn run(place: &Place, file: &Path, action: ConfigAction) -> Result<Exit, CliError> {
    match action {
        ConfigAction::Path => {
            screen::line(&file.display().to_string())?;
            Ok(Exit::Done)
        }
        ConfigAction::Check => check(file),
        ConfigAction::Show(args) => show(file, &place.data_dir, args.json),
        ConfigAction::Set { key, value } => set::set(file, &key, &value),
        ConfigAction::Unset { key } => set::unset(file, &key),
        ConfigAction::Edit => edit(file),
        ConfigAction::Accept { yes } => accept::run(place, yes).await,
    }
}

fn check(file: &Path) -> Result<Exit, CliError> {
    let name = file.display().to_string();
    let problems = match drawbridge_config::read_bounded(file) {
        Ok(None) => {
            screen::line("there is no file, so the defaults count")?;
            return Ok(Exit::Done);
        }
        Ok(Some(bytes)) => drawbridge_config::parse_bytes(&bytes, &name).1,
        Err(problem) => vec![*problem],
    };
    tell(&problems);
    if has_errors(&problems) {
        return Ok(Exit::Failed);
    }
    screen::line("the file is right")?;
    Ok(Exit::Done)
}

/// What `config show --json` prints.
#[derive(Serialize)]
struct Report {
    file: PathBuf,
    from: InForce,
    problems: Vec<Problem>,
    keys: Vec<Shown>,
}

fn show(file: &Path, data_dir: &Path, json: bool) -> Result<Exit, CliError> {
    let store = Store::open(file, data_dir, now());
    let state = store.state();
    let resolved = resolved(&Values::default(), &store, |name| std::env::var_os(name));
    let mut problems = state.problems.clone();
    problems.extend(resolved.1);
    let keys = drawbridge_config::show(&resolved.0);
    if json {
        let (file, from) = (state.file.clone(), state.from);
        screen::json(&Report {
            file,
            from,
            problems,
            keys,
        })?;
        return Ok(Exit::Done);
    }
    tell(&problems);
    let mut text = format!("# {}: {}\n", file.display(), in_words(state.from));
    for row in keys {
        let value = row.value.map_or_else(
            || format!("({})", row.otherwise.unwrap_or_default()),
            |value| format!("= {value}"),
        );
        text.push_str(&format!("{} {value}  # {}\n", row.key, row.origin));
    }
    screen::out(&text)?;
    Ok(Exit::Done)
}

fn in_words(from: InForce) -> &'static str {
    match from {
        InForce::File => "the file counts",
        InForce::LastGood => "the file is wrong; what it said when it was last right counts",
        InForce::Defaults => "there is no file; the defaults count",
        InForce::NarrowedDefaults => {
            "the file is wrong; the defaults count, and of the file what narrows them"
        }
    }
}

fn edit(file: &Path) -> Result<Exit, CliError> {
    if !screen::can_ask() {
        return Err(CliError::Usage(
            "config edit needs a terminal; use config set, or write the file and run config check".to_owned(),
        ));
    }
    let run = |copy: &Path| {
        editor_command(|name| std::env::var_os(name), copy)
            .status()
            .map(|status| status.success())
    };
    let ask = |problems: &[Problem]| {
        tell(problems);
        screen::note("edit again? [Y/n] ");
        let mut answer = String::new();
        match std::io::stdin().lock().read_line(&mut answer) {
            Ok(read) if read > 0 && !answer.trim().to_lowercase().starts_with('n') => Next::Again,
            _ => Next::GiveUp,
        }
    };
    let (text, exit) = match drawbridge_config::edit(file, run, ask)? {
        Edited::Written => ("written", Exit::Done),
        Edited::Unchanged => ("nothing was changed", Exit::Done),
        Edited::GivenUp => ("the file is as it was", Exit::Failed),
    };
    screen::line(text)?;
    Ok(exit)
}

fn tell(problems: &[Problem]) {
    for problem in problems {
        screen::note_line(&format!("{problem}\n"));
    }
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

fn resolved(
    flags: &Values,
    store: &Store,
    variable: impl Fn(&str) -> Option<OsString>,
) -> (Settings, Vec<Problem>) {
    let state = store.state();
    let resolved = resolve(
        flags,
        variable,
        &state.in_force,
        &state.file.display().to_string(),
    );
    (resolved.settings, resolved.problems)
}
