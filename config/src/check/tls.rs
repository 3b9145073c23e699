//! Certificates and keys: read, understood, and fitting each other.

use super::members::read_text;
use crate::raw::{RawTls, RawUpstreamTls};
use crate::read::{At, Context, Site, plain};
use crate::scalar::FilePath;
use rustls::Error;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use stagegate_settings::{Certificate, ListenerTls, UpstreamTls};
use std::sync::Arc;

/// Largest file of certificates or keys.
const MAX_FILE: u64 = 4 << 20;

pub(crate) fn listener(at: At<RawTls>, cx: &mut Context<'_>) -> Option<ListenerTls> {
    let At { value: raw, .. } = at;
    let certificates = plain(raw.certificates).and_then(|list| {
        let of = |at: At<crate::raw::RawCertificate>, cx: &mut Context<'_>| {
            certificate(&at.value.cert?, &at.value.key?, cx)
        };
        let all: Vec<_> = list.0.into_iter().map(|at| of(at, cx)).collect();
        all.into_iter().collect::<Option<Vec<_>>>()
    });
    if let (None, Some(auth)) = (&raw.client_ca, &raw.client_auth) {
        cx.problem(
            &auth.site,
            "says whether clients must show a certificate, but not who signs those",
            "add `client_ca`, or remove it",
        );
    }
    let client_ca = match &raw.client_ca {
        Some(path) => authorities(path, cx),
        None => Some(Vec::new()),
    };
    Some(ListenerTls {
        certificates: certificates?,
        client_ca: client_ca?,
        client_auth: plain(raw.client_auth).unwrap_or_default(),
    })
}

pub(crate) fn upstream(at: At<RawUpstreamTls>, cx: &mut Context<'_>) -> Option<UpstreamTls> {
    let At { value: raw, .. } = at;
    let ca = match &raw.ca {
        Some(path) => authorities(path, cx),
        None => Some(Vec::new()),
    };
    let certificate = pair(raw.cert.as_ref(), raw.key.as_ref(), cx);
    let verify = raw.verify?;
    if !verify.value {
        cx.warn(
            &verify.site,
            "lets anyone on the way pretend to be the backend",
            "name the authority in `ca` instead",
        );
        if let Some(ca) = &raw.ca {
            cx.problem(&ca.site, "is not used with `verify: false`", "remove one of the two");
            return None;
        }
    }
    Some(UpstreamTls {
        ca: ca?,
        certificate: certificate?,
        server_name: plain(raw.server_name).map(|name| name.0),
        verify: verify.value,
    })
}

/// A certificate and its key, if there are any.
pub(super) fn pair(
    cert: Option<&At<FilePath>>,
    key: Option<&At<FilePath>>,
    cx: &mut Context<'_>,
) -> Option<Option<Certificate>> {
    match (cert, key) {
        (Some(cert), Some(key)) => certificate(cert, key, cx).map(Some),
        (None, None) => Some(None),
        (Some(alone), None) | (None, Some(alone)) => {
            cx.problem(&alone.site, "is given alone", "give `cert` and `key` together");
            None
        }
    }
}

fn certificate(
    cert: &At<FilePath>,
    key: &At<FilePath>,
    cx: &mut Context<'_>,
) -> Option<Certificate> {
    let chain = certificates(cert, cx);
    let private = private_key(key, cx);
    let (chain, private) = (chain?, private?);
    let provider = rustls::crypto::ring::default_provider();
    let message = match CertifiedKey::from_der(chain.clone(), private.clone_key(), &provider) {
        Ok(_) => return Some(Certificate { chain, key: Arc::new(private) }),
        Err(Error::InconsistentKeys(_)) => "is not the key of the certificate beside it".to_owned(),
        Err(error) => format!("cannot be used: {error}"),
    };
    cx.problem(&key.site, message, "name a certificate and the private key it was made with");
    None
}

fn certificates(at: &At<FilePath>, cx: &mut Context<'_>) -> Option<Vec<CertificateDer<'static>>> {
    let text = text(at, cx)?;
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.as_bytes()).collect();
    match read {
        Ok(found) if !found.is_empty() => Some(found),
        _ => {
            let message = "names a file that is not certificates in PEM form";
            cx.problem(&at.site, message, "name a file that begins with a certificate");
            None
        }
    }
}

pub(super) fn authorities(
    at: &At<FilePath>,
    cx: &mut Context<'_>,
) -> Option<Vec<CertificateDer<'static>>> {
    let found = certificates(at, cx)?;
    let mut roots = rustls::RootCertStore::empty();
    for authority in &found {
        if let Err(error) = roots.add(authority.clone()) {
            let message = format!("names a file with an authority that cannot be used: {error}");
            cx.problem(&at.site, message, "name a file of X.509 version 3 certificates");
            return None;
        }
    }
    Some(found)
}

fn private_key(at: &At<FilePath>, cx: &mut Context<'_>) -> Option<PrivateKeyDer<'static>> {
    let text = text(at, cx)?;
    let found = PrivateKeyDer::from_pem_slice(text.as_bytes()).ok();
    if found.is_none() {
        let message = "names a file that is not a private key in PEM form";
        cx.problem(&at.site, message, "name the certificate's unencrypted private key");
    }
    found
}

fn text(at: &At<FilePath>, cx: &mut Context<'_>) -> Option<String> {
    let site: &Site = &at.site;
    read_text(&cx.base_dir.join(&at.value.0), site, MAX_FILE, cx)
}
