//! One release: where it runs and what it is made of.

use super::RawUpstreamTls;
use super::scorer::json_value;
use crate::Endpoint;
use crate::read::{At, Content, Context, Cursor, Map, NonEmpty, Read, Shape, raw};
use crate::scalar::{
    Body, BodyMember, Digest, FlagKey, HeaderName, HeaderValue, HostName, Line, PathPrefix,
    QueryName, QueryValue,
};

raw! {
    /// One immutable version of a workload's backend.
    pub(crate) struct RawRelease {
        /// Its endpoints: `http://host:port`, `https://host:port`, `h2c://host:port` or
        /// `h2://host:port` for HTTP/2 without and with TLS, `unix:/path` or `h2+unix:/path`.
        endpoints: NonEmpty<Endpoint> = required,
        /// The pins of the release, which make it immutable.
        artifact: RawArtifact = default("{}"),
        /// TLS towards its endpoints; by default the workload's.
        upstream_tls: RawUpstreamTls = optional,
        /// Headers that are set in every request to it; the client's own are removed. This and the
        /// keys below tell the requests of releases apart that share endpoints. They are pins: what
        /// they say belongs to the artifact.
        set_headers: Map<HeaderName, HeaderValue> = default("{}"),
        /// Headers that are removed from every request to it.
        remove_headers: Vec<At<HeaderName>> = default("[]"),
        /// What the path begins with: a text is put before every path, `{from: /v1, to: /v2}` takes
        /// the place of a beginning.
        path_prefix: RawPathPrefix = optional,
        /// Parameters of the query that are set; the client's own are removed.
        query: Map<QueryName, QueryValue> = default("{}"),
        /// What its endpoints see as `Host`, instead of the workload's `host_header`.
        host: HostName = optional,
        /// One member of the outermost object of JSON bodies that is set: `{/model: m-6}`. The body
        /// is changed while it passes and sent chunked. Compressed bodies stay as they are.
        set_body: Map<BodyMember, JsonValue> = default("{}"),
        /// Flags that the release pins, by key, each with the name of its variant. They are sent to the
        /// backend as those of `forward_flags`, so that a rollout can be one of two variants of a flag.
        /// A flag that is off, and whoever is denied, keeps the variant of that.
        flags: Map<FlagKey, Line> = default("{}"),
    }
}

raw! {
    /// Another beginning of paths.
    pub(crate) struct RawPathChange {
        /// Paths that begin so are changed: `/a` fits `/a` and `/a/b`, not `/ab`.
        from: PathPrefix = required,
        /// What they begin with afterwards.
        to: PathPrefix = required,
    }
}

/// A beginning of its own, or another one.
pub(crate) enum RawPathPrefix {
    Before(PathPrefix),
    Change(RawPathChange),
}

impl Read for RawPathPrefix {
    fn shape() -> Shape {
        Shape::Either(vec![PathPrefix::shape(), RawPathChange::shape()])
    }

    fn read(at: &Cursor<'_>, cx: &mut Context<'_>) -> Option<Self> {
        match at.node.content {
            Content::Map(_) => RawPathChange::read(at, cx).map(Self::Change),
            _ => PathPrefix::read(at, cx).map(Self::Before),
        }
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

/// Any value of JSON.
pub(crate) struct JsonValue(pub(crate) serde_json::Value);

impl Read for JsonValue {
    fn shape() -> Shape {
        Shape::Foreign { kind: "value".to_owned(), schema: serde_json::json!({}), example: "m-6" }
    }

    fn read(at: &Cursor<'_>, cx: &mut Context<'_>) -> Option<Self> {
        json_value(at, cx).map(Self)
    }
}
