//! The address of an endpoint and the protocol spoken there.

use crate::tls::ClientTls;
use std::hash::{BuildHasher as _, Hasher as _};
use std::net::{Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

/// One address of a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The target of connections.
    pub target: Target,
    /// `host:port` as it was configured, for the `Host` field.
    pub authority: Arc<str>,
    /// The name in logs and reports: `host:port`, or `unix:` and a path.
    pub name: Arc<str>,
    /// The HTTP version spoken there.
    pub protocol: HttpVersion,
    /// Speaks TLS.
    pub tls: Option<ClientTls>,
}

/// The target of connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// An IP address and port.
    Ip(SocketAddr),
    /// A Unix socket.
    Unix(PathBuf),
}

/// The HTTP version spoken with an endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HttpVersion {
    /// HTTP/1.1.
    #[default]
    Http1,
    /// HTTP/2, by prior knowledge where there is no TLS.
    Http2,
    /// HTTP/2 if the endpoint's TLS offers it, else HTTP/1.1.
    Negotiate,
}

impl Address {
    /// The endpoint's key on the affinity ring, which takes IP addresses only. A Unix socket gets an
    /// address from the discard prefix (RFC 6666), derived from its path.
    pub(crate) fn ring_key(&self) -> SocketAddr {
        match &self.target {
            Target::Ip(socket) => *socket,
            Target::Unix(path) => {
                let mut hasher = foldhash::quality::FixedState::default().build_hasher();
                hasher.write(path.as_os_str().as_encoded_bytes());
                let bits = (0x0100_u128 << 112) | u128::from(hasher.finish());
                SocketAddr::new(Ipv6Addr::from_bits(bits).into(), 1)
            }
        }
    }
}
