//! Checked settings of one release: where it runs and what it is made of.

use sha2::{Digest, Sha256};
use std::fmt;

/// One immutable version of a workload's backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// Where it is served; at least one, none twice.
    pub endpoints: Vec<Endpoint>,
    /// What it is made of.
    pub artifact: Artifact,
    /// Where it was declared.
    pub origin: Origin,
}

/// Where a release was declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Origin {
    /// In the configuration file.
    #[default]
    File,
    /// While the program ran.
    RunTime,
}

/// One address a release is served at, over plain HTTP/1.1.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Endpoint {
    /// IP address (IPv6 without brackets) or DNS name.
    pub host: String,
    /// TCP port, never 0.
    pub port: u16,
}

impl Endpoint {
    /// `host:port`, with brackets around an IPv6 address: fit for `Host` and for resolving.
    #[must_use]
    pub fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}", self.authority())
    }
}

/// What a release is made of: the pins that make it immutable.
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
    /// Free text for people; not a pin.
    pub notes: Option<String>,
}

impl Artifact {
    /// The pins by key, in a fixed order; `notes` is not among them.
    #[must_use]
    pub fn pins(&self) -> [(&'static str, Option<&str>); 5] {
        [
            ("model", self.model.as_deref()),
            ("prompt", self.prompt.as_deref()),
            ("tools", self.tools.as_deref()),
            ("git_tag", self.git_tag.as_deref()),
            ("digest", self.digest.as_deref()),
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
    use super::{Artifact, Endpoint, Origin, Release};

    fn release(artifact: Artifact) -> Release {
        let endpoints = vec![Endpoint { host: "a".into(), port: 1 }];
        Release { endpoints, artifact, origin: Origin::File }
    }

    #[test]
    fn the_fingerprint_follows_the_pins_and_nothing_else() {
        let pinned = Artifact { model: Some("m-5".into()), ..Artifact::default() };
        let first = release(pinned.clone());
        let mut moved = first.clone();
        moved.endpoints[0].port = 2;
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
        let endpoint = Endpoint { host: "::1".into(), port: 80 };
        assert_eq!(endpoint.to_string(), "http://[::1]:80");
    }
}
