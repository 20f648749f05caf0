//! Servers with a certificate that only those trust who were given its authority.

#![allow(
    clippy::unwrap_used,
    reason = "it is a part of the test that needs it; without a certificate that test must fail"
)]

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use std::sync::Arc;

/// A private authority, and a server with a certificate of it.
#[derive(Debug)]
pub struct Private {
    /// The authority's certificate, as a file of trust anchors has it.
    pub authority: String,
    /// What the server answers with.
    pub server: Arc<ServerConfig>,
}

impl Private {
    /// An authority of this name, made anew each time, and its certificate for `host`.
    #[must_use]
    pub fn new(authority: &str, host: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, authority);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(vec![host.to_owned()])
            .unwrap()
            .signed_by(&key, &authority)
            .unwrap();
        let secret = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let server = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone()], secret)
            .unwrap();
        Self {
            authority: authority.pem(),
            server: Arc::new(server),
        }
    }
}
