//! Checked settings of one release: where it runs and what it is made of.

use crate::PinnedRequest;
use sha2::{Digest, Sha256};
use stagegate_settings::UpstreamTls;
use std::fmt;
use std::path::PathBuf;

/// One immutable version of a workload's backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// Its endpoints; at least one, none twice.
    pub endpoints: Vec<Endpoint>,
    /// Its artifact: the pinned parts.
    pub artifact: Artifact,
    /// The place of its declaration.
    pub origin: Origin,
    /// TLS towards its endpoints, where it is not the workload's.
    pub upstream_tls: Option<UpstreamTls>,
}

/// The place where a release was declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Origin {
    /// In the configuration file.
    #[default]
    File,
    /// While the program ran.
    RunTime,
}

/// One address a release is served at.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Endpoint {
    /// Over TCP.
    Tcp {
        /// The protocol.
        protocol: EndpointProtocol,
        /// IP address (IPv6 without brackets) or DNS name.
        host: String,
        /// TCP port, never 0.
        port: u16,
    },
    /// Over a Unix socket.
    Unix {
        /// The protocol; never TLS.
        protocol: EndpointProtocol,
        /// The socket's file, an absolute path.
        path: PathBuf,
    },
}

/// The protocol of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EndpointProtocol {
    /// HTTP/1.1.
    Http,
    /// TLS, and on it HTTP/2 if the endpoint offers it, else HTTP/1.1.
    Https,
    /// HTTP/2 by prior knowledge.
    H2c,
    /// HTTP/2 on TLS and nothing else.
    H2,
}

impl Endpoint {
    /// Returns the protocol.
    #[must_use]
    pub const fn protocol(&self) -> EndpointProtocol {
        match self {
            Self::Tcp { protocol, .. } | Self::Unix { protocol, .. } => *protocol,
        }
    }

    /// Returns true if the endpoint uses TLS.
    #[must_use]
    pub const fn is_tls(&self) -> bool {
        matches!(self.protocol(), EndpointProtocol::Https | EndpointProtocol::H2)
    }

    /// `host:port`, with brackets around an IPv6 address: fit for `Host`. The final dot of a complete name is for
    /// resolving alone. A Unix socket's is `localhost`.
    #[must_use]
    pub fn authority(&self) -> String {
        match self {
            Self::Tcp { host, port, .. } if host.contains(':') => format!("[{host}]:{port}"),
            Self::Tcp { host, port, .. } => {
                format!("{}:{port}", host.strip_suffix('.').unwrap_or(host))
            }
            Self::Unix { .. } => "localhost".to_owned(),
        }
    }

    /// Returns the endpoint's name: `host:port` as it was configured, or `unix:` and the path.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Tcp { host, port, .. } if host.ends_with('.') => format!("{host}:{port}"),
            Self::Tcp { .. } => self.authority(),
            Self::Unix { path, .. } => format!("unix:{}", path.display()),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self, self.protocol()) {
            (Self::Tcp { .. }, EndpointProtocol::Http) => write!(f, "http://{}", self.name()),
            (Self::Tcp { .. }, EndpointProtocol::Https) => write!(f, "https://{}", self.name()),
            (Self::Tcp { .. }, EndpointProtocol::H2c) => write!(f, "h2c://{}", self.name()),
            (Self::Tcp { .. }, EndpointProtocol::H2) => write!(f, "h2://{}", self.name()),
            (Self::Unix { .. }, EndpointProtocol::Http) => f.write_str(&self.name()),
            (Self::Unix { .. }, _) => write!(f, "h2+{}", self.name()),
        }
    }
}

/// The pins of a release, which make it immutable.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Artifact {
    /// Model name and version.
    pub model: Option<String>,
    /// Prompt version.
    pub prompt: Option<String>,
    /// Version of the tool set.
    pub tools: Option<String>,
    /// Git tag the backend was built from.
    pub git_tag: Option<String>,
    /// Digest of the built image or bundle.
    pub digest: Option<String>,
    /// What makes a request one of this release, where releases share endpoints.
    pub request: Option<PinnedRequest>,
    /// Free text for people; not a pin.
    pub notes: Option<String>,
}

impl Artifact {
    /// The pins by key, in a fixed order; `notes` is not among them.
    #[must_use]
    pub fn pins(&self) -> [(&'static str, Option<&str>); 6] {
        [
            ("model", self.model.as_deref()),
            ("prompt", self.prompt.as_deref()),
            ("tools", self.tools.as_deref()),
            ("git_tag", self.git_tag.as_deref()),
            ("digest", self.digest.as_deref()),
            ("request", self.request.as_ref().map(PinnedRequest::text)),
        ]
    }
}

impl Release {
    /// SHA-256 in hex over the artifact's pins. Endpoints and notes may change under one name,
    /// pins may not: a different fingerprint is a different release.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let mut hash = Sha256::new();
        for (key, value) in self.artifact.pins() {
            // Lengths keep `a` + `bc` and `ab` + `c` apart; an absent pin differs from an empty one.
            if let Some(value) = value {
                hash.update(format!("{key}={}:{value};", value.len()));
            }
        }
        hex::encode(hash.finalize())
    }
}

#[cfg(test)]
mod tests {
    use super::{Artifact, Endpoint, EndpointProtocol, Origin, Release};

    fn at(host: &str, port: u16) -> Endpoint {
        Endpoint::Tcp { protocol: EndpointProtocol::Http, host: host.into(), port }
    }

    fn release(artifact: Artifact) -> Release {
        let endpoints = vec![at("a", 1)];
        Release { endpoints, artifact, origin: Origin::File, upstream_tls: None }
    }

    #[test]
    fn the_fingerprint_follows_the_pins_and_nothing_else() {
        let pinned = Artifact { model: Some("m-5".into()), ..Artifact::default() };
        let first = release(pinned.clone());
        let mut moved = first.clone();
        moved.endpoints[0] = at("a", 2);
        moved.artifact.notes = Some("hotter".into());
        assert_eq!(first.fingerprint(), moved.fingerprint());
        assert_eq!(first.fingerprint().len(), 64);

        let other_key = Artifact { prompt: Some("m-5".into()), ..Artifact::default() };
        let empty = Artifact { model: Some(String::new()), ..Artifact::default() };
        let prints = [pinned, other_key, empty, Artifact::default()]
            .map(|artifact| release(artifact).fingerprint());
        let distinct: std::collections::BTreeSet<_> = prints.iter().collect();
        assert_eq!(distinct.len(), prints.len());
    }

    #[test]
    fn an_ipv6_endpoint_is_written_in_brackets() {
        assert_eq!(at("::1", 80).to_string(), "http://[::1]:80");
    }
}
