//! TLS of a listener: its certificates, and the verification of clients.

use super::{H2, HTTP_11, Names, TlsError, provider};
use rustls::server::{
    ClientHello, NoServerSessionStorage, ProducesTickets, ResolvesServerCert, WebPkiClientVerifier,
};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig};
use stagegate_settings::{Certificate, ClientAuth, ListenerTls};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// TLS on a listener, ready for connections.
#[derive(Clone)]
pub struct ServerTls {
    pub(crate) config: Arc<ServerConfig>,
    settings: Arc<ListenerTls>,
}

impl ServerTls {
    /// Prepares it; HTTP/2 is offered when `http2`. Session tickets of `before` stay good as long as the same clients are let in:
    /// a ticket carries the certificate it was issued for, which is not verified again.
    ///
    /// # Errors
    /// A [`TlsError`] that says which part cannot be used.
    pub fn new(
        settings: ListenerTls,
        http2: bool,
        before: Option<&Self>,
    ) -> Result<Self, TlsError> {
        let provider = provider();
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()?;
        let builder = if settings.client_ca.is_empty() {
            builder.with_no_client_auth()
        } else {
            let mut roots = RootCertStore::empty();
            for authority in &settings.client_ca {
                roots.add(authority.clone())?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            let verifier = if settings.client_auth == ClientAuth::Required {
                verifier.build()
            } else {
                verifier.allow_unauthenticated().build()
            };
            let verifier = verifier.map_err(|error| TlsError::Authorities(error.to_string()))?;
            builder.with_client_cert_verifier(verifier)
        };
        let mut config = builder.with_cert_resolver(Arc::new(ByName::new(&settings.certificates)?));
        let kept = before.filter(|before| before.lets_in_the_same(&settings));
        config.ticketer = match kept {
            Some(before) => Arc::clone(&before.config.ticketer),
            // Encrypts with a key that it replaces every six hours; the one before still decrypts.
            None => rustls::crypto::ring::Ticketer::new()? as Arc<dyn ProducesTickets>,
        };
        // Every suite on offer is a good one. What this spares an operator is the finding that every
        // scanner makes of a server that leaves the choice to its clients.
        config.ignore_client_order = true;
        // Tickets keep a session with the client; memory on this side would be shared by workers.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.alpn_protocols =
            if http2 { vec![H2.to_vec(), HTTP_11.to_vec()] } else { vec![HTTP_11.to_vec()] };
        Ok(Self { config: Arc::new(config), settings: Arc::new(settings) })
    }

    /// The finished configuration, for a listener that is none of the data plane's.
    #[must_use]
    pub fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }

    fn lets_in_the_same(&self, settings: &ListenerTls) -> bool {
        self.settings.client_ca == settings.client_ca
            && self.settings.client_auth == settings.client_auth
    }
}

impl fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServerTls({} certificates)", self.settings.certificates.len())
    }
}

/// Certificates by the name the client asks for (RFC 6066 3): exactly this name, else `*.` and what
/// is below its first label, else the first.
#[derive(Debug)]
struct ByName {
    first: Arc<CertifiedKey>,
    by_name: HashMap<String, Arc<CertifiedKey>>,
}

impl ByName {
    fn new(certificates: &[Certificate]) -> Result<Self, TlsError> {
        let provider = provider();
        let mut first = None;
        let mut by_name = HashMap::new();
        for (index, certificate) in certificates.iter().enumerate() {
            let key = certificate.key.clone_key();
            let certified = CertifiedKey::from_der(certificate.chain.clone(), key, &provider)
                .map_err(|why| TlsError::Certificate { number: index + 1, why })?;
            let certified = Arc::new(certified);
            first.get_or_insert_with(|| Arc::clone(&certified));
            let names = certificate.chain.first().map(Names::of).unwrap_or_default();
            for name in names.dns() {
                let name = name.to_ascii_lowercase();
                by_name.entry(name).or_insert_with(|| Arc::clone(&certified));
            }
        }
        let none = rustls::Error::NoCertificatesPresented;
        let first = first.ok_or(TlsError::Certificate { number: 1, why: none })?;
        Ok(Self { first, by_name })
    }

    fn find(&self, name: &str) -> &Arc<CertifiedKey> {
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        let wildcard = || {
            let (_, below) = name.split_once('.')?;
            self.by_name.get(&format!("*.{below}"))
        };
        self.by_name.get(&name).or_else(wildcard).unwrap_or(&self.first)
    }
}

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(hello.server_name().map_or(&self.first, |name| self.find(name))))
    }
}

#[cfg(test)]
mod tests {
    use super::{ByName, ServerTls};
    use crate::tls::TlsError;
    use rustls::pki_types::PrivateKeyDer;
    use stagegate_settings::{Certificate, ClientAuth, ListenerTls};
    use std::sync::Arc;

    fn certificate(names: &[&str]) -> Certificate {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let made = rcgen::generate_simple_self_signed(names).expect("a certificate");
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key");
        Certificate { chain: vec![made.cert.der().clone()], key: Arc::new(key) }
    }

    fn settings(certificates: Vec<Certificate>) -> ListenerTls {
        ListenerTls { certificates, client_ca: Vec::new(), client_auth: ClientAuth::Optional }
    }

    #[test]
    fn the_name_asked_for_chooses_the_certificate() {
        let certificates = [
            certificate(&["a.example.com"]),
            certificate(&["*.example.com", "example.com"]),
            certificate(&["a.example.com", "other.test"]),
        ];
        let by_name = ByName::new(&certificates).expect("usable");
        for (name, chosen) in [
            ("a.example.com", 0),
            ("A.Example.COM", 0),
            ("b.example.com", 1),
            ("example.com", 1),
            ("c.b.example.com", 0),
            ("other.test", 2),
            ("nobody.test", 0),
        ] {
            assert_eq!(by_name.find(name).cert, certificates[chosen].chain, "{name}");
        }
    }

    #[test]
    fn a_key_of_another_certificate_is_refused_by_its_number() {
        let (good, other) = (certificate(&["a.test"]), certificate(&["b.test"]));
        let mixed = Certificate { chain: other.chain, key: Arc::clone(&good.key) };
        let refused = ServerTls::new(settings(vec![good, mixed]), true, None).expect_err("refused");
        assert!(matches!(refused, TlsError::Certificate { number: 2, .. }), "{refused}");
    }

    #[test]
    fn tickets_outlive_a_certificate_but_not_a_change_of_who_is_let_in() {
        let first =
            ServerTls::new(settings(vec![certificate(&["a.test"])]), true, None).expect("usable");
        let renewed = settings(vec![certificate(&["a.test"])]);
        let second = ServerTls::new(renewed.clone(), true, Some(&first)).expect("usable");
        assert!(Arc::ptr_eq(&first.config.ticketer, &second.config.ticketer));
        let authority = certificate(&["authority.test"]).chain;
        let stricter = ListenerTls { client_ca: authority, ..renewed };
        let third = ServerTls::new(stricter, true, Some(&second)).expect("usable");
        assert!(!Arc::ptr_eq(&second.config.ticketer, &third.config.ticketer));
    }
}
