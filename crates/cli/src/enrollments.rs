//! `enrollments` and `forget`.

use crate::args::{EnrollmentsAction, EnrollmentsArgs};
use crate::connect::report;
use crate::enroll::{next, read_lines};
use crate::place::Place;
use crate::visit::Visit;
use crate::{CliError, Exit, screen};
use drawbridge_wire::Secret;
use drawbridge_wire::buses::{BusSource, LinkView, McpSetting, SetEnrollment, WhichBus};
use drawbridge_wire::control::{HostView, Request};
use which::WhichError;

pub(crate) mod which;

const CLIENT: &str = "drawbridge enrollments";

pub(crate) async fn run(place: &Place, args: EnrollmentsArgs) -> Result<Exit, CliError> {
    match args.action {
        None => list(place, args.json).await,
        Some(EnrollmentsAction::On { bus }) => want(place, bus, true).await,
        Some(EnrollmentsAction::Off { bus }) => want(place, bus, false).await,
        Some(EnrollmentsAction::Set {
            bus,
            name,
            mcp_url,
            mcp_name,
            mcp_token_stdin,
            no_mcp_token,
        }) => {
            let token = match (mcp_token_stdin, no_mcp_token) {
                (true, _) => Some(next(&mut read_lines().await?.into_iter(), "the MCP token")?),
                (_, true) => Some(Secret::new("")),
                _ => None,
            };
            let request = |_: &HostView, bus| {
                let set = SetEnrollment {
                    bus,
                    name,
                    mcp: McpSetting {
                        name: mcp_name,
                        url: mcp_url,
                        token,
                    },
                };
                Ok(Request::SetEnrollment(Box::new(set)))
            };
            change(place, &bus, request, "kept").await
        }
    }
}

pub(crate) async fn forget(place: &Place, bus: String) -> Result<Exit, CliError> {
    let done = "forgotten; its tokens are gone from this computer";
    change(place, &bus, |_, bus| Ok(Request::Forget { bus }), done).await
}

async fn want(place: &Place, bus: String, on: bool) -> Result<Exit, CliError> {
    let done = match on {
        true => "on; `drawbridge connect` keeps the host up",
        false => "off",
    };
    let request = |view: &HostView, bus: String| {
        if !on {
            return Ok(Request::Disconnect(WhichBus { bus: Some(bus) }));
        }
        which::usable(view, &bus)?;
        Ok(Request::Connect(WhichBus { bus: Some(bus) }))
    };
    change(place, &bus, request, done).await
}

/// Asks for a change of the enrollment that `said` means.
async fn change(
    place: &Place,
    said: &str,
    request: impl FnOnce(&HostView, String) -> Result<Request, WhichError>,
    done: &str,
) -> Result<Exit, CliError> {
    let mut visit = Visit::begin(place, CLIENT).await?;
    let changed = async {
        let view = visit.settled().await?;
        let request = which::id(&view, said).and_then(|id| request(&view, id))?;
        visit.ask(&request).await
    };
    let changed = changed.await;
    let ended = visit.end().await;
    changed?;
    ended?;
    screen::note_line(done);
    Ok(Exit::Done)
}

async fn list(place: &Place, json: bool) -> Result<Exit, CliError> {
    if !place.is_enrolled() {
        // No host is started, and no keyring is asked, to say that there is nothing.
        if json {
            screen::line("[]")?;
        } else {
            screen::note_line("this computer is enrolled nowhere; `drawbridge enroll --api URL` enrolls it");
        }
        return Ok(Exit::Done);
    }
    let mut visit = Visit::begin(place, CLIENT).await?;
    let view = visit.settled().await;
    let ended = visit.end().await;
    let view = view?;
    ended?;
    let kept: Vec<&LinkView> = view
        .links
        .iter()
        .filter(|link| link.source == BusSource::Vault)
        .collect();
    if json {
        screen::json(&kept)?;
    } else {
        screen::out(&text(&view, &kept))?;
    }
    Ok(if kept.is_empty() { Exit::Failed } else { Exit::Done })
}

fn text(view: &HostView, kept: &[&LinkView]) -> String {
    let mut lines = Vec::new();
    for link in kept {
        let wish = if link.wanted { "on " } else { "off" };
        lines.push(format!("{}  {wish}  {}", link.id, report::link(link)));
        lines.extend(report::mcp(link).map(|mcp| format!("    {mcp}")));
    }
    lines.extend(report::vault(&view.vault));
    lines.join("\n") + "\n"
}
