//! `config accept`: confirm what the file makes wider, or what is in force as it is.

use crate::connect::report;
use crate::place::Place;
use crate::visit::Visit;
use crate::{CliError, Exit, screen};
use drawbridge_consent::visible_line;
use drawbridge_wire::buses::ConfigOffer;
use drawbridge_wire::control::Request;
use std::io::BufRead as _;

const CLIENT: &str = "drawbridge config accept";

pub(crate) async fn run(place: &Place, yes: bool) -> Result<Exit, CliError> {
    let mut visit = Visit::begin(place, CLIENT).await?;
    // A host that was started for this ends whatever came of it.
    let (digest, waits) = match look(&mut visit, yes).await {
        Ok(Next::Confirm { digest }) => return confirm(visit, digest).await,
        Ok(Next::Ask { digest, waits }) => (digest, waits),
        Ok(Next::Nothing(exit)) => return visit.end().await.map(|()| exit),
        Err(error) => return Err(farewell(visit, error).await),
    };
    visit.end().await?;
    // Nobody has to wait for the answer; should something change meanwhile, the digest is another.
    if !asked(waits).await? {
        screen::line("nothing was confirmed")?;
        return Ok(if waits { Exit::Failed } else { Exit::Done });
    }
    let mut visit = Visit::begin(place, CLIENT).await?;
    match visit.settled().await {
        Ok(_) => confirm(visit, digest).await,
        Err(error) => Err(farewell(visit, error).await),
    }
}

/// What happened counts more than how the visit ends.
async fn farewell(visit: Visit, error: CliError) -> CliError {
    let _ = visit.end().await;
    error
}

/// What follows a look.
enum Next {
    Nothing(Exit),
    Ask { digest: String, waits: bool },
    Confirm { digest: String },
}

async fn confirm(mut visit: Visit, digest: String) -> Result<Exit, CliError> {
    let confirmed = visit.ask(&Request::AcceptConfig { digest }).await;
    let ended = visit.end().await;
    confirmed?;
    screen::line("confirmed; it is in force and kept in the vault")?;
    ended.map(|()| Exit::Done)
}

async fn look(visit: &mut Visit, yes: bool) -> Result<Next, CliError> {
    let Some(view) = visit.settled().await?.config else {
        screen::line("this host was started without a configuration file")?;
        return Ok(Next::Nothing(Exit::Failed));
    };
    // What the file names and no remote client gets is confirmed no more than it is in force.
    for problem in &view.problems {
        screen::note_line(&format!("{}\n", report::laid_out(&problem.text)));
    }
    let offer: ConfigOffer = visit.ask_for(&Request::OfferConfig {}).await?;
    let Some(digest) = offer.digest.clone() else {
        screen::line("there is nothing to confirm: what is in force is what was confirmed")?;
        return Ok(Next::Nothing(Exit::Done));
    };
    for line in shown(&offer) {
        screen::line(&line)?;
    }
    let waits = !offer.waiting.is_empty();
    if !yes && !screen::can_ask() {
        if waits {
            return Err(CliError::Usage(
                "config accept asks on a terminal; without one, look at the settings above and give --yes"
                    .to_owned(),
            ));
        }
        screen::line("nothing waits, and nothing was confirmed; --yes makes this the limit")?;
        return Ok(Next::Nothing(Exit::Done));
    }
    Ok(match yes {
        true => Next::Confirm { digest },
        false => Next::Ask { digest, waits },
    })
}

/// What comes into force, and what is kept as confirmed.
fn shown(offer: &ConfigOffer) -> Vec<String> {
    let mut lines = report::waiting(&offer.waiting);
    if lines.is_empty() {
        lines.push("nothing waits for a confirmation".to_owned());
    }
    if offer.waiting.iter().any(|wider| wider.key == "security.answer") {
        lines.push(
            "WARNING: remote clients may then allow what the agent asks for. The bus and the connector are \
             trusted with these answers: whoever controls them can say yes."
                .to_owned(),
        );
    }
    lines.push("kept as confirmed is then all of this; whatever goes further later waits:".to_owned());
    lines.extend(
        offer
            .records
            .iter()
            .map(|row| format!("  {}: {}", visible_line(&row.key), visible_line(&row.value))),
    );
    lines
}

/// Asks the person.
async fn asked(waits: bool) -> Result<bool, CliError> {
    screen::note(if waits {
        "Confirm all of this? [y/N] "
    } else {
        "Make what is in force the limit? [y/N] "
    });
    // On a thread of its own: a signal ends the command all the same.
    let (send, receive) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        let read = std::io::stdin().lock().read_line(&mut line);
        let _ = send.send(read.map(|_| line).unwrap_or_default());
    });
    let line = receive.await.unwrap_or_default().trim().to_lowercase();
    Ok(matches!(line.as_str(), "y" | "yes"))
}
