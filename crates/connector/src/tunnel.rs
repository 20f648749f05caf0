//! One tunnel: a socket to the host's gate, a socket to the bus, and the splice between them.

use crate::dial::Dialer;
use crate::door;
use crate::lines::Lines;
use crate::splice::{Splice, told};
use crate::stream::{Socket, limits};
use crate::upgrade::{Request, UpgradeError, upgrade};
use drawbridge_wire::Role;
use drawbridge_wire::link::{FromHost, MAX_APP_SERVER_MESSAGE, TUNNEL_DIAL_SECS, TunnelEnd};
use drawbridge_wire::pipe::FromConnector;
use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout, timeout_at};

/// How many tunnels one connector carries, those that are still dialling or closing included.
pub const MAX_TUNNELS: usize = 256;
/// Longest name of a client, in bytes.
const MAX_CLIENT: usize = 256;

/// What the bus asked for.
#[derive(Debug, Clone)]
pub(crate) struct Open {
    pub(crate) tunnel: String,
    pub(crate) client: String,
    pub(crate) role: Role,
}

impl Open {
    /// Whether the id can stand in a path and be unguessable.
    pub(crate) fn valid(&self) -> bool {
        let ok = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        (16..=128).contains(&self.tunnel.len()) && self.tunnel.bytes().all(ok)
    }
}

/// What all tunnels of one link share.
#[derive(Clone)]
pub(crate) struct Ways {
    pub(crate) dialer: Arc<Dialer>,
    pub(crate) bus: Arc<str>,
    pub(crate) host_id: Arc<str>,
    pub(crate) tunnel_socket: Arc<PathBuf>,
    pub(crate) lines: Lines,
    /// Answers for the bus, written by the link.
    pub(crate) answers: mpsc::Sender<FromHost>,
    /// Set when the link ends.
    pub(crate) ending: watch::Receiver<Option<TunnelEnd>>,
}

/// The tunnels that stand, over all links of one connector.
#[derive(Default)]
pub(crate) struct Tunnels {
    tasks: JoinSet<()>,
    live: HashMap<tokio::task::Id, String>,
}

impl Tunnels {
    /// Opens one; `false` if it cannot be served.
    pub(crate) fn open(&mut self, ways: Ways, open: Open) -> bool {
        self.reap();
        if self.tasks.len() >= MAX_TUNNELS || open.client.len() > MAX_CLIENT {
            return false;
        }
        let id = open.tunnel.clone();
        let task = self.tasks.spawn(serve(ways, open));
        self.live.insert(task.id(), id);
        true
    }

    /// Whether a tunnel of this id is open or opening.
    pub(crate) fn knows(&self, tunnel: &str) -> bool {
        self.live.values().any(|id| id == tunnel)
    }

    /// Forgets what has ended.
    pub(crate) fn reap(&mut self) {
        while let Some(ended) = self.tasks.try_join_next_with_id() {
            let id = ended.map_or_else(|error| error.id(), |(id, ())| id);
            self.live.remove(&id);
        }
    }

    /// Waits for all to end; they have been told already.
    pub(crate) async fn end(&mut self, within: Duration) {
        let _ = timeout(within, async { while self.tasks.join_next().await.is_some() {} }).await;
        self.tasks.shutdown().await;
        self.live.clear();
    }
}

async fn serve(mut ways: Ways, open: Open) {
    let mut ending = ways.ending.clone();
    let sockets = tokio::select! {
        sockets = both(&ways, &open) => sockets,
        _ = told(&mut ending) => return,
    };
    let (bus, host) = match sockets {
        Ok(sockets) => sockets,
        Err(reason) => {
            let _ = ways
                .answers
                .send(FromHost::Refused {
                    tunnel: open.tunnel,
                    reason,
                })
                .await;
            return;
        }
    };
    let Open { tunnel, client, role } = open;
    let _ = ways
        .lines
        .send(FromConnector::TunnelOpened {
            tunnel: tunnel.clone(),
            client,
            role,
        })
        .await;
    let mut splice = Splice::start(bus, host);
    let (reason, frame) = splice.ended(&mut ways.ending).await;
    let _ = ways
        .lines
        .send(FromConnector::TunnelClosed { tunnel, reason })
        .await;
    splice.close(frame).await;
}

/// The host first: a client whose upgrade was answered must find somebody there.
async fn both(ways: &Ways, open: &Open) -> Result<(Socket, Socket), TunnelEnd> {
    let within = Instant::now() + Duration::from_secs(TUNNEL_DIAL_SECS);
    let host = match timeout_at(within, to_host(ways, open)).await {
        Ok(Ok(host)) => host,
        Ok(Err(why)) => {
            tracing::warn!(tunnel = %open.tunnel, %why, "the host's tunnel socket cannot be used");
            return Err(TunnelEnd::AgentDown);
        }
        Err(_) => return Err(TunnelEnd::AgentDown),
    };
    match ways.dialer.tunnel(&open.tunnel, &ways.host_id, within).await {
        Ok(bus) => Ok((bus, host)),
        Err(error) => {
            tracing::warn!(tunnel = %open.tunnel, code = %error.code(), "the bus's end of a tunnel cannot be dialled");
            Err(TunnelEnd::DialTimeout)
        }
    }
}

/// Why the host's end does not stand.
#[derive(Debug, thiserror::Error)]
enum HostEnd {
    #[error("{0}")]
    Door(#[from] std::io::Error),
    #[error("{0}")]
    Upgrade(#[from] UpgradeError),
}

async fn to_host(ways: &Ways, open: &Open) -> Result<Socket, HostEnd> {
    let io = door::connect(&ways.tunnel_socket).await?;
    let role = match open.role {
        Role::Viewer => "viewer",
        Role::Operator => "operator",
    };
    let (bus, client) = (header_text(&ways.bus), header_text(&open.client));
    let headers = [
        ("x-drawbridge-bus", &*bus),
        ("x-drawbridge-client", &*client),
        ("x-drawbridge-tunnel", &*open.tunnel),
        ("x-drawbridge-role", role),
    ];
    let request = Request {
        host: "localhost",
        path: "/tunnel",
        headers: &headers,
        bearer: None,
        subprotocol: None,
        reason: false,
    };
    Ok(upgrade(io, &request, limits(MAX_APP_SERVER_MESSAGE)).await?)
}

/// A name as header text: everything but printable ASCII, and `%` itself, percent-encoded.
pub(crate) fn header_text(name: &str) -> Cow<'_, str> {
    let plain = |byte: u8| (byte == b' ' || byte.is_ascii_graphic()) && byte != b'%';
    if name.bytes().all(plain) && name.trim() == name {
        return Cow::Borrowed(name);
    }
    let mut text = String::with_capacity(name.len() * 3);
    for byte in name.bytes() {
        if plain(byte) && byte != b' ' {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
    }
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_survive_as_header_text() {
        let table = [
            ("alice", "alice"),
            ("alice laptop", "alice laptop"),
            ("J\u{fc}rgen", "J%C3%BCrgen"),
            ("100%", "100%25"),
            (
                "a\r\nx-drawbridge-role: operator",
                "a%0D%0Ax-drawbridge-role:%20operator",
            ),
            (" padded", "%20padded"),
            ("", ""),
        ];
        for (name, text) in table {
            assert_eq!(header_text(name), text);
        }
    }

    #[test]
    fn tunnel_ids_are_long_and_plain() {
        let open = |tunnel: &str| Open {
            tunnel: tunnel.to_owned(),
            client: String::new(),
            role: Role::Viewer,
        };
        assert!(open("abcDEF_-01234567").valid());
        for bad in [
            "",
            "short",
            "0123456789abcde/",
            "../../../../../../..",
            "0123456789abcdef?",
            &"x".repeat(129),
        ] {
            assert!(!open(bad).valid(), "{bad}");
        }
    }
}
