//! From an address to a WebSocket, over TLS where it leaves this computer.

use super::RemoteError;
use crate::args::setup::is_loopback;
use drawbridge_consent::visible_line;
use drawbridge_wire::Secret;
use drawbridge_wire::link::{MAX_APP_SERVER_MESSAGE, SOCKET_BUFFER, valid_host_id};
use http::HeaderValue;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls_platform_verifier::Verifier;
use std::path::Path;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error as SocketError, http as ws_http};
use url::Url;
use zeroize::Zeroizing;

/// A stream to the bus, encrypted or not.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// A WebSocket to the bus.
pub(super) type Socket = WebSocketStream<Box<dyn Stream>>;

/// The address of a host's app-server at a bus.
pub(super) fn url(bus: &str, host: Option<&str>) -> Result<Url, RemoteError> {
    let wrong = |why| RemoteError::Address(visible_line(bus), why);
    let mut url =
        Url::parse(bus.trim()).map_err(|_| wrong("is no URL; write it like https://bus.example"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(RemoteError::Address(
            String::new(),
            "holds a user or password; leave them out",
        ));
    }
    if url.query().is_some() || url.fragment().is_some() || url.host().is_none() {
        return Err(wrong(
            "is not the base address of a bus; write it like https://bus.example",
        ));
    }
    let scheme = match url.scheme() {
        "https" | "wss" => "wss",
        "http" | "ws" if is_loopback(&url) => "ws",
        "http" | "ws" => return Err(wrong("is not encrypted and leaves this computer; use https")),
        _ => return Err(wrong("must start with https://")),
    };
    url.set_scheme(scheme)
        .map_err(|()| wrong("must start with https://"))?;
    if let Some(host) = host {
        if !valid_host_id(host) {
            return Err(wrong("has no such host: an id is 1 to 64 of a-z 0-9 . _ -"));
        }
        url.path_segments_mut()
            .map_err(|()| wrong("is not the base address of a bus"))?
            .pop_if_empty()
            .extend(["hosts", host, "app-server"]);
    }
    Ok(url)
}

/// Host and port, for messages.
pub(super) fn place(url: &Url) -> String {
    format!(
        "{}:{}",
        url.host_str().unwrap_or_default(),
        url.port_or_known_default().unwrap_or_default()
    )
}

/// Connects. The caller bounds the time.
pub(super) async fn open(url: &Url, token: &Secret, ca: Option<&Path>) -> Result<Socket, RemoteError> {
    let unreachable = |why: String| RemoteError::Unreachable { at: place(url), why };
    let port = url.port_or_known_default().unwrap_or(443);
    let tcp = match url.host() {
        Some(url::Host::Domain(name)) => TcpStream::connect((name, port)).await,
        Some(url::Host::Ipv4(ip)) => TcpStream::connect((ip, port)).await,
        Some(url::Host::Ipv6(ip)) => TcpStream::connect((ip, port)).await,
        None => return Err(unreachable("the address has no host".to_owned())),
    }
    .map_err(|error| unreachable(format!("{error}; check the address and that the bus runs")))?;
    let _ = tcp.set_nodelay(true);
    let stream: Box<dyn Stream> = if url.scheme() == "wss" {
        let connector = tokio_rustls::TlsConnector::from(Arc::new(tls(ca, &unreachable)?));
        let name =
            server_name(url).ok_or_else(|| unreachable("its name cannot be in a certificate".to_owned()))?;
        let stream = connector.connect(name, tcp).await.map_err(|error| {
            unreachable(format!(
                "{error}; if its certificate is of a private authority, name that with --ca"
            ))
        })?;
        Box::new(stream)
    } else {
        Box::new(tcp)
    };
    upgrade(url, token, stream).await
}

async fn upgrade(url: &Url, token: &Secret, stream: Box<dyn Stream>) -> Result<Socket, RemoteError> {
    let unreachable = |why: String| RemoteError::Unreachable { at: place(url), why };
    let mut request = url
        .as_str()
        .into_client_request()
        .map_err(|error| unreachable(error.to_string()))?;
    let bearer = Zeroizing::new(format!("Bearer {}", token.reveal()));
    let mut value = HeaderValue::from_str(&bearer).map_err(|_| RemoteError::NoToken)?;
    value.set_sensitive(true);
    request.headers_mut().insert(http::header::AUTHORIZATION, value);
    let config = WebSocketConfig::default()
        .read_buffer_size(SOCKET_BUFFER)
        .write_buffer_size(SOCKET_BUFFER)
        .max_message_size(Some(MAX_APP_SERVER_MESSAGE))
        .max_frame_size(Some(MAX_APP_SERVER_MESSAGE));
    match tokio_tungstenite::client_async_with_config(request, stream, Some(config)).await {
        Ok((socket, _)) => Ok(socket),
        Err(SocketError::Http(response)) => Err(refusal(&response)),
        Err(error) => Err(unreachable(format!("{error}; is that the address of a bus?"))),
    }
}

/// What the bus says instead of a WebSocket: `{"error":{"code","message"}}`.
fn refusal(response: &ws_http::Response<Option<Vec<u8>>>) -> RemoteError {
    let said = response
        .body()
        .as_deref()
        .and_then(|body| serde_json::from_slice::<serde_json::Value>(body).ok());
    let member = |key: &str| {
        said.as_ref()
            .and_then(|said| said.get("error")?.get(key)?.as_str())
            .map(visible_line)
    };
    let hosts = said
        .as_ref()
        .and_then(|said| said.get("error")?.get("hosts")?.as_array())
        .map(|hosts| {
            hosts
                .iter()
                .filter_map(|host| host.as_str())
                .map(visible_line)
                .collect::<Vec<_>>()
                .join(", ")
        })
        .filter(|hosts| !hosts.is_empty())
        .map(|hosts| format!(" ({hosts})"))
        .unwrap_or_default();
    let status = response.status();
    RemoteError::Refused {
        code: member("code").unwrap_or_else(|| format!("http_{}", status.as_u16())),
        message: member("message").unwrap_or_else(|| format!("HTTP {status}")) + &hosts,
    }
}

fn tls(
    ca: Option<&Path>,
    unreachable: &dyn Fn(String) -> RemoteError,
) -> Result<rustls::ClientConfig, RemoteError> {
    let extra = ca.map(anchors).transpose()?.unwrap_or_default();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = Verifier::new_with_extra_roots(extra, provider.clone()).map_err(|error| {
        unreachable(format!(
            "the trust anchors cannot be used: {error}; name some with --ca"
        ))
    })?;
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| unreachable(error.to_string()))?;
    Ok(builder
        // The name of the door to any verifier of one's own; this one is the platform's.
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth())
}

fn anchors(path: &Path) -> Result<Vec<CertificateDer<'static>>, RemoteError> {
    let wrong = |why: String| RemoteError::Ca(path.to_owned(), why);
    let certificates: Vec<_> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|error| wrong(error.to_string()))?;
    if certificates.is_empty() {
        Err(wrong("there is none in it".to_owned()))
    } else {
        Ok(certificates)
    }
}

fn server_name(url: &Url) -> Option<ServerName<'static>> {
    match url.host()? {
        url::Host::Domain(name) => ServerName::try_from(name.to_owned()).ok(),
        url::Host::Ipv4(ip) => Some(ServerName::from(std::net::IpAddr::from(ip))),
        url::Host::Ipv6(ip) => Some(ServerName::from(std::net::IpAddr::from(ip))),
    }
}

#[cfg(test)]
mod tests {
    use super::{refusal, url};
    use tokio_tungstenite::tungstenite::http as ws_http;

    #[test]
    fn the_address_of_a_host_is_derived_from_the_bus() {
        for (bus, host, address) in [
            (
                "https://bus.example",
                Some("desk"),
                "wss://bus.example/hosts/desk/app-server",
            ),
            ("https://bus.example/", None, "wss://bus.example/"),
            (
                "https://bus.example/team/",
                Some("desk"),
                "wss://bus.example/team/hosts/desk/app-server",
            ),
            (
                "http://127.0.0.1:7300",
                Some("d.e-s_k1"),
                "ws://127.0.0.1:7300/hosts/d.e-s_k1/app-server",
            ),
            ("ws://[::1]:7300", None, "ws://[::1]:7300/"),
            ("wss://bus.example:8443", None, "wss://bus.example:8443/"),
        ] {
            assert_eq!(url(bus, host).unwrap().as_str(), address);
        }
    }

    #[test]
    fn tokens_never_travel_unencrypted_and_addresses_are_checked() {
        for (bus, host) in [
            ("http://bus.example", None),
            ("ws://10.0.0.1:7300", None),
            ("ftp://bus.example", None),
            ("bus.example", None),
            ("https://me:canary@bus.example", None),
            ("https://bus.example?token=x", None),
            ("https://bus.example", Some("../x")),
            ("https://bus.example", Some("")),
        ] {
            let error = url(bus, host).unwrap_err();
            assert_eq!(error.code(), "bus_address", "{bus}");
            assert!(!error.to_string().contains("canary"));
        }
    }

    #[test]
    fn a_refusal_is_told_in_the_words_of_the_bus() {
        let answer = |body: &str| {
            ws_http::Response::builder()
                .status(409)
                .body(Some(body.as_bytes().to_vec()))
                .unwrap()
        };
        let said = refusal(&answer(
            r#"{"error":{"code":"several_hosts","message":"Name one\u001b","hosts":["a","b"]}}"#,
        ));
        assert_eq!(
            said.to_string(),
            "the bus refused: Name one‹U+001B ESCAPE› (a, b) [several_hosts]"
        );
        let mute = refusal(&answer("<html>"));
        assert_eq!(mute.to_string(), "the bus refused: HTTP 409 Conflict [http_409]");
    }
}
