//! TLS towards a server.

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use stagegate_settings::FleetTls;
use std::path::Path;
use std::sync::Arc;
use tokio_rustls::TlsConnector;

/// What is needed for TLS. Without a file of authorities those of Mozilla are believed.
///
/// # Errors
/// The file that cannot be used, in words.
pub(super) fn connector(settings: &FleetTls) -> Result<TlsConnector, String> {
    let mut roots = RootCertStore::empty();
    match &settings.ca {
        Some(path) => {
            for authority in certificates(path, "fleet.tls.ca")? {
                let added = roots.add(authority);
                added.map_err(|error| format!("fleet.tls.ca: {}: {error}", path.display()))?;
            }
        }
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots);
    let config = match (&settings.cert, &settings.key) {
        (Some(cert), Some(key)) => {
            let chain = certificates(cert, "fleet.tls.cert")?;
            let secret = PrivateKeyDer::from_pem_file(key)
                .map_err(|error| format!("fleet.tls.key: {}: {error}", key.display()))?;
            let config = config.with_client_auth_cert(chain, secret);
            config.map_err(|error| format!("fleet.tls: {error}"))?
        }
        _ => config.with_no_client_auth(),
    };
    Ok(TlsConnector::from(Arc::new(config)))
}

fn certificates(path: &Path, key: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let failed = |error: &dyn std::fmt::Display| format!("{key}: {}: {error}", path.display());
    let read = CertificateDer::pem_file_iter(path).map_err(|error| failed(&error))?;
    let all: Vec<_> = read.collect::<Result<_, _>>().map_err(|error| failed(&error))?;
    if all.is_empty() { Err(failed(&"no certificate in it")) } else { Ok(all) }
}
