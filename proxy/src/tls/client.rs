//! TLS towards endpoints: their verification, and our own certificate.

use super::{H2, HTTP_11, TlsError, provider};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use stagegate_settings::UpstreamTls;
use std::fmt;
use std::sync::Arc;

/// TLS towards an endpoint, ready for connections. Equal ones are interchangeable.
#[derive(Clone)]
pub struct ClientTls {
    pub(crate) name: ServerName<'static>,
    /// Offers HTTP/1.1 only.
    pub(crate) http1: Arc<ClientConfig>,
    /// Offers HTTP/2 only.
    pub(crate) http2: Arc<ClientConfig>,
    /// Offers both.
    pub(crate) either: Arc<ClientConfig>,
    settings: Arc<UpstreamTls>,
}

impl ClientTls {
    /// Prepares it for an endpoint on `host`, a DNS name or an IP address.
    ///
    /// # Errors
    /// A [`TlsError`] that says which part cannot be used.
    pub fn new(settings: &UpstreamTls, host: &str) -> Result<Self, TlsError> {
        let name = settings.server_name.as_deref().unwrap_or(host);
        let name = ServerName::try_from(name.to_owned()).map_err(|_| {
            rustls::Error::General(format!("`{name}` is neither a name nor an address"))
        })?;
        let provider = provider();
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()?;
        let builder = if settings.verify {
            builder.with_root_certificates(roots(&settings.ca)?)
        } else {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(Anyone(provider)))
        };
        let mut config = match &settings.certificate {
            None => builder.with_no_client_auth(),
            Some(certificate) => builder
                .with_client_auth_cert(certificate.chain.clone(), certificate.key.clone_key())
                .map_err(|why| TlsError::Certificate { number: 1, why })?,
        };
        let mut offering = |protocols: &[&[u8]]| {
            config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
            Arc::new(config.clone())
        };
        Ok(Self {
            name,
            http1: offering(&[HTTP_11]),
            http2: offering(&[H2]),
            either: offering(&[H2, HTTP_11]),
            settings: Arc::new(settings.clone()),
        })
    }
}

impl ClientTls {
    /// The name the other side must have, and what offers HTTP/2 or else HTTP/1.1: for others than
    /// the data plane.
    #[must_use]
    pub fn client(&self, http2: bool) -> (ServerName<'static>, Arc<ClientConfig>) {
        (self.name.clone(), Arc::clone(if http2 { &self.http2 } else { &self.http1 }))
    }
}

impl PartialEq for ClientTls {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.settings == other.settings
    }
}

impl Eq for ClientTls {}

impl fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientTls({})", self.name.to_str())
    }
}

fn roots(own: &[CertificateDer<'static>]) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for authority in own {
        roots.add(authority.clone())?;
    }
    if own.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    Ok(roots)
}

/// Takes every certificate: for `verify: false`, of which the configuration warns.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
