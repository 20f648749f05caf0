//! `status`: what runs.

use crate::connect::report;
use crate::{CliError, Exit, screen};
use drawbridge_consent::visible_line;
use drawbridge_control::ControlClient;
use drawbridge_wire::control::{AppServerState, HostView};
use std::path::Path;

pub(crate) async fn run(data_dir: &Path, json: bool) -> Result<Exit, CliError> {
    let view = ControlClient::connect(data_dir, "drawbridge status", false)
        .await?
        .snapshot()
        .await?;
    if json {
        screen::json(&view)?;
    } else {
        screen::out(&text(&view))?;
    }
    Ok(Exit::Done)
}

fn text(view: &HostView) -> String {
    let host = &view.host;
    let mut lines = vec![
        format!(
            "host {} ({}), pid {}, version {}",
            visible_line(&host.name),
            host.id,
            host.pid,
            host.version
        ),
        format!("data in {}", host.data_dir.display()),
        report::app_server(&view.app_server)
            + &view
                .app_server
                .user_agent
                .as_deref()
                .filter(|_| view.app_server.state == AppServerState::Ready)
                .map(|agent| format!(" ({})", visible_line(agent)))
                .unwrap_or_default(),
    ];
    lines.extend(report::policy(&view.policy));
    lines.extend(view.config.iter().flat_map(report::config));
    if view.links.is_empty() {
        lines.push("no bus".to_owned());
    }
    lines.extend(view.links.iter().map(report::link));
    lines.extend(view.links.iter().filter_map(report::mcp));
    lines.extend(report::vault(&view.vault));
    lines.push(crate::skills::summary(&view.skills));
    lines.extend(view.threads.iter().map(report::thread));
    lines.extend(view.approvals.iter().map(report::approval));
    lines.extend(view.leases.iter().map(|lease| {
        let pid = lease.pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default();
        format!("kept up by {}{pid}", visible_line(&lease.client))
    }));
    lines.extend(view.connections.iter().map(|connection| {
        let bus = connection
            .bus
            .as_deref()
            .map(|bus| format!(" through {}", visible_line(bus)))
            .unwrap_or_default();
        let role = connection
            .role
            .map(|role| format!(" as {role}"))
            .unwrap_or_default();
        format!(
            "client {}: {} {}{bus}{role}",
            connection.id,
            connection.door,
            visible_line(&connection.client)
        )
    }));
    lines.join("\n") + "\n"
}
