//! Dialling a bus as one of its clients does: the same addresses, names, trust and handshake as the link.

use crate::dial::Dialer;
use crate::error::LinkError;
use crate::stream::Socket;
use crate::upgrade::UpgradeError;
use crate::{ConnectorError, urls};
use drawbridge_wire::Secret;
use std::path::{Path, PathBuf};
use url::Url;

/// Why a client got no WebSocket.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The bus answered with something else. It has said why, in its own words.
    #[error("HTTP {status}")]
    Refused {
        /// Status of the answer.
        status: u16,
        /// The answer's body, cut at 16 KiB: `{"error":{"code","message"}}` from a bus.
        body: Vec<u8>,
    },
    /// The trust anchors cannot be used.
    #[error("cannot use the certificates in {path}: {why}", path = .path.display())]
    CaFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The token cannot be sent.
    #[error("the token is empty or has characters that no token has; copy it again")]
    BadToken,
    /// No connection; the text says what to do.
    #[error("{why}")]
    Unreachable {
        /// Stable code of what happened, e.g. `dns`, `refused`, `tls`, `timeout`.
        code: String,
        /// What happened and what to do.
        why: String,
    },
}

impl From<LinkError> for ClientError {
    fn from(error: LinkError) -> Self {
        match error {
            LinkError::CaFile { path, why } => Self::CaFile { path, why },
            LinkError::BadToken => Self::BadToken,
            other => Self::Unreachable {
                code: other.code().into_owned(),
                why: other.to_string(),
            },
        }
    }
}

/// URL of a host's app-server at a bus, or of the bus's only host: `https://HOST` gives
/// `wss://HOST/hosts/<id>/app-server` or `wss://HOST/`. `ws://` and `wss://` are taken, too.
///
/// # Errors
/// [`ConnectorError::InvalidUrl`] or [`ConnectorError::InsecureUrl`].
pub fn client_url(bus: &str, host: Option<&str>) -> Result<Url, ConnectorError> {
    let mut url = urls::any_base(bus)?;
    if let Some(host) = host {
        for segment in ["hosts", host, "app-server"] {
            urls::push(&mut url, segment)?;
        }
    }
    Ok(url)
}

/// Host and port of a URL, for messages.
#[must_use]
pub fn place(url: &Url) -> String {
    format!(
        "{}:{}",
        url.host_str().unwrap_or_default(),
        url.port_or_known_default().unwrap_or_default()
    )
}

/// Dials a client's URL (see [`client_url`]). Reading the trust anchors and the dialling have
/// [`crate::CONNECT_WITHIN`] each.
///
/// # Errors
/// [`ClientError`].
pub async fn dial_client(url: Url, token: Secret, ca_file: Option<&Path>) -> Result<Socket, ClientError> {
    let at = place(&url);
    let prepared = tokio::time::timeout(crate::CONNECT_WITHIN, Dialer::new(url, token, ca_file, &at));
    let dialer = prepared.await.map_err(|_| ClientError::Unreachable {
        code: "timeout".to_owned(),
        why: "the trust anchors could not be read in time: name a file with --ca".to_owned(),
    })??;
    match dialer.client().await? {
        Ok(socket) => Ok(socket),
        Err(UpgradeError::Status(status, body)) => Err(ClientError::Refused { status, body }),
        Err(other) => Err(dialer.not_upgraded(&other).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::client_url;

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
            assert_eq!(client_url(bus, host).unwrap().as_str(), address);
        }
    }

    #[test]
    fn a_clients_token_never_travels_unencrypted() {
        for (bus, code) in [
            ("http://bus.example", "insecure_url"),
            ("ws://10.0.0.1:7300", "insecure_url"),
            ("ftp://bus.example", "invalid_url"),
            ("bus.example", "invalid_url"),
            ("https://me:canary@bus.example", "invalid_url"),
            ("https://bus.example?token=canary", "invalid_url"),
        ] {
            let error = client_url(bus, None).unwrap_err();
            assert_eq!(error.code(), code, "{bus}");
            assert!(!format!("{error} {error:?}").contains("canary"));
        }
    }
}
