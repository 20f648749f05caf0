//! `connect`: bring a host up or attach to one, keep it up, show what happens, ask about approvals.

use crate::args::ConnectArgs;
use crate::args::setup::host_setup;
use crate::place::Place;
use crate::secrets::Secrets;
use crate::system::StopSignal;
use crate::{CliError, Exit, screen};
use drawbridge_control::ControlClient;
use drawbridge_control::spawn::start;
use drawbridge_control::spawn::{self, Program};
use drawbridge_wire::WhoMayAnswer;
use std::time::Duration;
use terminal::Terminal;
use tokio::process::Child;
use tokio::time::{Instant, sleep};

pub(crate) mod prompt;
pub(crate) mod report;
mod session;
mod terminal;
mod writer;

/// The name under which this client answers.
const CLIENT: &str = "drawbridge connect";
/// A host that ended unasked this often in [`RESTART_WINDOW`] is not started again.
const RESTARTS: usize = 5;
/// See [`RESTARTS`].
const RESTART_WINDOW: Duration = Duration::from_secs(600);
/// Longest for the host to end after the last lease was given back.
const HOST_ENDS: Duration = Duration::from_secs(15);
/// Longest from the end of a host's socket to its own, when it breaks down.
const HOST_GOES: Duration = Duration::from_secs(2);

pub(crate) async fn run(place: &Place, args: &ConnectArgs, secrets: &Secrets) -> Result<Exit, CliError> {
    if let Some(who @ (WhoMayAnswer::Remote | WhoMayAnswer::Both)) = args.answer {
        screen::note_line(&format!(
            "WARNING: --answer {who}: remote clients may allow what the agent asks for. The bus and the \
             connector are trusted with these answers: whoever controls them can say yes."
        ));
    }
    let data_dir = place.data_dir.as_path();
    let mut stop = StopSignal::listen()?;
    let mut terminal = Terminal::new(screen::can_ask());
    let mut lines = if terminal.is_live() {
        Some(terminal::typed_lines())
    } else {
        None
    };
    let mut ended: Vec<Instant> = Vec::new();
    // The host that was started here, as long as it runs.
    let mut child: Option<Child> = None;
    loop {
        // Not given up half way: a host that has just been started must be told that nobody needs it.
        let client = bring_up(place, args, secrets, &mut terminal, &mut child).await?;
        match session::run(client, &mut terminal, lines.as_mut(), &mut stop).await? {
            session::End::Released { last } => {
                drop(terminal);
                if last {
                    wait_for_end(child).await;
                }
                return Ok(Exit::Done);
            }
            session::End::HostStopped => return Ok(Exit::Done),
            session::End::HostGone(why) => {
                let alive = still_runs(&mut child).await;
                let what = if alive {
                    "lost the connection to the host"
                } else {
                    "the host ended unasked"
                };
                terminal.news(&format!("{what} ({why})"))?;
                ended.push(Instant::now());
                ended.retain(|moment| moment.elapsed() < RESTART_WINDOW);
                if ended.len() > RESTARTS {
                    return Err(CliError::HostKeepsEnding(ended.len(), spawn::log_path(data_dir)));
                }
                // 1, 2, 4, 8, 16 s
                let pause = Duration::from_secs(1 << (ended.len() - 1));
                let what = if alive { "connecting" } else { "starting it" };
                terminal.news(&format!("{what} again in {} s", pause.as_secs()))?;
                tokio::select! {
                    () = sleep(pause) => {}
                    () = stop.received() => return Ok(Exit::Done),
                }
            }
        }
    }
}

/// Attaches to the host that runs, or starts one. Who starts it is decided by the host's own lock.
async fn bring_up(
    place: &Place,
    args: &ConnectArgs,
    secrets: &Secrets,
    terminal: &mut Terminal,
    child: &mut Option<Child>,
) -> Result<ControlClient, CliError> {
    let data_dir = place.data_dir.as_path();
    match ControlClient::connect(data_dir, CLIENT, true).await {
        Ok(client) => {
            if child.is_none() {
                terminal.news(
                    "a host runs here already; attaching to it, with the settings it was started with",
                )?;
            }
            return Ok(client);
        }
        // It is waited for below.
        Err(error) if error.is_over() || error.is_visited() => {}
        Err(error) => return Err(error.into()),
    }
    let current_dir = std::env::current_dir().map_err(|source| CliError::File {
        path: ".".into(),
        source,
    })?;
    let variable = |name: &str| std::env::var_os(name);
    let mut setup = host_setup(args, secrets, place.is_enrolled(), variable, &current_dir)?;
    setup.vault_key = place.vault_key.clone();
    setup.config.clone_from(&place.config);
    let attach = || ControlClient::connect(data_dir, CLIENT, true);
    let (client, started) = start::<_, CliError, _>(&own_program()?, data_dir, &setup, attach).await?;
    *child = started;
    Ok(client)
}

/// This program, which is the host's too.
pub(crate) fn own_program() -> Result<Program, CliError> {
    let path = std::env::current_exe().map_err(|error| CliError::HostStart {
        code: "no_program".to_owned(),
        message: error.to_string(),
    })?;
    Ok(Program {
        path,
        search_path: None,
    })
}

/// Waits, bounded, for a host that was told that nobody needs it.
pub(crate) async fn wait_for_end(child: Option<Child>) {
    if let Some(mut child) = child
        && tokio::time::timeout(HOST_ENDS, child.wait()).await.is_err()
    {
        screen::note_line("the host is still ending its children; `drawbridge status` shows whether it runs");
    }
}

/// Whether the host that was started here goes on although its socket closed; takes note of its end.
async fn still_runs(child: &mut Option<Child>) -> bool {
    if let Some(host) = child
        && tokio::time::timeout(HOST_GOES, host.wait()).await.is_ok()
    {
        *child = None;
    }
    child.is_some()
}
