//! `config`: show, check and change the configuration file, and confirm what it makes wider.

use crate::args::ConfigAction;
use crate::place::{Place, absolute};
use crate::{CliError, Exit, screen};
use drawbridge_config::{Edited, Next, Problem, editor_command};
use std::io::BufRead as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

mod accept;
pub(crate) mod set;
mod show;
mod waits;

pub(crate) use show::wrong_with;

/// Where the file is.
pub(crate) fn path(named: Option<&Path>) -> Result<PathBuf, CliError> {
    let found = drawbridge_config::config_path(
        named,
        |name| std::env::var_os(name),
        dirs::config_dir().as_deref(),
    );
    let path = found.ok_or(CliError::NoConfigDir)?;
    absolute(path)
}

pub(crate) async fn run(place: &Place, file: &Path, action: ConfigAction) -> Result<Exit, CliError> {
    match action {
        ConfigAction::Path => {
            screen::line(&file.display().to_string())?;
            Ok(Exit::Done)
        }
        ConfigAction::Check => show::check(file, &place.data_dir),
        ConfigAction::Show(args) => show::run(place, file, args.json).await,
        ConfigAction::Set { key, value } => {
            let exit = set::set(file, &key, &value)?;
            waits::tell(place, file, &key).await;
            Ok(exit)
        }
        ConfigAction::Unset { key } => {
            let exit = set::unset(file, &key)?;
            waits::tell(place, file, &key).await;
            Ok(exit)
        }
        ConfigAction::Edit => edit(file, &place.data_dir),
        ConfigAction::Accept { yes } => accept::run(place, yes).await,
    }
}

fn edit(file: &Path, data_dir: &Path) -> Result<Exit, CliError> {
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
        Edited::Written => {
            // It counts; some of it may lead nowhere on this computer.
            tell(&wrong_with(file, data_dir).unwrap_or_default());
            ("written", Exit::Done)
        }
        Edited::Unchanged => ("nothing was changed", Exit::Done),
        Edited::GivenUp => ("the file is as it was", Exit::Failed),
    };
    screen::line(text)?;
    Ok(exit)
}

fn tell(problems: &[Problem]) {
    problems.iter().for_each(tell_one);
}

fn tell_one(problem: &Problem) {
    screen::note_line(&format!("{problem}\n"));
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
