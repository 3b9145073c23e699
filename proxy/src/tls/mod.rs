//! TLS on both sides: what listeners present, what endpoints are held to, and who a client
//! certificate names. Built when the configuration is prepared; a connection only takes a finished
//! configuration.

mod client;
mod names;
mod server;

pub use client::ClientTls;
pub use server::ServerTls;

pub(crate) use names::Names;

use rustls::crypto::CryptoProvider;
use std::sync::Arc;

/// HTTP/2 in ALPN (RFC 9113 3.1).
pub(crate) const H2: &[u8] = b"h2";
/// HTTP/1.1 in ALPN (RFC 7301 6).
pub(crate) const HTTP_11: &[u8] = b"http/1.1";

/// TLS settings that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A certificate and its key.
    #[error("certificate {number} cannot be used: {why}")]
    Certificate {
        /// Its place in the list, from 1.
        number: usize,
        /// The problem.
        why: rustls::Error,
    },
    /// The authorities that sign the other side's certificates.
    #[error("the authorities cannot be used: {0}")]
    Authorities(String),
    /// Anything else.
    #[error("TLS cannot be set up: {0}")]
    Setup(#[from] rustls::Error),
}

/// The one implementation of the algorithms that is used anywhere.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}
