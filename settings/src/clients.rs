//! Settings of client connections, over all listeners.

use ipnet::IpNet;
use std::net::IpAddr;
use std::time::Duration;

/// Settings of client connections. New ones hold from the next connection, request or step on.
#[derive(Clone, Debug)]
pub struct Clients {
    /// Limits of connections and requests.
    pub limits: ConnLimits,
    /// Peers whose forwarding and identity headers are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// The treatment of a client's own forwarding headers.
    pub forwarded: Forwarded,
    /// The treatment of paths that servers read differently.
    pub path: PathSpelling,
}

impl Clients {
    /// Returns true if forwarding headers from `peer` are kept. `None` is a peer on a Unix socket,
    /// which the permissions of the socket's file have let in.
    #[must_use]
    pub fn keeps_forwarded(&self, peer: Option<IpAddr>) -> bool {
        match self.forwarded {
            Forwarded::Append => true,
            Forwarded::Drop => false,
            Forwarded::Trusted => peer.is_none_or(|peer| self.trusts(peer)),
        }
    }

    /// Returns true if `peer` is a trusted proxy.
    #[must_use]
    pub fn trusts(&self, peer: IpAddr) -> bool {
        self.trusted_proxies.iter().any(|net| net.contains(&peer.to_canonical()))
    }
}

/// Limits of client connections, over all listeners.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnLimits {
    /// Most connections at a time.
    pub connections: usize,
    /// Most requests at a time, over all workers.
    pub in_flight: Option<usize>,
    /// Most bytes of a request's head.
    pub header_bytes: usize,
    /// Most header fields of a request.
    pub headers: usize,
    /// Longest time from the first byte of a request's head to its end.
    pub header_timeout: Duration,
    /// Longest time a connection may wait for its next request.
    pub keep_alive: Duration,
    /// Longest pause between two parts of a request body.
    pub body_idle: Duration,
}

/// The treatment of a request's path that servers read differently (`..`, `%2f`, `;`, `\`, case), where
/// its workload depends on the reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum PathSpelling {
    /// The request is refused.
    #[default]
    Strict,
    /// The reading of RFC 3986 counts.
    Normalize,
}

impl PathSpelling {
    /// The word used in the configuration.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Strict => "strict",
            Self::Normalize => "normalize",
        }
    }
}

/// The treatment of the `X-Forwarded-*`, `Forwarded` and similar headers that a client sends itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Forwarded {
    /// Kept and appended to when the peer is a trusted proxy, dropped otherwise.
    #[default]
    Trusted,
    /// Always kept and appended to.
    Append,
    /// Always dropped; only this hop is named.
    Drop,
}

impl Forwarded {
    /// The word used in the configuration.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Trusted => "trusted",
            Self::Append => "append",
            Self::Drop => "drop",
        }
    }
}
