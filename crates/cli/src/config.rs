//! `config`: show, check and change the configuration file; and the file as the layer of `connect` below
//! flags and variables.

use crate::args::{ConfigAction, ConnectArgs};
use crate::{CliError, Exit, screen};
use drawbridge_config::{
    Edited, InForce, Name, Next, Problem, Settings, Shown, Store, UserPath, Value, Values, editor_command,
    has_errors, narrow, resolve, security_of,
};
use serde::Serialize;
use std::ffi::OsString;
use std::io::BufRead as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// Keys that the start of a host does not carry yet.
const NOT_YET: [Name; 6] = [
    Name::CodexHome,
    Name::Ceilings,
    Name::AnswerWithin,
    Name::UnattendedWithin,
    Name::SkillRoots,
    Name::LogLevel,
];

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

pub(crate) fn run(file: &Path, data_dir: &Path, action: ConfigAction) -> Result<Exit, CliError> {
    match action {
        ConfigAction::Path => {
            screen::line(&file.display().to_string())?;
            Ok(Exit::Done)
        }
        ConfigAction::Check => check(file),
        ConfigAction::Show(args) => show(file, data_dir, args.json),
        ConfigAction::Set { key, value } => {
            let value = drawbridge_config::set(file, &key, &value)?;
            screen::line(&format!("{key} = {value}"))?;
            Ok(Exit::Done)
        }
        ConfigAction::Unset { key } => {
            let was_there = drawbridge_config::unset(file, &key)?;
            screen::line(if was_there { "removed" } else { "it was not set" })?;
            Ok(Exit::Done)
        }
        ConfigAction::Edit => edit(file),
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

/// The codex executable that a variable or the file names.
pub(crate) fn codex_bin(
    file: &Path,
    data_dir: &Path,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Option<PathBuf> {
    let store = Store::open(file, data_dir, now());
    let (settings, _) = resolved(&Values::default(), &store, variable);
    match settings.values().get(Name::CodexBin) {
        Some(Value::Path(path)) => UserPath::expanded(path, dirs::home_dir().as_deref()),
        _ => None,
    }
}

/// The arguments of `connect` with what the file says where neither a flag nor a variable does, and what
/// the person should know about that. The file widens nothing: until a person can confirm its security
/// settings, the defaults count as confirmed, and a flag is a person's word for this start.
pub(crate) fn below(
    args: ConnectArgs,
    file: &Path,
    data_dir: &Path,
    variable: impl Fn(&str) -> Option<OsString>,
    current_dir: &Path,
) -> Result<(ConnectArgs, Vec<String>), CliError> {
    let store = Store::open(file, data_dir, now());
    if store.state().in_force.values().is_empty() && store.state().problems.is_empty() {
        return Ok((args, Vec::new()));
    }
    let mut notes: Vec<String> = store.state().problems.iter().map(Problem::to_string).collect();
    if has_errors(&store.state().problems) {
        notes.push(format!("{}: {}", file.display(), in_words(store.state().from)));
    }
    // What is wrong with a variable is said where it is used.
    let (settings, _) = resolved(&Values::default(), &store, variable);
    let home = dirs::home_dir();
    let said = |name: Name| {
        let by_file = matches!(settings.origin(name), drawbridge_config::Origin::File { .. });
        by_file.then(|| settings.values().get(name)).flatten()
    };
    let text = |name: Name| match said(name) {
        Some(Value::Text(text)) => Some(text.clone()),
        _ => None,
    };
    let place = |name: Name| match said(name) {
        Some(Value::Path(path)) => UserPath::expanded(path, home.as_deref()),
        _ => None,
    };
    let mut out = args;
    out.api = out.api.or_else(|| text(Name::BusApi));
    out.id = out.id.or_else(|| text(Name::HostId));
    out.name = out.name.or_else(|| text(Name::HostName));
    out.mcp_name = out.mcp_name.or_else(|| text(Name::McpName));
    out.mcp_url = out.mcp_url.or_else(|| text(Name::McpUrl));
    out.codex_bin = out.codex_bin.or_else(|| place(Name::CodexBin));
    out.ca = out.ca.or_else(|| place(Name::BusCaFile));
    out.app_server_port = out.app_server_port.or(match said(Name::AppServerPort) {
        Some(_) => settings.values().app_server_port(),
        None => None,
    });
    out.app_server_host = out.app_server_host.or_else(|| match said(Name::AppServerHost) {
        Some(Value::Address(address)) => Some(address.to_string()),
        _ => None,
    });
    let started_in = out
        .cwd
        .as_ref()
        .map_or_else(|| current_dir.to_owned(), |cwd| current_dir.join(cwd));
    out.cwd = out.cwd.or_else(|| place(Name::HostCwd));
    for name in NOT_YET {
        if said(name).is_some() {
            let key = name.key().path;
            notes.push(format!(
                "{key}: `connect` does not hand this to the host yet; it has no effect"
            ));
        }
    }
    narrowed(
        &mut out,
        &settings,
        &started_in,
        current_dir,
        home.as_deref(),
        &mut notes,
    )?;
    Ok((out, notes))
}

/// The security settings: the file may narrow what nobody gave a flag for.
fn narrowed(
    out: &mut ConnectArgs,
    settings: &Settings,
    started_in: &Path,
    current_dir: &Path,
    home: Option<&Path>,
    notes: &mut Vec<String>,
) -> Result<(), CliError> {
    let defaults = resolve(
        &Values::default(),
        |_| None,
        &drawbridge_config::Config::default(),
        "",
    )
    .settings;
    let (confirmed, _) = security_of(&defaults, started_in, home);
    let cwd = out
        .cwd
        .as_ref()
        .map_or_else(|| current_dir.to_owned(), |cwd| current_dir.join(cwd));
    let (loaded, problems) = security_of(settings, &cwd, home);
    notes.extend(problems.iter().map(Problem::to_string));
    let found = narrow(&confirmed, &loaded);
    let given = |key: &str| match key {
        "security.role" => out.role.is_some(),
        "security.answer" => out.answer.is_some(),
        "security.roots" => !out.root.is_empty(),
        _ => false,
    };
    for wider in found.waiting.iter().filter(|wider| !given(&wider.key)) {
        let flag = Name::of_path(&wider.key).and_then(|name| name.key().flag);
        let remedy = flag.map_or(String::new(), |flag| {
            format!("; give {flag} to have it for this start")
        });
        notes.push(format!(
            "{}: the file asks for {}, which nobody confirmed here; in force is {}{remedy}",
            wider.key, wider.to, wider.from
        ));
    }
    out.role = out.role.or(Some(found.in_force.role));
    out.answer = out.answer.or(Some(found.in_force.answer));
    if out.root.is_empty() {
        if found.in_force.roots.is_empty() && !confirmed.roots.is_empty() {
            return Err(CliError::NoConfirmedRoot);
        }
        out.root = found.in_force.roots;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
