//! One release: where it runs and what it is made of.

use super::RawUpstreamTls;
use crate::Endpoint;
use crate::read::{NonEmpty, raw};
use crate::scalar::{Body, Digest, Line};

raw! {
    /// One immutable version of a workload's backend.
    pub(crate) struct RawRelease {
        /// Where it is served: `http://host:port`, `https://host:port`, `h2c://host:port` or
        /// `h2://host:port` for HTTP/2 without and with TLS, `unix:/path` or `h2+unix:/path`.
        endpoints: NonEmpty<Endpoint> = required,
        /// What it is made of: the pins that make it immutable.
        artifact: RawArtifact = default("{}"),
        /// TLS towards its endpoints; by default the workload's.
        upstream_tls: RawUpstreamTls = optional,
    }
}

raw! {
    /// The pins of a release.
    pub(crate) struct RawArtifact {
        /// Model name and version.
        model: Line = optional,
        /// Prompt version.
        prompt: Line = optional,
        /// Version of the tool set.
        tools: Line = optional,
        /// Git tag the backend was built from.
        git_tag: Line = optional,
        /// Short for `git_tag`.
        git: Line = optional,
        /// Digest of the image or bundle, `sha256:` and 64 hex digits.
        digest: Digest = optional,
        /// Free text for people; not a pin.
        notes: Body = optional,
    }
}
