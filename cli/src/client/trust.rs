//! Files for an admin API that speaks TLS.

use super::Failure;
use std::path::{Path, PathBuf};
use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, parse_pem};

/// The files that a client of an `https://` API needs, in PEM form.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    /// The authorities that sign the API's certificate; the public ones when absent.
    pub ca: Option<PathBuf>,
    /// The certificate that is shown when the API asks for one.
    pub cert: Option<PathBuf>,
    /// The private key of `cert`.
    pub key: Option<PathBuf>,
}

impl Trust {
    /// The settings of a connection.
    pub(super) fn config(&self) -> Result<TlsConfig, Failure> {
        let mut config = TlsConfig::builder();
        if let Some(ca) = &self.ca {
            config = config.root_certs(RootCerts::from(certificates("--ca", ca)?));
        }
        let own = match (&self.cert, &self.key) {
            (None, None) => None,
            (Some(cert), Some(key)) => {
                let chain = certificates("--client-cert", cert)?;
                let unusable = |_| unusable("--client-key", key, "a private key in PEM form");
                let key = PrivateKey::from_pem(&read("--client-key", key)?).map_err(unusable)?;
                Some(ClientCert::new_with_certs(&chain, key))
            }
            _ => {
                let text = "give --client-cert and --client-key together";
                return Err(Failure::Usage(text.to_owned()));
            }
        };
        Ok(config.client_cert(own).build())
    }
}

fn read(option: &str, path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path)
        .map_err(|error| Failure::Usage(format!("{option} {}: {error}", path.display())))
}

fn unusable(option: &str, path: &Path, wanted: &str) -> Failure {
    Failure::Usage(format!("{option} {}: the file does not hold {wanted}", path.display()))
}

fn certificates(option: &str, path: &Path) -> Result<Vec<Certificate<'static>>, Failure> {
    let found = parse_pem(&read(option, path)?)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect::<Vec<_>>();
    if found.is_empty() {
        return Err(unusable(option, path, "certificates in PEM form"));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::{Failure, Trust};

    #[test]
    fn what_cannot_be_used_is_named_with_its_option() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("notes.txt");
        std::fs::write(&path, "no certificate").expect("written");
        let said = |trust: Trust| match trust.config() {
            Err(Failure::Usage(text)) => text,
            other => panic!("{other:?}"),
        };
        let with_ca = |ca| said(Trust { ca: Some(ca), ..Trust::default() });
        assert!(with_ca(path.clone()).contains("does not hold certificates"));
        assert!(with_ca(dir.path().join("missing.pem")).starts_with("--ca "));
        let alone = said(Trust { cert: Some(path), ..Trust::default() });
        assert!(alone.contains("together"), "{alone}");
    }
}
