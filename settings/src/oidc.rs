//! Settings of sign-in by an OpenID Connect provider.

use crate::Secret;
use rustls_pki_types::CertificateDer;

/// A provider, and what it knows this program as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provider {
    /// Its issuer, exactly as its tokens name it.
    pub issuer: String,
    /// The name under which this program is registered there.
    pub client_id: String,
    /// The secret that goes with it; none for a public client.
    pub client_secret: Option<Secret>,
    /// The address to which it sends browsers back.
    pub redirect: String,
    /// What it is asked for; `openid` is among them.
    pub scopes: Vec<String>,
    /// Authorities that sign its certificate; the public ones when empty.
    pub ca: Vec<CertificateDer<'static>>,
}
