//! What the tray says.

use super::{LONGEST, Sight, Supervisor, open_approvals};
use drawbridge_consent::visible_line;
use drawbridge_wire::control::{AppServerState, HostView, LinkView};
use drawbridge_wire::pipe::LinkState;

/// The first line: how the bridge is.
pub(super) fn headline(sight: &Sight<'_>) -> String {
    match (sight.supervisor, sight.host) {
        (Supervisor::Starting, _) | (Supervisor::Up { .. }, None) => "Starting".to_owned(),
        (
            Supervisor::Waiting {
                retry_at_ms, message, ..
            },
            _,
        ) => format!(
            "The host is gone, next try in {}: {}",
            seconds(retry_at_ms.saturating_sub(sight.now_ms)),
            quoted(message)
        ),
        (Supervisor::Failed { message, .. }, _) => format!("The host does not run: {}", quoted(message)),
        (Supervisor::Stopping, _) => "Stopping".to_owned(),
        (Supervisor::Up { .. }, Some(host)) => of_host(sight, host),
    }
}

fn of_host(sight: &Sight<'_>, host: &HostView) -> String {
    match &host.app_server.state {
        AppServerState::Waiting { message, .. } => return format!("Codex does not run: {}", quoted(message)),
        AppServerState::Starting | AppServerState::Ready => {}
        AppServerState::Stopping | AppServerState::Stopped => return "Stopping".to_owned(),
    }
    if let Some(until) = paused(sight) {
        return format!("Paused until {}", clock(until, sight.utc_offset_s));
    }
    let connected: Vec<&LinkView> = host
        .links
        .iter()
        .filter(|link| matches!(link.link, LinkState::Connected { .. }))
        .collect();
    match connected.as_slice() {
        [] if host.links.is_empty() => "This computer only, no bus".to_owned(),
        [] if host.links.iter().any(|link| link.wanted) => "Not connected".to_owned(),
        [] => "Disconnected".to_owned(),
        [link] => format!(
            "Connected to {} since {}{}",
            quoted(&link.name),
            clock(link.since_ms, sight.utc_offset_s),
            round_trip(link)
        ),
        several => format!("Connected to {} buses", several.len()),
    }
}

/// Until when it is paused, while it is.
pub(super) fn paused(sight: &Sight<'_>) -> Option<u64> {
    sight.paused_until_ms.filter(|until| *until > sight.now_ms)
}

/// The line of one bus.
pub(super) fn bus(sight: &Sight<'_>, link: &LinkView) -> String {
    let name = quoted(&link.name);
    if let Some(disabled) = &link.disabled {
        return format!("{name}: not used any more ({})", quoted(&disabled.reason));
    }
    match &link.link {
        LinkState::Disconnected if paused(sight).is_some() => format!("{name}: paused"),
        LinkState::Disconnected if link.wanted => format!("{name}: waits for Codex"),
        LinkState::Disconnected => name,
        LinkState::Connecting { attempt: 0 | 1 } => format!("{name}: connecting"),
        LinkState::Connecting { attempt } => format!("{name}: connecting, try {attempt}"),
        LinkState::Connected { .. } => format!("{name}: connected{}", round_trip(link)),
        LinkState::Waiting { retry_in_ms, .. } => {
            let at = link.since_ms.saturating_add(*retry_in_ms);
            format!(
                "{name}: offline, next try in {}",
                seconds(at.saturating_sub(sight.now_ms))
            )
        }
        LinkState::Failed { message, .. } => format!("{name}: {}", quoted(message)),
    }
}

/// How many approvals wait, when some do.
pub(super) fn approvals(sight: &Sight<'_>) -> Option<String> {
    match sight.host.map_or(0, open_approvals) {
        0 => None,
        1 => Some("1 approval waiting".to_owned()),
        count => Some(format!("{count} approvals waiting")),
    }
}

fn round_trip(link: &LinkView) -> String {
    match link.link {
        LinkState::Connected {
            round_trip_ms: Some(ms),
        } => format!(", {ms} ms"),
        _ => String::new(),
    }
}

/// Rounded up, so that it is never "in 0 s" while there is time.
fn seconds(ms: u64) -> String {
    format!("{} s", ms.div_ceil(1000))
}

/// `HH:MM` of this place.
fn clock(at_ms: u64, utc_offset_s: i32) -> String {
    const DAY: i64 = 24 * 60 * 60;
    let here = i64::try_from(at_ms / 1000).unwrap_or(i64::MAX - DAY);
    let minutes = here.saturating_add(i64::from(utc_offset_s)).rem_euclid(DAY) / 60;
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}

/// What came from elsewhere, on one line and inert. Nothing is decided on it here.
fn quoted(text: &str) -> String {
    let line = visible_line(text);
    match line.char_indices().nth(LONGEST) {
        None => line,
        Some((end, _)) => format!("{} (more in the window)", &line[..end]),
    }
}
