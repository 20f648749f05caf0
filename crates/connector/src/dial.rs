//! From a URL to a WebSocket: name, TCP, TLS, handshake, all within one deadline.

use crate::error::LinkError;
use crate::stream::{Metered, Socket, limits};
use crate::upgrade::{Request, UpgradeError, upgrade};
use crate::{tls, urls};
use drawbridge_wire::Secret;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use url::{Host, Url};

/// How long one attempt to connect may take.
pub const CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// What is asked of the bus.
#[derive(Default)]
struct Ask<'a> {
    headers: &'a [(&'static str, &'a str)],
    subprotocol: Option<&'static str>,
    max_message: usize,
    /// Whether the words of a refusal are wanted.
    reason: bool,
}

/// Dials the bus: the link once, its tunnels many times.
pub(crate) struct Dialer {
    url: Url,
    token: Secret,
    tls: Option<TlsConnector>,
    /// Name of the bus in messages.
    pub(crate) at: String,
}

impl Dialer {
    /// Reads the trust anchors if `url` needs them.
    pub(crate) async fn new(
        url: Url,
        token: Secret,
        ca_file: Option<&Path>,
        at: &str,
    ) -> Result<Self, LinkError> {
        let tls = match url.scheme() {
            "wss" | "https" => Some(tls::connector(at, ca_file).await?),
            _ => None,
        };
        Ok(Self {
            url,
            token,
            tls,
            at: at.to_owned(),
        })
    }

    /// Dials `/connect`.
    pub(crate) async fn link(&self) -> Result<Socket, LinkError> {
        let within = Instant::now() + CONNECT_WITHIN;
        let ask = Ask {
            subprotocol: Some(drawbridge_wire::link::SUBPROTOCOL),
            max_message: drawbridge_wire::link::MAX_LINK_MESSAGE,
            ..Ask::default()
        };
        self.dial(&self.url, &ask, within).await
    }

    /// Dials `/connect/<tunnel>`.
    pub(crate) async fn tunnel(
        &self,
        tunnel: &str,
        host_id: &str,
        within: Instant,
    ) -> Result<Socket, LinkError> {
        let mut url = self.url.clone();
        urls::push(&mut url, tunnel)?;
        let headers = [(drawbridge_wire::link::TUNNEL_HOST_HEADER, host_id)];
        let ask = Ask {
            headers: &headers,
            max_message: drawbridge_wire::link::MAX_REMOTE_MESSAGE,
            ..Ask::default()
        };
        self.dial(&url, &ask, within).await
    }

    /// Dials the URL itself, as a client of the bus does. How the bus answered is for the caller to judge.
    pub(crate) async fn client(&self) -> Result<Result<Socket, UpgradeError>, LinkError> {
        let ask = Ask {
            max_message: drawbridge_wire::link::MAX_APP_SERVER_MESSAGE,
            reason: true,
            ..Ask::default()
        };
        let within = Instant::now() + CONNECT_WITHIN;
        self.ask(&self.url, &ask, within).await
    }

    async fn dial(&self, url: &Url, ask: &Ask<'_>, within: Instant) -> Result<Socket, LinkError> {
        self.ask(url, ask, within)
            .await?
            .map_err(|error| self.not_upgraded(&error))
    }

    /// A stream to the URL's host, for plain HTTP.
    pub(crate) async fn stream(&self, within: Instant) -> Result<Metered, LinkError> {
        timeout_at(within, self.connect(&self.url, within))
            .await
            .map_err(|_| LinkError::Timeout { who: self.at.clone() })?
    }

    async fn connect(&self, url: &Url, within: Instant) -> Result<Metered, LinkError> {
        let tcp = self.tcp(url, within).await?;
        // Small frames are the rule and each is awaited by somebody.
        tcp.set_nodelay(true).map_err(|error| self.unreachable(&error))?;
        self.secure(url, tcp).await
    }

    async fn ask(
        &self,
        url: &Url,
        ask: &Ask<'_>,
        within: Instant,
    ) -> Result<Result<Socket, UpgradeError>, LinkError> {
        let steps = async {
            let io = self.connect(url, within).await?;
            let host = url[url::Position::BeforeHost..url::Position::AfterPort].to_owned();
            let request = Request {
                host: &host,
                path: url.path(),
                headers: ask.headers,
                bearer: Some(&self.token),
                subprotocol: ask.subprotocol,
                reason: ask.reason,
            };
            Ok(upgrade(io, &request, limits(ask.max_message)).await)
        };
        timeout_at(within, steps)
            .await
            .map_err(|_| LinkError::Timeout { who: self.at.clone() })?
    }

    async fn secure(&self, url: &Url, tcp: TcpStream) -> Result<Metered, LinkError> {
        let Some(connector) = &self.tls else {
            return Ok(Metered::new(tcp));
        };
        let name = tls::server_name(url).ok_or_else(|| LinkError::Tls {
            at: self.at.clone(),
            why: "its name cannot stand in a certificate".to_owned(),
        })?;
        let secured = connector
            .connect(name, tcp)
            .await
            .map_err(|error| tls::refused(&self.at, &error))?;
        Ok(Metered::new(secured))
    }

    /// The first address that answers. Each gets its share of the time that is left, so that a dead IPv6
    /// route does not use up the deadline of a living IPv4 one.
    async fn tcp(&self, url: &Url, within: Instant) -> Result<TcpStream, LinkError> {
        let addresses = self.addresses(url).await?;
        let mut left = addresses.len();
        let mut last = LinkError::Dns {
            host: self.at.clone(),
        };
        for address in addresses {
            let now = Instant::now();
            let share =
                within.saturating_duration_since(now) / u32::try_from(left).unwrap_or(u32::MAX).max(1);
            left -= 1;
            last = match timeout_at(now + share, TcpStream::connect(address)).await {
                Ok(Ok(tcp)) => return Ok(tcp),
                Ok(Err(error)) => self.unreachable(&error),
                Err(_) => LinkError::Timeout { who: self.at.clone() },
            };
        }
        Err(last)
    }

    async fn addresses(&self, url: &Url) -> Result<Vec<SocketAddr>, LinkError> {
        let port = url.port_or_known_default().unwrap_or(443);
        let unknown = || LinkError::Dns {
            host: url.host_str().unwrap_or_default().to_owned(),
        };
        let ips: Vec<IpAddr> = match url.host().ok_or_else(unknown)? {
            Host::Ipv4(ip) => vec![ip.into()],
            Host::Ipv6(ip) => vec![ip.into()],
            // Not asked for: a resolver that answers something else would get tokens in the clear.
            Host::Domain("localhost") => vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()],
            Host::Domain(name) => {
                let found = tokio::net::lookup_host((name, port))
                    .await
                    .map_err(|_| unknown())?;
                found.map(|address| address.ip()).collect()
            }
        };
        if ips.is_empty() {
            return Err(unknown());
        }
        Ok(ips.into_iter().map(|ip| SocketAddr::new(ip, port)).collect())
    }

    fn unreachable(&self, error: &std::io::Error) -> LinkError {
        let at = self.at.clone();
        match error.kind() {
            std::io::ErrorKind::ConnectionRefused => LinkError::Refused { at },
            std::io::ErrorKind::TimedOut => LinkError::Timeout { who: at },
            kind => LinkError::Unreachable { at, kind },
        }
    }

    /// What a handshake that failed means for the link.
    pub(crate) fn not_upgraded(&self, error: &UpgradeError) -> LinkError {
        let at = self.at.clone();
        match *error {
            UpgradeError::Broken => LinkError::Lost { at },
            UpgradeError::BadToken => LinkError::BadToken,
            UpgradeError::Encrypted => tls::wanted(&self.at),
            UpgradeError::Status(401, _) => LinkError::Unauthorized { at },
            UpgradeError::Status(403, _) => LinkError::Forbidden { at },
            UpgradeError::Status(404, _) => LinkError::NoConnectRoute { at },
            // "Upgrade required" is how a server says that it wants another protocol version.
            UpgradeError::Subprotocol | UpgradeError::Status(426, _) => LinkError::Unsupported { at },
            UpgradeError::Status(status, _) => LinkError::Http { at, status },
            UpgradeError::Protocol(what) => LinkError::Protocol { at, what },
        }
    }
}
