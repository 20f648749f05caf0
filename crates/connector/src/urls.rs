//! From the address that a person gives to the addresses that are used.

use crate::ConnectorError;
use url::{Host, Url};

/// URL of the host link: `https://HOST` gives `wss://HOST/connect`; `http://` only for this computer.
///
/// # Errors
/// [`ConnectorError::InvalidUrl`] or [`ConnectorError::InsecureUrl`].
pub fn connect_url(api: &str) -> Result<Url, ConnectorError> {
    let mut url = as_socket(base(api)?, "https")?;
    push(&mut url, "connect")?;
    Ok(url)
}

/// URL of the bus's MCP server: `https://HOST` gives `https://HOST/mcp`.
///
/// # Errors
/// [`ConnectorError::InvalidUrl`] or [`ConnectorError::InsecureUrl`].
pub fn mcp_url(api: &str) -> Result<Url, ConnectorError> {
    let mut url = base(api)?;
    push(&mut url, "mcp")?;
    Ok(url)
}

/// The bus's origin as the host signs it: `scheme://host[:port]`, default ports left out.
///
/// # Errors
/// [`ConnectorError::InvalidUrl`] or [`ConnectorError::InsecureUrl`].
pub fn origin(api: &str) -> Result<String, ConnectorError> {
    drawbridge_wire::link::origin_of(base(api)?.as_str()).ok_or_else(|| invalid("it has no host"))
}

/// URL of an address below the bus's, e.g. `["api", "pair"]`.
///
/// # Errors
/// [`ConnectorError::InvalidUrl`] or [`ConnectorError::InsecureUrl`].
pub fn api_url(api: &str, segments: &[&str]) -> Result<Url, ConnectorError> {
    let mut url = base(api)?;
    for segment in segments {
        push(&mut url, segment)?;
    }
    Ok(url)
}

/// Checks a URL that is asked over HTTP. It may have a query: addresses of MCP servers do.
///
/// # Errors
/// When it is none, carries a user or password, or would cross a network unencrypted.
pub fn web_url(text: &str) -> Result<Url, ConnectorError> {
    reachable(text, "https", "http")
}

/// Checks a link URL that came over the pipe.
pub(crate) fn link_url(text: &str) -> Result<Url, ConnectorError> {
    checked(text, "wss", "ws")
}

/// Appends one path segment, percent-encoded.
pub(crate) fn push(url: &mut Url, segment: &str) -> Result<(), ConnectorError> {
    url.path_segments_mut()
        .map_err(|()| invalid("it has no host"))?
        .pop_if_empty()
        .push(segment);
    Ok(())
}

/// The base address of a bus as a client writes it, as `ws` or `wss`.
pub(crate) fn any_base(text: &str) -> Result<Url, ConnectorError> {
    let web = text.trim_start().to_ascii_lowercase().starts_with("http");
    let (secure, plain) = if web { ("https", "http") } else { ("wss", "ws") };
    as_socket(checked(text, secure, plain)?, secure)
}

fn as_socket(mut url: Url, secure: &str) -> Result<Url, ConnectorError> {
    let scheme = if url.scheme() == secure { "wss" } else { "ws" };
    url.set_scheme(scheme).map_err(|()| invalid("it has no host"))?;
    Ok(url)
}

/// Whether a host name can only mean this computer.
#[must_use]
pub fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost",
        Host::Ipv4(ip) => ip.is_loopback(),
        Host::Ipv6(ip) => ip.is_loopback(),
    }
}

fn base(api: &str) -> Result<Url, ConnectorError> {
    checked(api, "https", "http")
}

fn checked(text: &str, secure: &str, plain: &str) -> Result<Url, ConnectorError> {
    let url = reachable(text, secure, plain)?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err(invalid("it has a query or a fragment"));
    }
    Ok(url)
}

fn reachable(text: &str, secure: &str, plain: &str) -> Result<Url, ConnectorError> {
    let url = Url::parse(text.trim()).map_err(|_| invalid("it cannot be parsed"))?;
    if url.scheme() != secure && url.scheme() != plain {
        return Err(invalid("its scheme is another"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(invalid("it carries a user name or password"));
    }
    let host = url.host().ok_or_else(|| invalid("it has no host"))?;
    if url.scheme() == plain && !is_loopback(&host) {
        return Err(ConnectorError::InsecureUrl {
            host: host.to_string(),
        });
    }
    Ok(url)
}

fn invalid(why: &'static str) -> ConnectorError {
    ConnectorError::InvalidUrl { why }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    // proves S1.06, S1.07
    fn the_addresses_are_derived_from_the_api_base() {
        let table = [
            (
                "https://bus.example",
                "wss://bus.example/connect",
                "https://bus.example/mcp",
                "https://bus.example",
            ),
            (
                "https://bus.example/",
                "wss://bus.example/connect",
                "https://bus.example/mcp",
                "https://bus.example",
            ),
            (
                "https://Bus.Example:443",
                "wss://bus.example/connect",
                "https://bus.example/mcp",
                "https://bus.example",
            ),
            (
                "https://bus.example:8443",
                "wss://bus.example:8443/connect",
                "https://bus.example:8443/mcp",
                "https://bus.example:8443",
            ),
            (
                "https://bus.example/team/a/",
                "wss://bus.example/team/a/connect",
                "https://bus.example/team/a/mcp",
                "https://bus.example",
            ),
            (
                " http://localhost:7300 ",
                "ws://localhost:7300/connect",
                "http://localhost:7300/mcp",
                "http://localhost:7300",
            ),
            (
                "http://127.0.0.1:80",
                "ws://127.0.0.1/connect",
                "http://127.0.0.1/mcp",
                "http://127.0.0.1",
            ),
            (
                "http://127.9.8.7:1",
                "ws://127.9.8.7:1/connect",
                "http://127.9.8.7:1/mcp",
                "http://127.9.8.7:1",
            ),
            (
                "http://[::1]:7300",
                "ws://[::1]:7300/connect",
                "http://[::1]:7300/mcp",
                "http://[::1]:7300",
            ),
        ];
        for (api, connect, mcp, signed) in table {
            assert_eq!(connect_url(api).unwrap().as_str(), connect, "{api}");
            assert_eq!(mcp_url(api).unwrap().as_str(), mcp, "{api}");
            assert_eq!(origin(api).unwrap(), signed, "{api}");
        }
    }

    #[test]
    fn plain_http_and_ws_go_to_this_computer_only() {
        for api in [
            "http://bus.example",
            "http://10.0.0.1:7300",
            "http://localhost.example",
            "http://127.0.0.1.example",
            "http://[::ffff:127.0.0.1]",
            "http://0.0.0.0:7300",
            "http://[::]:7300",
        ] {
            for error in [
                connect_url(api).unwrap_err(),
                mcp_url(api).unwrap_err(),
                origin(api).unwrap_err(),
            ] {
                assert_eq!(error.code(), "insecure_url", "{api}");
            }
        }
        assert_eq!(
            link_url("ws://bus.example/connect").unwrap_err().code(),
            "insecure_url"
        );
        assert!(link_url("ws://[::1]/connect").is_ok());
        assert!(link_url("wss://bus.example/connect").is_ok());
    }

    #[test]
    fn what_is_no_base_address_is_refused_without_showing_it() {
        for api in [
            "",
            "bus.example",
            "ftp://bus.example",
            "ws://127.0.0.1:1",
            "https://",
            "https://me:canary@bus.example",
            "https://canary@bus.example",
            "https://bus.example?token=canary",
            "https://bus.example/#canary",
            "unix:/run/bus.sock",
        ] {
            let error = connect_url(api).unwrap_err();
            assert_eq!(error.code(), "invalid_url", "{api}");
            assert!(!format!("{error} {error:?}").contains("canary"), "{error}");
        }
    }
}
