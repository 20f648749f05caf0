//! Which picture stands for a state. Who waits for the person comes first, then what is wrong.

use super::{Icon, Sight, Supervisor, open_approvals};
use drawbridge_wire::control::{AppServerState, HostView};
use drawbridge_wire::pipe::LinkState;

pub(super) fn of(sight: &Sight<'_>) -> Icon {
    match (sight.supervisor, sight.host) {
        (Supervisor::Starting, _) => Icon::Connecting,
        (Supervisor::Waiting { .. } | Supervisor::Failed { .. }, _) => Icon::Problem,
        (Supervisor::Stopping, _) | (Supervisor::Up { .. }, None) => Icon::Disconnected,
        (Supervisor::Up { .. }, Some(host)) => of_host(host),
    }
}

fn of_host(host: &HostView) -> Icon {
    if open_approvals(host) > 0 {
        return Icon::Waiting;
    }
    let wanted = || host.links.iter().filter(|link| link.wanted);
    let any = |state: fn(&LinkState) -> bool| wanted().any(|link| state(&link.link));
    let problem = matches!(host.app_server.state, AppServerState::Waiting { .. })
        || any(|state| matches!(state, LinkState::Failed { .. }))
        || host.links.iter().any(|link| link.disabled.is_some());
    if problem {
        Icon::Problem
    } else if any(|state| matches!(state, LinkState::Connected { .. })) {
        Icon::Connected
    } else if wanted().next().is_some() {
        Icon::Connecting
    } else {
        Icon::Disconnected
    }
}
