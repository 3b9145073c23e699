//! Keys for matching, forwarding, limits and retries of requests.

use crate::read::{Content, Context, Cursor, Map, Read, Shape, choice, leaf, raw, words};
use crate::scalar::{HeaderName, HeaderValue, HostName, Int, PathPrefix, UrlPath, Wait};
use crate::{Rate, Size, Time};
use stagegate_rollout::Weight;
use stagegate_settings::{
    Ejection, EndpointLimits, FallbackToStable, HostHeader, HostPattern, Limits, Match, Retry,
    StaleRetry, TenantLimits, Timeouts,
};
use std::time::Duration;

leaf! {
    /// A condition on requests: every part that is given must hold; `{}` fits every request.
    Match {
        /// The request's host: a name, or `*.` and a name for everything below it.
        host: HostPattern = optional,
        /// The request's path or a directory above it: `/a` fits `/a` and `/a/b`, not `/ab`.
        path_prefix: PathPrefix = optional,
        /// Headers and the exact values they must have.
        headers: Map<HeaderName, HeaderValue> = default("{}"),
    }
}

leaf! {
    /// Timeouts towards the backend.
    Timeouts {
        /// To open a connection.
        connect: Wait = default("2s"),
        /// From the end of the request to the first byte of the response.
        first_byte: Wait = default("120s"),
        /// Longest pause within a response.
        idle: Wait = default("60s"),
        /// Longest pause within a stream (server-sent events, lines of JSON, gRPC, Amazon's event
        /// stream) or a tunnel (WebSocket). By default 10m, or `idle` where that is longer. `total`
        /// ends a stream too.
        stream_idle: Wait = optional,
        /// Sends the client of a stream of server-sent events a comment (`:`) after each pause of
        /// this length, between two events, so that nothing on the way takes the silence for an end.
        /// Off by default.
        stream_keep_alive: Wait = optional,
        /// How long a WebSocket to a candidate goes on after a rollback with `on_rollback: migrate`.
        /// Then it is closed with 1012, between two messages, and the client comes back to stable.
        tunnel_grace: Wait = default("10s"),
        /// The whole exchange; `0` for no limit.
        total: Time = default("30m"),
        /// How long an unused connection is kept. Must be below the backend's own keep-alive.
        pool_idle: Wait = default("55s"),
    }
    check |raw, cx| {
        let limit = raw.total.as_ref().filter(|total| total.value.0 > Duration::ZERO);
        for (name, part) in [("connect", &raw.connect), ("first_byte", &raw.first_byte)] {
            if let (Some(total), Some(part)) = (limit, part)
                && part.value.0 > total.value.0
            {
                let message = format!("is shorter than `{name}`, which can then never pass");
                let hint = format!("write more than `{name}`, or `0` for no limit");
                cx.warn(&total.site, message, hint);
            }
        }
    }
}

leaf! {
    /// Limits of a workload's requests.
    Limits {
        /// Largest request body.
        body: Size = default("32MiB"),
        /// Limits of each tenant.
        tenant: TenantLimits = default("{}"),
        /// Limits of each endpoint.
        endpoint: EndpointLimits = default("{}"),
    }
}

leaf! {
    /// Limits of each tenant; above them a request is answered 429 with `Retry-After`.
    TenantLimits {
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
        /// The time limit of one check. By default 2s, or `every` if that is shorter.
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

leaf! {
    /// Retries of requests.
    Retry {
        /// The requests that are replayed if a kept connection turns out to be closed.
        stale: StaleRetry = default("idempotent"),
        /// Attempts to connect, in all.
        connect_attempts: Int<1, 10> = default("2"),
        /// True if a 503 response is retried, where the request can be replayed.
        unavailable: bool = default("false"),
        /// The most retries of one request, stale connections not counted.
        attempts: Int<0, 10> = default("2"),
        /// Retries as a share of requests lately; above it failures go to the client.
        budget: Weight = default("20%"),
        /// Wait before the first retry; doubles with each, and each is a random part of it.
        backoff: Wait = default("25ms"),
        /// Longest `Retry-After` that is waited for.
        longest_wait: Wait = default("1s"),
    }
}

leaf! {
    /// Ejection of endpoints that fail real requests. After it, one request tries the endpoint
    /// again. The last endpoint is never ejected.
    Ejection {
        /// Failed requests in a row (5xx, connection failures, timeouts) that eject it.
        failures: Int<1, 1000> = default("5"),
        /// A response head that takes longer counts as a failure.
        slow: Wait = optional,
        /// Time it is left out at first; doubles with each ejection in a row, to `longest`.
        time: Wait = default("10s"),
        /// Longest time it is left out.
        longest: Wait = default("5m"),
    }
    check |raw, cx| {
        if let (Some(time), Some(longest)) = (&raw.time, &raw.longest)
            && time.value.0 > longest.value.0
        {
            let hint = "write at most `longest`, which counts from the first ejection on";
            cx.warn(&time.site, "is longer than `longest`", hint);
        }
    }
}

leaf! {
    /// Limits of each endpoint, over all workers.
    EndpointLimits {
        /// Most requests, and so connections, at a time.
        in_flight: Int<1, 1_000_000> = optional,
        /// Requests that may wait for their turn, at most `timeouts.connect`; others are answered
        /// 503 with `Retry-After`.
        pending: Int<0, 1_000_000> = default("128"),
    }
}

words! {
    /// The destination of a request that finds no connection to the candidate.
    FallbackToStable, |when| when.label(), {
        /// It fails.
        Never,
        /// It goes to stable; its record says `candidate_down`.
        OnConnectError,
    }
}

choice! {
    /// The `Host` header that the backend receives.
    pub(crate) enum RawHostHeader {
        words {
            /// The client's own.
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

impl From<RawHostHeader> for HostHeader {
    fn from(raw: RawHostHeader) -> Self {
        match raw {
            RawHostHeader::Preserve => Self::Preserve,
            RawHostHeader::Endpoint => Self::Endpoint,
            RawHostHeader::Name(name) => Self::Name(name.value.0),
        }
    }
}

/// Header conditions, sorted by name: their order means nothing.
impl From<Map<HeaderName, HeaderValue>> for Vec<(String, String)> {
    fn from(map: Map<HeaderName, HeaderValue>) -> Self {
        let pairs = map.0.into_iter().map(|(name, value)| (name.value.0, value.value.0));
        let mut pairs: Self = pairs.collect();
        pairs.sort();
        pairs
    }
}

words! {
    /// The requests that are replayed if a kept connection turns out to be closed.
    StaleRetry, |stale| stale.label(), {
        /// Those whose method is idempotent.
        Idempotent,
        /// Every request whose body can be replayed.
        Any,
        /// None.
        Off,
    }
}
