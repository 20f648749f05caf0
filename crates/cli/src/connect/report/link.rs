//! A bus in words: the link to it, and its MCP server.

use drawbridge_consent::visible_line;
use drawbridge_wire::buses::McpCheck;
use drawbridge_wire::control::LinkView;
use drawbridge_wire::pipe::LinkState;

/// The link to the bus.
pub(crate) fn link(view: &LinkView) -> String {
    let state = match &view.link {
        LinkState::Disconnected => "not connected".to_owned(),
        LinkState::Connecting { attempt: 1 } => "connecting".to_owned(),
        LinkState::Connecting { attempt } => format!("connecting, attempt {attempt}"),
        LinkState::Connected {
            round_trip_ms: Some(ms),
        } => format!("connected ({ms} ms)"),
        LinkState::Connected { round_trip_ms: None } => "connected".to_owned(),
        LinkState::Waiting {
            retry_in_ms: 0,
            code,
            message,
        } => format!("{} [{code}]", visible_line(message)),
        LinkState::Waiting {
            retry_in_ms,
            code,
            message,
        } => {
            format!(
                "tries again in {} s: {} [{code}]",
                retry_in_ms.div_ceil(1000),
                visible_line(message)
            )
        }
        LinkState::Failed { code, message } => format!("given up: {} [{code}]", visible_line(message)),
    };
    let name = if view.name == view.bus {
        visible_line(&view.bus)
    } else {
        format!("{} ({})", visible_line(&view.name), visible_line(&view.bus))
    };
    match &view.disabled {
        Some(disabled) => format!(
            "bus {name}: disabled, the bus does not take this host any more [{}]; {}",
            visible_line(&disabled.reason),
            enroll_again(&disabled.reason, &view.api)
        ),
        None => format!("bus {name}: {state}"),
    }
}

/// As [`link`], less what changes all the time and is no news.
pub(super) fn link_without_numbers(view: &LinkView) -> String {
    match &view.link {
        LinkState::Connected { .. } => link(&LinkView {
            link: LinkState::Connected { round_trip_ms: None },
            ..view.clone()
        }),
        _ => link(view),
    }
}

/// What to do where a bus does not take this host any more. After `revoked` a token that several hosts share
/// counts for the others only.
pub(crate) fn enroll_again(reason: &str, api: &str) -> String {
    let api = visible_line(api);
    match reason {
        "revoked" => format!(
            "ask for a code there (`drawbridge bus pair`), then enroll again with `drawbridge enroll --api {api} \
             --code CODE`"
        ),
        _ => format!("enroll again with `drawbridge enroll --api {api}`"),
    }
}

/// The MCP server of a bus, when there is something to say of it.
pub(crate) fn mcp(view: &LinkView) -> Option<String> {
    let mcp = view.mcp.as_ref()?;
    let name = visible_line(&mcp.name);
    if mcp.after_restart {
        return Some(format!(
            "MCP server {name}: its token applies when the agent restarts (`drawbridge stop`, then connect again)"
        ));
    }
    match &mcp.check {
        McpCheck::Good { .. } => Some(format!("MCP server {name}: answers")),
        McpCheck::Bad { code, message } => {
            Some(format!("MCP server {name}: {} [{code}]", visible_line(message)))
        }
        McpCheck::Unchecked | McpCheck::Checking => None,
    }
}
