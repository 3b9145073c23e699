//! Settings of the sockets that accept client traffic.

use crate::ListenerTls;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

/// A socket that accepts client traffic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Its address.
    pub address: ListenAddress,
    /// Permissions of a Unix socket's file.
    pub mode: u32,
    /// Speaks TLS.
    pub tls: Option<ListenerTls>,
    /// Takes HTTP/2: by ALPN with TLS, by prior knowledge without.
    pub http2: bool,
    /// Every connection begins with a PROXY header from a trusted proxy.
    pub proxy_protocol: bool,
}

impl Listener {
    /// Returns true if a running listener can apply `wanted`: only the contents of the TLS settings
    /// may differ.
    #[must_use]
    pub fn can_become(&self, wanted: &Self) -> bool {
        let shape = |of: &Self| Self { tls: None, ..of.clone() };
        shape(self) == shape(wanted) && self.tls.is_some() == wanted.tls.is_some()
    }
}

/// The address of a listener.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ListenAddress {
    /// IP address and port; port 0 lets the system choose.
    Ip(SocketAddr),
    /// A Unix socket's file.
    Unix(PathBuf),
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}
