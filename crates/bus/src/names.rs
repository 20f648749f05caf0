//! Under which names the bus answers, and which origin a host must have signed.

use crate::BusError;
use crate::refusal::Refusal;
use drawbridge_wire::link::{authority_of, origin_of};
use http::{HeaderMap, Uri, header};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

/// The origin by which this request reached the bus; set on every request that passed the check.
#[derive(Debug, Clone)]
pub(crate) struct ReachedAs(pub(crate) String);

/// Names of the bus.
///
/// A request whose `Host` is the public origin's counts as sent to the public origin (the proxy in front
/// of the bus speaks TLS, the bus does not see it); one to the listen address or `localhost` counts as
/// `http://<Host>`. Any other name is refused, so that a page that rebinds its own name to the bus, or a
/// bus that poses as this one, gets nothing.
#[derive(Debug)]
pub(crate) struct Names {
    public: Option<String>,
    local: Vec<String>,
}

impl Names {
    pub(crate) fn new(listen: SocketAddr, public: Option<&str>) -> Result<Self, BusError> {
        let public = match public {
            None => None,
            Some(text) => {
                let wrong = || BusError::PublicOrigin(text.to_owned());
                let origin = origin_of(text).ok_or_else(wrong)?;
                let path = text
                    .trim()
                    .split_once("://")
                    .and_then(|(_, rest)| rest.split_once(['/', '?', '#']));
                if path.is_some_and(|(_, path)| !path.is_empty()) {
                    return Err(wrong());
                }
                Some(origin)
            }
        };
        let port = listen.port();
        let mut local = vec![format!("http://{listen}"), format!("http://localhost:{port}")];
        if listen.ip().is_unspecified() {
            local.push(format!(
                "http://{}",
                SocketAddr::from((Ipv4Addr::LOCALHOST, port))
            ));
            local.push(format!(
                "http://{}",
                SocketAddr::from((Ipv6Addr::LOCALHOST, port))
            ));
        }
        let local = local.iter().filter_map(|name| origin_of(name)).collect();
        Ok(Self { public, local })
    }

    /// The origin by which a request came, or that it came under a foreign name.
    pub(crate) fn reached_as(&self, uri: &Uri, headers: &HeaderMap) -> Result<ReachedAs, Refusal> {
        let mut hosts = headers.get_all(header::HOST).iter();
        let (Some(host), None) = (hosts.next(), hosts.next()) else {
            return Err(Refusal::ForeignHost);
        };
        let host = host.to_str().map_err(|_| Refusal::ForeignHost)?;
        // A name ends where an address would go on; and a request line with a name of its own must agree.
        if host
            .bytes()
            .any(|c| matches!(c, b'/' | b'?' | b'#' | b'@') || c.is_ascii_whitespace())
            || uri
                .authority()
                .is_some_and(|authority| !authority.as_str().eq_ignore_ascii_case(host))
        {
            return Err(Refusal::ForeignHost);
        }
        if let Some(public) = &self.public {
            let scheme = if public.starts_with("https:") {
                "https"
            } else {
                "http"
            };
            if origin_of(&format!("{scheme}://{host}")).as_ref() == Some(public) {
                return Ok(ReachedAs(public.clone()));
            }
        }
        match origin_of(&format!("http://{host}")) {
            Some(origin) if self.local.contains(&origin) => Ok(ReachedAs(origin)),
            _ => Err(Refusal::ForeignHost),
        }
    }

    /// All names as `host[:port]`.
    pub(crate) fn authorities(&self) -> Vec<String> {
        let all = self.local.iter().chain(&self.public);
        all.map(|origin| authority_of(origin).to_owned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn reached(names: &Names, host: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_str(host).unwrap());
        names
            .reached_as(&Uri::from_static("/connect"), &headers)
            .ok()
            .map(|origin| origin.0)
    }

    #[test]
    fn a_request_counts_as_sent_to_the_name_it_used() {
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 7300));
        let names = Names::new(listen, Some("https://Bus.example.com/")).unwrap();
        for (host, origin) in [
            ("127.0.0.1:7300", Some("http://127.0.0.1:7300")),
            ("LOCALHOST:7300", Some("http://localhost:7300")),
            ("bus.example.com", Some("https://bus.example.com")),
            ("bus.example.com:443", Some("https://bus.example.com")),
            ("bus.example.com:7300", None),
            ("evil.example.com", None),
            ("127.0.0.1", None),
            ("127.0.0.1:7301", None),
            ("127.0.0.1:7300/x", None),
            ("me@127.0.0.1:7300", None),
        ] {
            assert_eq!(reached(&names, host).as_deref(), origin, "{host}");
        }
    }

    #[test]
    fn a_bus_on_every_address_is_local_on_both_loopbacks_only() {
        let names = Names::new(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 80)), None).unwrap();
        assert_eq!(reached(&names, "127.0.0.1").as_deref(), Some("http://127.0.0.1"));
        assert_eq!(reached(&names, "[::1]:80").as_deref(), Some("http://[::1]"));
        assert_eq!(reached(&names, "192.0.2.7"), None);
    }

    #[test]
    fn two_host_headers_or_a_differing_request_line_are_foreign() {
        let names = Names::new(SocketAddr::from((Ipv4Addr::LOCALHOST, 7300)), None).unwrap();
        let mut headers = HeaderMap::new();
        assert!(names.reached_as(&Uri::from_static("/"), &headers).is_err());
        headers.append(header::HOST, HeaderValue::from_static("127.0.0.1:7300"));
        assert!(names.reached_as(&Uri::from_static("/"), &headers).is_ok());
        assert!(
            names
                .reached_as(&Uri::from_static("http://evil.example.com/"), &headers)
                .is_err()
        );
        headers.append(header::HOST, HeaderValue::from_static("127.0.0.1:7300"));
        assert!(names.reached_as(&Uri::from_static("/"), &headers).is_err());
    }

    #[test]
    fn a_public_origin_is_an_origin() {
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 7300));
        for text in [
            "bus.example.com",
            "https://bus.example.com/path",
            "https://",
            "ftp://x",
        ] {
            assert_eq!(
                Names::new(listen, Some(text)).unwrap_err().code(),
                "bad_public_origin",
                "{text}"
            );
        }
    }
}
