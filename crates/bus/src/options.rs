//! What a bus is started with.

use crate::BusError;
use drawbridge_wire::link::{self, valid_host_id};
use drawbridge_wire::{Role, Secret};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// Everything a bus needs. A door whose token is absent stays closed.
#[derive(Debug, Clone)]
pub struct BusOptions {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Token of hosts (`CODEX_BUS_CONNECT_TOKEN`).
    pub connect_token: Option<Secret>,
    /// Token of MCP clients (`CODEX_BUS_HTTP_TOKEN`). Opens `/mcp` and `/api/hosts`, never an app-server.
    pub http_token: Option<Secret>,
    /// Tokens of clients (`DRAWBRIDGE_BUS_CLIENT_TOKEN`, see [`ClientToken::parse_list`]).
    pub client_tokens: Vec<ClientToken>,
    /// Token of who runs the bus (`DRAWBRIDGE_BUS_ADMIN_TOKEN`): gives out codes and takes enrollments
    /// back.
    pub admin_token: Option<Secret>,
    /// Where the pinned keys of hosts are kept. Without it they are forgotten when the process ends.
    pub state_file: Option<PathBuf>,
    /// `https://HOST[:PORT]` under which hosts and clients reach this bus through a proxy.
    pub public_origin: Option<String>,
}

impl Default for BusOptions {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 7300)),
            connect_token: None,
            http_token: None,
            client_tokens: Vec::new(),
            admin_token: None,
            state_file: None,
            public_origin: None,
        }
    }
}

/// A token that opens the app-server of a host.
#[derive(Debug, Clone)]
pub struct ClientToken {
    /// How hosts see the client. Of the token, never of the client's own words.
    pub name: String,
    /// The only host it reaches; `None` reaches all.
    pub host: Option<String>,
    /// The token.
    pub token: Secret,
    /// The most its bearer may do; the host can only narrow it.
    pub role: Role,
}

impl ClientToken {
    /// Reads `TOKEN` or `HOST=TOKEN`, separated by commas, as it stands in
    /// `DRAWBRIDGE_BUS_CLIENT_TOKEN`. The clients are named `client-1`, `client-2` ... in order, with
    /// role operator. `=` signs at the end belong to the token (base64), so `dGVzdA==` binds no host.
    ///
    /// # Errors
    /// [`BusError::ClientToken`] for an entry that is neither.
    pub fn parse_list(text: &str) -> Result<Vec<Self>, BusError> {
        let mut tokens = Vec::new();
        for (index, entry) in text.split(',').map(str::trim).enumerate() {
            if entry.is_empty() {
                continue;
            }
            let (host, token) = match entry.split_once('=') {
                Some((host, token)) if token.bytes().any(|c| c != b'=') => (Some(host.trim()), token),
                _ => (None, entry),
            };
            if host.is_some_and(|host| !valid_host_id(host)) || token.bytes().all(|c| c == b'=') {
                return Err(BusError::ClientToken { position: index + 1 });
            }
            tokens.push(Self {
                name: format!("client-{}", tokens.len() + 1),
                host: host.map(str::to_owned),
                token: Secret::new(token),
                role: Role::Operator,
            });
        }
        Ok(tokens)
    }
}

/// Bounds and deadlines. The defaults are those of the protocol; tests shorten them.
#[derive(Debug, Clone)]
pub struct BusLimits {
    /// Links at the same time.
    pub hosts: usize,
    /// Hosts whose key is remembered.
    pub known_hosts: usize,
    /// Tunnels of one host, also those still being dialled.
    pub tunnels_per_host: usize,
    /// Connections that are not (yet) a WebSocket.
    pub connections: usize,
    /// From the challenge to the `hello`.
    pub hello: Duration,
    /// From `open` until the tunnel stands.
    pub dial: Duration,
    /// Between two pings on a link.
    pub ping: Duration,
    /// Age of the last pong at which a link counts as broken.
    pub pong: Duration,
    /// How long a client may be silent, pings unanswered, before its tunnel is closed.
    pub client_silence: Duration,
    /// For one write on a link, and for the close handshake of a socket.
    pub send: Duration,
    /// For request headers, and for idling between requests.
    pub headers: Duration,
    /// For a request that does not become a WebSocket.
    pub request: Duration,
}

impl Default for BusLimits {
    fn default() -> Self {
        Self {
            hosts: 1024,
            known_hosts: 16 * 1024,
            tunnels_per_host: 256,
            connections: 4096,
            hello: Duration::from_secs(10),
            dial: Duration::from_secs(link::TUNNEL_DIAL_SECS),
            ping: Duration::from_secs(link::PING_INTERVAL_SECS),
            pong: Duration::from_secs(link::PONG_DEADLINE_SECS),
            client_silence: Duration::from_secs(120),
            send: Duration::from_secs(5),
            headers: Duration::from_secs(10),
            request: Duration::from_secs(30),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(String, Option<String>, String)> {
        let tokens = ClientToken::parse_list(text).unwrap();
        tokens
            .into_iter()
            .map(|t| (t.name, t.host, t.token.reveal().to_owned()))
            .collect()
    }

    #[test]
    fn client_tokens_are_read_bound_and_unbound() {
        let row = |name: &str, host: Option<&str>, token: &str| {
            (name.to_owned(), host.map(str::to_owned), token.to_owned())
        };
        assert_eq!(read("secret"), [row("client-1", None, "secret")]);
        assert_eq!(
            read(" desk=one , two,,dGVzdA==,mill=dGVzdA== "),
            [
                row("client-1", Some("desk"), "one"),
                row("client-2", None, "two"),
                row("client-3", None, "dGVzdA=="),
                row("client-4", Some("mill"), "dGVzdA=="),
            ]
        );
        assert_eq!(read(""), []);
    }

    #[test]
    fn an_unreadable_client_token_is_named_by_position_and_not_shown() {
        for (text, position) in [("good,De sk=hush", 2), ("=hush", 1), ("ok,x,==", 3)] {
            let error = ClientToken::parse_list(text).unwrap_err();
            assert_eq!(error.code(), "bad_client_token", "{text}");
            assert!(
                error.to_string().contains(&format!("entry {position} ")),
                "{error}"
            );
            assert!(!error.to_string().contains("hush"));
        }
    }

    #[test]
    fn options_do_not_show_their_tokens() {
        let options = BusOptions {
            connect_token: Some(Secret::new("canary-1")),
            http_token: Some(Secret::new("canary-2")),
            admin_token: Some(Secret::new("canary-4")),
            client_tokens: ClientToken::parse_list("canary-3").unwrap(),
            ..BusOptions::default()
        };
        assert!(!format!("{options:?}").contains("canary"));
    }
}
