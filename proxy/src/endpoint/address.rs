//! Where an endpoint is, and how it is spoken to.

use crate::tls::ClientTls;
use std::hash::{BuildHasher as _, Hasher as _};
use std::net::{Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

/// One address of a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Where connections go.
    pub target: Target,
    /// `host:port` as it was configured, for the `Host` field.
    pub authority: Arc<str>,
    /// What people call it: `host:port`, or `unix:` and a path.
    pub name: Arc<str>,
    /// What is spoken there.
    pub protocol: Protocol,
    /// Speaks TLS.
    pub tls: Option<ClientTls>,
}

/// Where connections go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// An IP address and port.
    Ip(SocketAddr),
    /// A Unix socket.
    Unix(PathBuf),
}

/// What is spoken with an endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1.
    #[default]
    Http1,
    /// HTTP/2, by prior knowledge where there is no TLS.
    Http2,
    /// HTTP/2 if the endpoint's TLS offers it, else HTTP/1.1.
    Negotiate,
}

impl Address {
    /// What stands for the endpoint on the affinity ring, which knows IP addresses only. A Unix
    /// socket gets one of the discard prefix (RFC 6666), by its path.
    pub(super) fn ring_key(&self) -> SocketAddr {
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
