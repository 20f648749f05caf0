//! `config accept`: confirm what the file makes wider.

use crate::connect::report;
use crate::place::Place;
use crate::visit::Visit;
use crate::{CliError, Exit, screen};
use drawbridge_wire::buses::ConfigView;
use drawbridge_wire::control::{HostView, Request};
use std::io::BufRead as _;
use std::time::Duration;

/// Longest from the confirmation to the state that shows it.
const SHOWS: Duration = Duration::from_secs(10);

pub(crate) async fn run(place: &Place, yes: bool) -> Result<Exit, CliError> {
    let mut visit = Visit::begin(place, "drawbridge config accept").await?;
    let outcome = accept(&mut visit, yes).await;
    // A host that was started for this ends whatever came of it.
    let ended = visit.end().await;
    let exit = outcome?;
    ended?;
    Ok(exit)
}

async fn accept(visit: &mut Visit, yes: bool) -> Result<Exit, CliError> {
    let mut view = visit.settled().await?;
    let Some(config) = &view.config else {
        screen::line("this host was started without a configuration file")?;
        return Ok(Exit::Failed);
    };
    let Some(digest) = config.digest.clone() else {
        screen::line("nothing waits for a confirmation")?;
        return Ok(Exit::Done);
    };
    for line in report::waiting(config) {
        screen::line(&line)?;
    }
    if config.waiting.iter().any(|wider| wider.key == "security.answer") {
        screen::line(
            "WARNING: remote clients may then allow what the agent asks for. The bus and the connector are \
             trusted with these answers: whoever controls them can say yes.",
        )?;
    }
    if !yes && !asked(config).await? {
        screen::line("nothing was confirmed")?;
        return Ok(Exit::Failed);
    }
    visit.ask(&Request::AcceptConfig { digest }).await?;
    let done = |view: &HostView| view.config.as_ref().is_some_and(|config| config.digest.is_none());
    if visit.until(&mut view, SHOWS, done).await? {
        screen::line("confirmed; it is in force and kept in the vault")?;
        return Ok(Exit::Done);
    }
    screen::line("confirmed and kept in the vault; `drawbridge status` shows what is in force")?;
    Ok(Exit::Done)
}

/// Asks, where there is a person to ask.
async fn asked(config: &ConfigView) -> Result<bool, CliError> {
    if !screen::can_ask() {
        return Err(CliError::Usage(
            "config accept asks on a terminal; without one, look at the settings above and give --yes"
                .to_owned(),
        ));
    }
    let question = match config.waiting.len() {
        1 => "Confirm this? [y/N] ",
        _ => "Confirm all of these? [y/N] ",
    };
    screen::note(question);
    // On a thread of its own: the host is still heard meanwhile.
    let (send, receive) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        let read = std::io::stdin().lock().read_line(&mut line);
        let _ = send.send(read.map(|_| line).unwrap_or_default());
    });
    let line = receive.await.unwrap_or_default().trim().to_lowercase();
    Ok(matches!(line.as_str(), "y" | "yes"))
}
