//! TLS settings: certificates and keys that were read and fit each other.

use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::sync::Arc;

/// TLS on a listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerTls {
    /// At least one; the first is for clients that ask for no known name.
    pub certificates: Vec<Certificate>,
    /// Authorities that sign clients' certificates; empty when clients are not asked for one.
    pub client_ca: Vec<CertificateDer<'static>>,
    /// If clients need a certificate.
    pub client_auth: ClientAuth,
}

/// TLS towards endpoints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamTls {
    /// Authorities that sign endpoints' certificates; the public authorities when empty.
    pub ca: Vec<CertificateDer<'static>>,
    /// The certificate shown to endpoints that ask.
    pub certificate: Option<Certificate>,
    /// The name endpoints must have, sent as SNI; the one in their URL when absent.
    pub server_name: Option<String>,
    /// True if endpoints' certificates are verified.
    pub verify: bool,
}

impl Default for UpstreamTls {
    fn default() -> Self {
        Self { ca: Vec::new(), certificate: None, server_name: None, verify: true }
    }
}

/// A certificate and the key that goes with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The certificate first, then its issuers.
    pub chain: Vec<CertificateDer<'static>>,
    /// Its private key; never printed.
    pub key: Arc<PrivateKeyDer<'static>>,
}

/// If clients need a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ClientAuth {
    /// A client without a certificate is accepted, without an identity.
    Optional,
    /// A client without one is turned away in the handshake.
    #[default]
    Required,
}

impl ClientAuth {
    /// The word used in the configuration.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Optional => "optional",
            Self::Required => "required",
        }
    }
}
