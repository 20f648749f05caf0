//! `doctor`: looks at everything a host needs, and says what is wrong and what to do about it.
//!
//! Each part has two halves: one that looks and gives facts, and a pure one from facts to lines. All look at
//! once, each with a deadline; none needs a running host, none changes or ends anything that is not its own.

mod bus;
mod codex;
mod enrolled;
mod finding;
mod folders;
mod host;
#[cfg_attr(unix, path = "system/unix.rs")]
#[cfg_attr(windows, path = "system/windows.rs")]
mod system;
#[cfg(test)]
mod tests;
mod vault;

use crate::args::setup::{DEFAULT_API, PREFIXES};
use crate::args::{DoctorArgs, SubjectArgs};
use crate::place::Place;
use crate::secrets::Secrets;
use crate::{CliError, Exit, screen};
use bus::{Bus, Known};
use codex::{Failure, Handshake, Login, Sandbox, Starter, Version};
use drawbridge_config::{Name, UserPath, Value, parse_bytes, read_bounded};
use drawbridge_process::{Spawner, become_subreaper, new_nonce, scrub_environment, sweep};
use drawbridge_wire::Secret;
use drawbridge_wire::buses::{DisabledView, LinkView};
use enrolled::{Closed, Seen};
pub(crate) use finding::Examined;
use finding::{Check, Finding};
use folders::CodexHome;
use futures_util::future::join_all;
use host::Host;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a look at files and processes may take; a disk may hang.
const FILES: Duration = Duration::from_secs(6);
/// How long starting, asking and ending an app-server may take.
const CODEX: Duration = Duration::from_secs(15);
/// How long what was started here may take to go when asked, and by force.
const SWEEP: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(2));
/// Buses that are looked at.
const MOST_BUSES: usize = 16;

/// What is looked at.
pub(crate) struct Subject {
    place: Place,
    config_file: Option<PathBuf>,
    codex_bin: Option<PathBuf>,
    /// Named by flag, variable or file.
    api: Option<String>,
    ca_file: Option<PathBuf>,
    token: Option<Secret>,
}

impl Subject {
    /// Flags over variables over the file.
    pub(crate) fn of(
        place: &Place,
        config_file: Option<&Path>,
        args: &SubjectArgs,
        secrets: &Secrets,
    ) -> Self {
        let variable = |suffix: &str| {
            PREFIXES
                .iter()
                .find_map(|prefix| std::env::var(format!("{prefix}{suffix}")).ok())
                .filter(|value| !value.is_empty())
        };
        let bytes = config_file.and_then(|file| read_bounded(file).ok().flatten());
        let config = bytes
            .and_then(|bytes| parse_bytes(&bytes, "").0)
            .unwrap_or_default();
        let path = |name: Name| match config.values().get(name) {
            Some(Value::Path(path)) => UserPath::expanded(path, dirs::home_dir().as_deref()),
            _ => None,
        };
        let api = args.api.clone().or_else(|| variable("API"));
        let api = api.or_else(|| match config.values().get(Name::BusApi) {
            Some(Value::Text(api)) => Some(api.clone()),
            _ => None,
        });
        let variable_token = || {
            let mut prefixes = PREFIXES.iter();
            prefixes.find_map(|prefix| secrets.variable(&format!("{prefix}TOKEN")))
        };
        let token = secrets.flag("token").or_else(variable_token).cloned();
        // Who gives a token and no address means the one that `connect` would take.
        let api = api.or_else(|| token.is_some().then(|| DEFAULT_API.to_owned()));
        let codex_bin = args.codex_bin.clone();
        Self {
            place: place.clone(),
            config_file: config_file.map(Path::to_owned),
            codex_bin: codex_bin
                .or_else(|| variable("CODEX_BIN").map(PathBuf::from))
                .or_else(|| path(Name::CodexBin)),
            api,
            ca_file: args.ca.clone().or_else(|| path(Name::BusCaFile)),
            token,
        }
    }
}

impl Subject {
    /// Where the host keeps its things.
    pub(crate) fn data_dir(&self) -> &Path {
        &self.place.data_dir
    }

    /// Our configuration file.
    pub(crate) fn config_file(&self) -> Option<&Path> {
        self.config_file.as_deref()
    }
}

pub(crate) async fn run(subject: &Subject, args: &DoctorArgs) -> Result<Exit, CliError> {
    let examined = examine(subject).await?;
    if args.json {
        screen::json(&examined)?;
    } else {
        screen::out(&examined.text())?;
    }
    Ok(if examined.fail == 0 {
        Exit::Done
    } else {
        Exit::Failed
    })
}

/// Looks at everything.
pub(crate) async fn examine(subject: &Subject) -> Result<Examined, CliError> {
    let whole: Vec<(OsString, OsString)> = std::env::vars_os().collect();
    let env = scrub_environment(whole);
    let home = drawbridge_codex::codex_home(&env).ok();
    let (codex, around, files) = tokio::join!(
        Box::pin(codex_part(subject, &env)),
        Box::pin(around_host(subject, home.as_deref())),
        Box::pin(files_part(subject, &env)),
    );
    let mut findings = codex?;
    findings.extend(files);
    findings.extend(around);
    Ok(Examined::of(findings))
}

/// Runs what blocks, with a deadline.
async fn blocking<T: Send + 'static>(
    look: impl FnOnce() -> T + Send + 'static,
    judge: impl FnOnce(T) -> Finding,
    id: Check,
) -> Finding {
    match tokio::time::timeout(FILES, tokio::task::spawn_blocking(look)).await {
        Ok(Ok(facts)) => judge(facts),
        _ => late(id, FILES),
    }
}

fn late(id: Check, after: Duration) -> Finding {
    Finding::warn(
        id,
        format!("no answer within {} s", after.as_secs()),
        "a disk or service may hang; look again",
    )
}

async fn codex_part(subject: &Subject, env: &[(OsString, OsString)]) -> Result<Vec<Finding>, CliError> {
    let path = env
        .iter()
        .find(|(name, _)| name == "PATH")
        .map(|(_, value)| value);
    let found = drawbridge_codex::locate(subject.codex_bin.as_deref(), path.map(OsString::as_os_str));
    let home = drawbridge_codex::codex_home(env);
    let (Ok(binary), Ok(home)) = (&found, &home) else {
        return Ok(vec![
            match &found {
                Ok(binary) => Finding::ok(Check::Codex, binary.program.display().to_string()),
                Err(_) => codex::of_program(&found, &Version::Said(String::new())),
            },
            codex::of_handshake(&Handshake::NotTried),
            codex::of_login(&Login::NotAsked),
            codex::of_sandbox(&Sandbox::NotTried),
        ]);
    };
    // Without it, what codex detaches goes to init; the sweep finds it all the same.
    let _ = become_subreaper();
    let broken = |message: String| CliError::Host {
        code: "spawner",
        message,
    };
    let nonce = new_nonce().map_err(|error| broken(error.to_string()))?;
    let spawner = Spawner::start().map_err(|error| broken(error.to_string()))?;
    let cwd = home.ancestors().find(|at| at.is_dir()).unwrap_or(home);
    let starter = Starter {
        spawner: &spawner,
        nonce: &nonce,
        env,
        cwd,
    };
    let (version, handshake, sandbox) = tokio::join!(
        Box::pin(codex::version(&starter, binary)),
        tokio::time::timeout(CODEX, Box::pin(codex::handshake(&starter, binary))),
        Box::pin(codex::sandbox(&starter, binary)),
    );
    let (handshake, login) = handshake.unwrap_or_else(|_| {
        let late = Failure::NoAnswer(CODEX);
        (Handshake::Failed(late), Login::NotAsked)
    });
    let mut findings = vec![
        codex::of_program(&found, &version),
        codex::of_handshake(&handshake),
        codex::of_login(&login),
        codex::of_sandbox(&sandbox),
    ];
    let swept = sweep(&nonce, SWEEP.0, SWEEP.1).await;
    if !swept.left.is_empty() {
        findings.push(Finding::warn(
            Check::Leftovers,
            format!("what was started to look at codex does not end: {:?}", swept.left),
            "end these processes yourself",
        ));
    }
    Ok(findings)
}

async fn files_part(subject: &Subject, env: &[(OsString, OsString)]) -> Vec<Finding> {
    let data = subject.place.data_dir.clone();
    let config = subject.config_file.clone();
    let state = drawbridge_codex::codex_home(env).ok();
    let codex_home = {
        let env = env.to_vec();
        blocking(
            move || folders::codex_home(drawbridge_codex::codex_home(&env)),
            |found: CodexHome| folders::of_codex_home(&found),
            Check::CodexHome,
        )
    };
    let codex_config = async {
        let home = state.clone()?;
        let shown = home.clone();
        let look = move || folders::codex_config(&home);
        let judge = |problems: Vec<_>| folders::of_codex_config(&shown, &problems);
        Some(blocking(look, judge, Check::CodexConfig).await)
    };
    let config_file = {
        let (file, shown, data) = (config.clone(), config.clone(), data.clone());
        blocking(
            move || folders::config_file(file.as_deref(), &data),
            move |found| folders::of_config_file(shown.as_deref(), &found),
            Check::ConfigFile,
        )
    };
    let data_dir = {
        let (look, shown) = (data.clone(), data.clone());
        blocking(
            move || folders::data_dir(&look),
            move |found| folders::of_data_dir(&shown, &found),
            Check::DataDir,
        )
    };
    let insides = {
        let look = data.clone();
        blocking(
            move || folders::insides(&look),
            |found| folders::of_insides(&found),
            Check::Sockets,
        )
    };
    let identity = {
        let look = data.clone();
        blocking(
            move || drawbridge_host::identity_trouble(&look),
            |trouble| folders::of_identity(trouble.as_ref()),
            Check::Identity,
        )
    };
    let rooms = {
        let places: Vec<PathBuf> = [Some(data.clone()), state.clone()]
            .into_iter()
            .flatten()
            .collect();
        blocking(
            move || {
                places
                    .iter()
                    .map(|place| folders::room(place))
                    .collect::<Vec<_>>()
            },
            |rooms: Vec<folders::Room>| folders::of_rooms(&rooms),
            Check::Disk,
        )
    };
    let leftovers = {
        let look = data.clone();
        blocking(
            move || host::leftovers(&look),
            |found| host::of_leftovers(&found),
            Check::Leftovers,
        )
    };
    let (codex_home, codex_config, config_file, data_dir, identity, insides, rooms, leftovers) = tokio::join!(
        codex_home,
        codex_config,
        config_file,
        data_dir,
        identity,
        insides,
        rooms,
        leftovers
    );
    let mut out = vec![codex_home];
    out.extend(codex_config);
    out.extend([config_file, data_dir, identity, insides, rooms, leftovers]);
    out
}

/// What a running host knows better than we do.
async fn around_host(subject: &Subject, home: Option<&Path>) -> Vec<Finding> {
    let data_dir = &subject.place.data_dir;
    let (host, place) = tokio::join!(host::look(data_dir), vault::place(&subject.place.vault_key));
    let view = host.view();
    let mut out = host::findings(data_dir, &host);

    let kept = data_dir.clone();
    let kept = tokio::time::timeout(FILES, tokio::task::spawn_blocking(move || vault::files(&kept)));
    let other = async {
        let home = home?.to_owned();
        let shown = home.clone();
        let ours = view.map(|view| view.host.pid);
        let look = move || codex::others(&home, ours);
        let judge = |others| codex::of_others(&shown, &others);
        Some(blocking(look, judge, Check::OtherCodex).await)
    };
    let kept = async {
        let kept = kept.await.ok().and_then(Result::ok).unwrap_or_default();
        let seen = match &host {
            Host::Runs(_) => None,
            Host::None => {
                Some(enrolled::look(data_dir, &subject.place.vault_key, &place, kept.clone()).await)
            }
            Host::Trouble(_) if kept.is_empty() => Some(Seen::Nothing),
            Host::Trouble(_) => Some(Seen::Closed {
                files: kept.clone(),
                why: Closed::HostInTheWay,
            }),
        };
        let links = view.map(|view| view.links.as_slice()).unwrap_or_default();
        let buses = buses(subject, links, seen.as_ref());
        let looked = join_all(buses.into_iter().map(bus::look)).await;
        (kept, seen, looked)
    };
    let ((kept, seen, buses), other) = tokio::join!(kept, other);
    out.push(vault::of_place(&place, !kept.is_empty()));
    out.extend(view.map(|view| vault::of_host(&view.vault)));
    out.extend(seen.as_ref().map(enrolled::of_vault));
    out.extend(other);
    let not_looked_at = seen.as_ref().map(enrolled::not_looked_at).unwrap_or_default();
    if buses.is_empty() && not_looked_at.is_empty() {
        out.push(Finding::ok(
            Check::Bus,
            "none to look at: this computer is enrolled nowhere, and none was named with --api",
        ));
    }
    out.extend(not_looked_at);
    out.extend(buses.iter().flat_map(bus::findings));
    out
}

/// Those of the host or the vault, and the one that was named here.
///
/// Whom a bus of the host or the vault is taken for is decided by what is kept with it, as the host does: an
/// authority of the configuration file, or of a flag, must not get a token that it was not enrolled with.
fn buses(subject: &Subject, links: &[LinkView], seen: Option<&Seen>) -> Vec<Bus> {
    let of_host = links.iter().map(|link| Bus {
        name: link.bus.clone(),
        api: link.api.clone(),
        ca_file: link.ca_file.clone(),
        token: None,
        known: Known::ByHost(Box::new(link.clone())),
    });
    let enrollments = match seen {
        Some(Seen::Read { enrollments, .. }) => enrollments.as_slice(),
        _ => &[],
    };
    let of_vault = enrollments.iter().map(|kept| Bus {
        name: kept.name.clone(),
        api: kept.api_origin.clone(),
        ca_file: kept.ca_file.clone(),
        // One that is off or ended is not shown its token.
        token: (kept.on && kept.disabled.is_none()).then(|| kept.token.clone()),
        known: Known::InVault {
            on: kept.on,
            disabled: kept.disabled.as_ref().map(|disabled| DisabledView {
                reason: disabled.reason.clone(),
                at_ms: disabled.at.map(|secs| secs.saturating_mul(1000)),
            }),
        },
    });
    let mut out: Vec<Bus> = of_host.chain(of_vault).take(MOST_BUSES).collect();
    if let Some(api) = &subject.api
        && !out
            .iter()
            .any(|bus| bus.api.trim_end_matches('/') == api.trim_end_matches('/'))
    {
        let name = drawbridge_connector::api_url(api, &[]).map_or_else(
            |_| "the address given".to_owned(),
            |url| drawbridge_connector::place(&url),
        );
        out.push(Bus {
            name,
            api: api.clone(),
            ca_file: subject.ca_file.clone(),
            token: subject.token.clone(),
            known: Known::Not,
        });
    }
    out
}
