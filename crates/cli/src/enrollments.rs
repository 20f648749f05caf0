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
            let set = SetEnrollment {
                bus,
                name,
                mcp: McpSetting {
                    name: mcp_name,
                    url: mcp_url,
                    token,
                },
            };
            change(place, &Request::SetEnrollment(Box::new(set)), "kept").await
        }
    }
}

pub(crate) async fn forget(place: &Place, bus: String) -> Result<Exit, CliError> {
    change(
        place,
        &Request::Forget { bus },
        "forgotten; its tokens are gone from this computer",
    )
    .await
}

async fn want(place: &Place, bus: String, on: bool) -> Result<Exit, CliError> {
    let which = WhichBus { bus: Some(bus) };
    let (request, done) = match on {
        true => (
            Request::Connect(which),
            "on; `drawbridge connect` keeps the host up",
        ),
        false => (Request::Disconnect(which), "off"),
    };
    change(place, &request, done).await
}

async fn change(place: &Place, request: &Request, done: &str) -> Result<Exit, CliError> {
    let mut visit = Visit::begin(place, CLIENT).await?;
    visit.settled().await?;
    let said = visit.ask(request).await;
    visit.end().await?;
    said?;
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
    let view = visit.settled().await?;
    visit.end().await?;
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
