//! TLS for `wss://`: rustls with the ring provider named explicitly, the platform's trust, and the
//! user's own authorities beside it.

use crate::error::LinkError;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{CertificateError, ClientConfig, Error as TlsError};
use rustls_platform_verifier::Verifier;
use std::path::Path;
use std::sync::Arc;
use tokio::io::AsyncReadExt;
use tokio_rustls::TlsConnector;
use url::{Host, Url};

/// No bundle of authorities is larger.
const MAX_CA_FILE: u64 = 4 * 1024 * 1024;

/// Reads the trust anchors and makes a connector. Done for every attempt, so that a corrected store is
/// seen without a restart.
pub(crate) async fn connector(at: &str, ca_file: Option<&Path>) -> Result<TlsConnector, LinkError> {
    let extra = match ca_file {
        Some(path) => anchors(path).await?,
        None => Vec::new(),
    };
    let config = tokio::task::spawn_blocking(move || config(extra))
        .await
        .map_err(|_| {
            tls(
                at,
                "the trust anchors of this computer could not be read".to_owned(),
            )
        })?;
    match config {
        Ok(config) => Ok(TlsConnector::from(Arc::new(config))),
        Err(error) => match ca_file {
            Some(path) if matches!(error, TlsError::InvalidCertificate(_)) => Err(LinkError::CaFile {
                path: path.to_owned(),
                why: error.to_string(),
            }),
            _ => Err(tls(
                at,
                format!("{error}; install the system's CA certificates or pass a PEM file with --ca"),
            )),
        },
    }
}

fn config(extra: Vec<CertificateDer<'static>>) -> Result<ClientConfig, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = if extra.is_empty() {
        Verifier::new(Arc::clone(&provider))?
    } else {
        Verifier::new_with_extra_roots(extra, Arc::clone(&provider))?
    };
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous() // The name of the door to any verifier of one's own; this one is the platform's.
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

async fn anchors(path: &Path) -> Result<Vec<CertificateDer<'static>>, LinkError> {
    let fault = |why: String| LinkError::CaFile {
        path: path.to_owned(),
        why,
    };
    let file = tokio::fs::File::open(path)
        .await
        .map_err(|error| fault(error.to_string()))?;
    let mut pem = Vec::new();
    let read = file
        .take(MAX_CA_FILE + 1)
        .read_to_end(&mut pem)
        .await
        .map_err(|error| fault(error.to_string()))?;
    if read as u64 > MAX_CA_FILE {
        return Err(fault("it is larger than 4 MiB".to_owned()));
    }
    let found = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| fault("it is not PEM".to_owned()))?;
    if found.is_empty() {
        return Err(fault("there is no certificate in it".to_owned()));
    }
    Ok(found)
}

/// The name that the certificate must be for.
pub(crate) fn server_name(url: &Url) -> Option<ServerName<'static>> {
    match url.host()? {
        Host::Domain(name) => ServerName::try_from(name.to_owned()).ok(),
        Host::Ipv4(ip) => Some(ServerName::from(std::net::IpAddr::from(ip))),
        Host::Ipv6(ip) => Some(ServerName::from(std::net::IpAddr::from(ip))),
    }
}

/// Says what a failed handshake means.
pub(crate) fn refused(at: &str, error: &std::io::Error) -> LinkError {
    // The library's own words are for its authors.
    tracing::debug!(bus = at, %error, "no encrypted connection");
    let cause = error.get_ref().and_then(|inner| inner.downcast_ref::<TlsError>());
    let why = match cause {
        None | Some(TlsError::InvalidMessage(_)) => format!(
            "what answers there does not speak https; if that is a bus on this computer, give its address as \
             http://{at}, otherwise check the port"
        ),
        Some(TlsError::InvalidCertificate(fault)) => explain(fault).to_owned(),
        Some(_) => {
            "the two sides could not agree on an encrypted connection; check that the address and the port \
                    are those of the bus"
                .to_owned()
        }
    };
    tls(at, why)
}

/// The other way round: what answers to plain http wants an encrypted connection.
pub(crate) fn wanted(at: &str) -> LinkError {
    let why = format!(
        "what answers there speaks https or no http at all; give the address as https://{at}, or check the port"
    );
    tls(at, why)
}

fn explain(fault: &CertificateError) -> &'static str {
    match fault {
        CertificateError::UnknownIssuer => {
            "its certificate comes from an authority that this computer does not trust; name that authority's PEM file with --ca, for a bus that is enrolled when you enroll it again"
        }
        CertificateError::BadSignature => {
            "its certificate is not signed by the trusted authority of that name; name the right PEM file with --ca, for a bus that is enrolled when you enroll it again"
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "its certificate has expired; renew it, or check this computer's clock"
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "its certificate is not valid yet; check this computer's clock"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "its certificate is for another name; check the bus address"
        }
        CertificateError::Revoked => "its certificate was taken back; ask who runs the bus",
        _ => "its certificate cannot be used; ask who runs the bus",
    }
}

fn tls(at: &str, why: String) -> LinkError {
    LinkError::Tls {
        at: at.to_owned(),
        why,
    }
}
