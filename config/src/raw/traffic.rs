//! How requests are matched, forwarded, limited and retried.

use crate::read::{Content, Context, Cursor, Map, Read, Shape, choice, raw, words};
use crate::scalar::{HeaderName, HeaderValue, HostName, Int, PathPrefix, UrlPath, Wait};
use crate::{HostPattern, Rate, Size, StaleRetry, Time};

raw! {
    /// A condition on requests: every part that is given must hold; `{}` fits every request.
    pub(crate) struct RawMatch {
        /// The request's host: a name, or `*.` and a name for everything below it.
        host: HostPattern = optional,
        /// The request's path or a directory above it: `/a` fits `/a` and `/a/b`, not `/ab`.
        path_prefix: PathPrefix = optional,
        /// Headers and the exact values they must have.
        headers: Map<HeaderName, HeaderValue> = default("{}"),
    }
}

raw! {
    /// Timeouts towards the backend.
    pub(crate) struct RawTimeouts {
        /// To open a connection.
        connect: Wait = default("2s"),
        /// From the end of the request to the first byte of the response.
        first_byte: Wait = default("120s"),
        /// Longest pause within a response.
        idle: Wait = default("60s"),
        /// The whole exchange; `0` for no limit.
        total: Time = default("30m"),
        /// How long an unused connection is kept. Must be below the backend's own keep-alive.
        pool_idle: Wait = default("55s"),
    }
}

raw! {
    /// Limits of a workload's requests.
    pub(crate) struct RawLimits {
        /// Largest request body.
        body: Size = default("32MiB"),
        /// Limits of each tenant.
        tenant: RawTenantLimits = default("{}"),
    }
}

raw! {
    /// Limits of each tenant; above them a request is answered 429 with `Retry-After`.
    pub(crate) struct RawTenantLimits {
        /// Most requests a second.
        rate: Rate = optional,
        /// Most requests at a time.
        in_flight: Int<1, 1_000_000> = optional,
    }
}

raw! {
    /// An active health check: `http` or `tcp`; by default `tcp`.
    pub(crate) struct RawHealth {
        /// Sends a `GET` to this path.
        http: RawProbe = optional,
        /// Opens a TCP connection.
        tcp: bool = optional,
        /// Time between two checks.
        every: Wait = default("5s"),
        /// How long one check may take. By default 2s, or `every` where that is shorter.
        timeout: Wait = optional,
        /// Good checks in a row that make an endpoint healthy.
        healthy: Int<1, 100> = default("1"),
        /// Bad checks in a row that make it unhealthy.
        unhealthy: Int<1, 100> = default("3"),
    }
}

raw! {
    /// The request of a health check.
    pub(crate) struct RawHttpProbe {
        /// Path.
        path: UrlPath = required,
        /// `Host` header; by default the endpoint's own.
        host: HostName = optional,
        /// Status that counts as good.
        status: Int<100, 599> = default("200"),
    }
}

/// A path alone, or the whole request.
pub(crate) enum RawProbe {
    Path(UrlPath),
    Full(RawHttpProbe),
}

impl Read for RawProbe {
    fn shape() -> Shape {
        Shape::Either(vec![UrlPath::shape(), RawHttpProbe::shape()])
    }

    fn read(at: &Cursor<'_>, cx: &mut Context<'_>) -> Option<Self> {
        match at.node.content {
            Content::Map(_) => RawHttpProbe::read(at, cx).map(Self::Full),
            _ => UrlPath::read(at, cx).map(Self::Path),
        }
    }
}

raw! {
    /// When a request is sent again.
    pub(crate) struct RawRetry {
        /// Which requests are replayed when a kept connection turned out to be closed.
        stale: StaleRetry = default("idempotent"),
        /// How often connecting is tried in all.
        connect_attempts: Int<1, 10> = default("2"),
    }
}

choice! {
    /// What the backend sees as `Host`.
    pub(crate) enum RawHostHeader {
        words {
            /// What the client sent.
            "preserve" => Preserve,
            /// The endpoint's own host and port.
            "endpoint" => Endpoint,
        }
        keys {
            /// This name.
            "name" => Name(HostName),
        }
    }
}

words! {
    /// Which requests are replayed when a kept connection turned out to be closed.
    StaleRetry, |stale| stale.label(), {
        /// Those whose method is idempotent.
        Idempotent,
        /// Every request whose body can be replayed.
        Any,
        /// None.
        Off,
    }
}
