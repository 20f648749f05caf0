//! The bus link: `wss://HOST/connect`, subprotocol [`SUBPROTOCOL`], one JSON message per text frame.
//!
//! The bus speaks first (`challenge`), the host answers with `hello`, the bus with `welcome`; then
//! `status`, `open`, `ping`/`pong` in either direction until one side says `bye`. Frames of the
//! app-server protocol never travel here: each tunnel has its own socket (`/connect/<tunnel>`).

use crate::Role;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// WebSocket subprotocol of version 1.
pub const SUBPROTOCOL: &str = "drawbridge.v1";
/// Largest message on the link, in bytes. It carries no payload of clients.
pub const MAX_LINK_MESSAGE: usize = 64 * 1024;
/// Largest message through a tunnel that comes from a remote client, in bytes.
pub const MAX_REMOTE_MESSAGE: usize = 16 * 1024 * 1024;
/// Largest message through a tunnel that comes from the app-server, in bytes.
pub const MAX_APP_SERVER_MESSAGE: usize = 64 * 1024 * 1024;
/// How often each side pings, in seconds.
pub const PING_INTERVAL_SECS: u64 = 20;
/// The link is dead when the last pong is older than this, in seconds.
pub const PONG_DEADLINE_SECS: u64 = 50;
/// How long the connector may take to dial a tunnel that the bus asked for, in seconds.
pub const TUNNEL_DIAL_SECS: u64 = 10;
/// WebSocket read and write buffer on every relayed socket, in bytes. The library's default of
/// 128 KiB is zero-filled on each read and costs 137 KB for each idle client.
pub const SOCKET_BUFFER: usize = 16 * 1024;

/// Header of the request that dials a tunnel: the id of the dialling host.
pub const TUNNEL_HOST_HEADER: &str = "x-drawbridge-host";

/// Header of every answer at `/connect`: an id of the bus, the same at each of its addresses. It tells
/// nobody who the bus is; it is made anew at each start.
pub const BUS_HEADER: &str = "x-drawbridge-bus";
/// Longest id in [`BUS_HEADER`]; letters, digits, dash and underscore.
pub const LONGEST_BUS_ID: usize = 64;

/// A message from the bus to the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum FromBus {
    /// First frame: what the host must sign.
    Challenge {
        /// 32 random bytes, base64url without padding, used once.
        nonce: String,
    },
    /// The host is registered.
    Welcome {
        /// The id under which clients reach it.
        host_id: String,
    },
    /// A client waits: dial `/connect/<tunnel>` within [`TUNNEL_DIAL_SECS`].
    Open {
        /// Random, single use, base64url.
        tunnel: String,
        /// Name of the client as the bus knows it (of its token, never of its own words).
        client: String,
        /// What the bus grants; the host can only narrow it.
        role: Role,
        /// Scopes of the client's token.
        scopes: Vec<String>,
    },
    /// Are you there?
    Ping {
        /// Returned unchanged.
        seq: u64,
    },
    /// I am.
    Pong {
        /// Of the ping.
        seq: u64,
    },
    /// The link ends, and why.
    Bye {
        /// Decides whether the other side comes back.
        reason: ByeReason,
    },
}

/// A message from the host (through its connector) to the bus.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum FromHost {
    /// Answer to the challenge.
    Hello {
        /// Protocol versions the host speaks, e.g. `["drawbridge.v1"]`.
        versions: Vec<String>,
        /// Version of the software.
        software: String,
        /// Stable id of the host.
        host_id: String,
        /// Display name.
        host_name: String,
        /// Ed25519 public key, base64url without padding; pinned at first use.
        public_key: String,
        /// Ed25519 signature over [`signed_bytes`], base64url without padding.
        signature: String,
    },
    /// How the host is, whenever it changes.
    Status {
        /// Whether the app-server answers.
        app_server_ready: bool,
        /// Threads with a running turn.
        active_threads: u32,
        /// Approvals that wait for a person.
        open_approvals: u32,
    },
    /// Which skills the host has, whenever that changes.
    Skills(crate::skills::SkillNames),
    /// The tunnel cannot be served; the client is answered at once.
    Refused {
        /// Of the `open`.
        tunnel: String,
        /// Stable code.
        reason: TunnelEnd,
    },
    /// Are you there?
    Ping {
        /// Returned unchanged.
        seq: u64,
    },
    /// I am.
    Pong {
        /// Of the ping.
        seq: u64,
    },
    /// The link ends, and why.
    Bye {
        /// Why.
        reason: ByeReason,
    },
}

/// Why a link ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ByeReason {
    /// The enrollment was taken back, or the token or the host key is not accepted. Never retried.
    Revoked,
    /// The same host connected again; the older link ends. Not retried by the replaced process.
    Replaced,
    /// No common protocol version. Not retried until one side is updated.
    Unsupported,
    /// The bus is going down; come back with backoff.
    Draining,
    /// The other side broke the protocol.
    Protocol,
    /// The user disconnected.
    Disconnected,
}

impl ByeReason {
    /// Whether connecting again can help.
    #[must_use]
    pub fn retry(self) -> bool {
        matches!(self, ByeReason::Draining | ByeReason::Protocol)
    }
}

/// Why a tunnel ends. Sent as the reason text of the WebSocket close frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TunnelEnd {
    /// The client closed.
    ClientGone,
    /// The link between bus and host broke or ended.
    LinkLost,
    /// The app-server dropped this connection because its backlog overflowed.
    Lagged,
    /// The app-server ended and is started again.
    AgentRestarted,
    /// The app-server is not ready.
    AgentDown,
    /// The connector did not dial in time.
    DialTimeout,
    /// The gate closed it: too large, binary, or not the protocol.
    Refused,
    /// The host is stopping.
    HostStopping,
    /// The client did not send `initialize` in time.
    NotInitialized,
    /// The host allows less now than when this connection began.
    PolicyChanged,
}

impl TunnelEnd {
    /// The word on the wire.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            TunnelEnd::ClientGone => "client_gone",
            TunnelEnd::LinkLost => "link_lost",
            TunnelEnd::Lagged => "lagged",
            TunnelEnd::AgentRestarted => "agent_restarted",
            TunnelEnd::AgentDown => "agent_down",
            TunnelEnd::DialTimeout => "dial_timeout",
            TunnelEnd::Refused => "refused",
            TunnelEnd::HostStopping => "host_stopping",
            TunnelEnd::NotInitialized => "not_initialized",
            TunnelEnd::PolicyChanged => "policy_changed",
        }
    }
}

/// The bytes a host signs: a domain separator, the nonce, the bus's origin and the host id, each
/// preceded by its length so that no two inputs give the same bytes.
#[must_use]
pub fn signed_bytes(nonce: &str, bus_origin: &str, host_id: &str) -> Vec<u8> {
    framed(b"drawbridge.v1 hello\n", [nonce, bus_origin, host_id])
}

/// A domain separator and parts, each preceded by its length.
pub(crate) fn framed(domain: &[u8], parts: [&str; 3]) -> Vec<u8> {
    let mut out = domain.to_vec();
    for part in parts {
        out.extend_from_slice(&(part.len() as u64).to_be_bytes());
        out.extend_from_slice(part.as_bytes());
    }
    out
}

/// Whether a host id can stand in a path: 1 to 64 of `a-z 0-9 . _ -`, first a letter or digit.
#[must_use]
pub fn valid_host_id(id: &str) -> bool {
    let ok = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, b'.' | b'_' | b'-');
    (1..=64).contains(&id.len()) && id.bytes().all(ok) && id.as_bytes()[0].is_ascii_alphanumeric()
}

/// The origin of a bus as it goes into [`signed_bytes`]: `scheme://host[:port]` of the address the host
/// dials. Host and bus both take it from here, so that they sign and check the same string.
///
/// `ws` counts as `http`, `wss` as `https`; scheme and host are in lower case; the port is left out when
/// it is the scheme's own; path, query and a trailing slash do not count. `None` when the address has
/// user information, no host, or another scheme.
#[must_use]
pub fn origin_of(address: &str) -> Option<String> {
    let address = address.trim();
    let (scheme, _) = address.split_once("://")?;
    let (scheme, own_port) = match scheme.to_ascii_lowercase().as_str() {
        "http" | "ws" => ("http", 80),
        "https" | "wss" => ("https", 443),
        _ => return None,
    };
    let authority = authority_of(address);
    let (host, port) = if let Some(rest) = authority.strip_prefix('[') {
        let (host, rest) = rest.split_once(']')?;
        let host = host.parse::<std::net::Ipv6Addr>().ok()?;
        let port = if rest.is_empty() {
            None
        } else {
            Some(rest.strip_prefix(':')?)
        };
        (format!("[{host}]"), port)
    } else {
        let (host, port) = match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        };
        let plain = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'-' | b'_');
        if host.is_empty() || !host.bytes().all(plain) {
            return None;
        }
        (host.to_ascii_lowercase(), port)
    };
    let port = match port {
        // An address may end in a colon without a port; it then means the scheme's own.
        None | Some("") => own_port,
        Some(port) if port.bytes().all(|c| c.is_ascii_digit()) => port.parse::<u16>().ok()?,
        Some(_) => return None,
    };
    Some(if port == own_port {
        format!("{scheme}://{host}")
    } else {
        format!("{scheme}://{host}:{port}")
    })
}

/// Host and port as they stand in an address: what is between its scheme and its path. Checks nothing.
#[must_use]
pub fn authority_of(address: &str) -> &str {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or(rest)
}

#[cfg(test)]
mod tests {
    use super::{authority_of, origin_of};

    #[test]
    fn host_and_port_are_cut_out_of_any_address() {
        for (address, authority) in [
            ("https://bus.example:8443/team?x#y", "bus.example:8443"),
            ("http://[::1]:7300/", "[::1]:7300"),
            ("https://bus.example?at=http://other", "bus.example"),
            ("https://bus.example#part", "bus.example"),
            ("wss://bus.example", "bus.example"),
            ("bus.example:1/path", "bus.example:1"),
            ("https:///path", ""),
            ("", ""),
        ] {
            assert_eq!(authority_of(address), authority, "{address}");
        }
    }

    #[test]
    fn an_origin_is_the_same_however_the_address_is_written() {
        for (address, origin) in [
            ("http://127.0.0.1:7300", Some("http://127.0.0.1:7300")),
            ("http://127.0.0.1:7300/", Some("http://127.0.0.1:7300")),
            ("ws://127.0.0.1:7300/connect?x=1", Some("http://127.0.0.1:7300")),
            ("HTTPS://Bus.Example.COM", Some("https://bus.example.com")),
            (
                "wss://bus.example.com:443/connect",
                Some("https://bus.example.com"),
            ),
            (
                "https://bus.example.com:8443",
                Some("https://bus.example.com:8443"),
            ),
            ("http://bus.example.com:80", Some("http://bus.example.com")),
            ("http://bus.example.com:443", Some("http://bus.example.com:443")),
            ("http://[::1]:7300/", Some("http://[::1]:7300")),
            ("http://[0:0:0:0:0:0:0:1]", Some("http://[::1]")),
            ("http://localhost:", Some("http://localhost")),
            ("http://me@bus.example.com", None),
            ("http://bus.example.com:7x", None),
            ("http://bus.example.com:70000", None),
            ("http://", None),
            ("http://[::1", None),
            ("ftp://bus.example.com", None),
            ("bus.example.com", None),
        ] {
            assert_eq!(origin_of(address).as_deref(), origin, "{address}");
        }
    }
}
