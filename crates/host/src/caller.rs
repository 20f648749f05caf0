//! Who may come through which door. Decided by the kernel's word about the peer, never by the peer's.

use drawbridge_local::door::Stream;
use drawbridge_process::peer::{Family, PeerVerdict, classify, peer_identity};

/// Why a connection to a socket of ours is turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TurnedAway {
    /// Another user's process.
    OtherUser,
    /// Something an agent or the connector started: an agent cannot approve itself.
    OwnChild,
    /// It cannot be found out who it is.
    Unresolved,
    /// Not the connector.
    NotConnector,
}

impl TurnedAway {
    pub(crate) fn code(self) -> &'static str {
        match self {
            TurnedAway::OtherUser => "other_user",
            TurnedAway::OwnChild => "started_by_agent",
            TurnedAway::Unresolved => "unresolved_peer",
            TurnedAway::NotConnector => "not_the_connector",
        }
    }

    pub(crate) fn message(self) -> &'static str {
        match self {
            TurnedAway::OtherUser => "this host belongs to another user",
            TurnedAway::OwnChild => {
                "refused: this process was started by an agent; approvals are answered by a person, in a terminal of their own"
            }
            TurnedAway::Unresolved => "refused: it cannot be found out which process this is; try again",
            TurnedAway::NotConnector => "refused: only this host's connector uses this socket",
        }
    }
}

/// The user's own process, at `control.sock` and `app-server.sock`. Its pid where known.
pub(crate) fn the_user(stream: &Stream) -> Result<Option<u32>, (TurnedAway, Option<u32>)> {
    let Ok(peer) = peer_identity(stream) else {
        return Err((TurnedAway::Unresolved, None));
    };
    if !peer.is_of_this_user() {
        return Err((TurnedAway::OtherUser, peer.pid));
    }
    let family = Family {
        host: std::process::id(),
        children: Vec::new(),
    };
    match classify(&peer, &family) {
        PeerVerdict::Clean => Ok(peer.pid),
        PeerVerdict::InSubtree | PeerVerdict::HasMarker => Err((TurnedAway::OwnChild, peer.pid)),
        PeerVerdict::Unresolved => Err((TurnedAway::Unresolved, peer.pid)),
    }
}

/// A connector of ours, at `tunnel.sock`: which of these processes it is.
pub(crate) fn the_connector(stream: &Stream, ours: &[u32]) -> Result<u32, (TurnedAway, Option<u32>)> {
    let Ok(peer) = peer_identity(stream) else {
        return Err((TurnedAway::Unresolved, None));
    };
    if !peer.is_of_this_user() {
        return Err((TurnedAway::OtherUser, peer.pid));
    }
    match peer.pid.filter(|pid| *pid != 0 && ours.contains(pid)) {
        Some(pid) => Ok(pid),
        None => Err((TurnedAway::NotConnector, peer.pid)),
    }
}
