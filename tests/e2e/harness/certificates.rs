//! Certificates made for one test.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
    SanType,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

/// An authority, and the directory its files are in.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    dir: TempDir,
}

/// A certificate with its key, as files.
#[derive(Clone, Debug)]
pub(crate) struct Certificate {
    pub(crate) cert: PathBuf,
    pub(crate) key: PathBuf,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "an authority of the tests");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate().expect("a key");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("an authority");
        let dir = TempDir::new().expect("a directory");
        std::fs::write(dir.path().join("ca.pem"), issuer.pem()).expect("write the authority");
        Self { issuer, dir }
    }

    /// The authority's own certificate.
    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().join("ca.pem")
    }

    /// Signs a certificate for these DNS names or IP addresses.
    pub(crate) fn sign(&self, file: &str, names: &[&str]) -> Certificate {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        self.sign_params(file, &CertificateParams::new(names).expect("names"))
    }

    /// Signs a client's certificate that names a URI.
    pub(crate) fn sign_uri(&self, file: &str, uri: &str) -> Certificate {
        let mut params = CertificateParams::default();
        params.subject_alt_names = vec![SanType::URI(uri.try_into().expect("ascii"))];
        self.sign_params(file, &params)
    }

    fn sign_params(&self, file: &str, params: &CertificateParams) -> Certificate {
        let key = KeyPair::generate().expect("a key");
        let signed = params.signed_by(&key, &self.issuer).expect("a certificate");
        let path = |ending: &str| self.dir.path().join(format!("{file}{ending}"));
        let certificate = Certificate { cert: path(".pem"), key: path("-key.pem") };
        std::fs::write(&certificate.cert, signed.pem()).expect("write the certificate");
        std::fs::write(&certificate.key, key.serialize_pem()).expect("write the key");
        certificate
    }

    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).expect("a root");
        roots
    }

    /// A client that trusts this authority alone, and shows `certificate` when asked.
    pub(crate) fn client(&self, certificate: Option<&Certificate>) -> ClientConfig {
        let builder = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(self.roots());
        match certificate {
            None => builder.with_no_client_auth(),
            Some(certificate) => {
                let (chain, key) = certificate.read();
                builder.with_client_auth_cert(chain, key).expect("a certificate")
            }
        }
    }

    /// A server that shows `certificate`, and wants one of this authority's when `mutual`.
    pub(crate) fn server(&self, certificate: &Certificate, mutual: bool) -> ServerConfig {
        let builder = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .expect("versions");
        let (chain, key) = certificate.read();
        let builder = if mutual {
            let verifier = rustls::server::WebPkiClientVerifier::builder_with_provider(
                Arc::new(self.roots()),
                provider(),
            );
            builder.with_client_cert_verifier(verifier.build().expect("a verifier"))
        } else {
            builder.with_no_client_auth()
        };
        builder.with_single_cert(chain, key).expect("a certificate")
    }
}

impl Certificate {
    /// As an entry of a listener's `certificates`.
    pub(crate) fn yaml(&self) -> String {
        format!("{{ cert: {}, key: {} }}", self.cert.display(), self.key.display())
    }

    fn read(&self) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        let read = |path: &Path| std::fs::read(path).expect("read a file");
        let chain = CertificateDer::pem_slice_iter(&read(&self.cert)).collect::<Result<_, _>>();
        let key = PrivateKeyDer::from_pem_slice(&read(&self.key));
        (chain.expect("certificates"), key.expect("a key"))
    }
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}
