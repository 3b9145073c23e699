//! The reasons for the answers that the proxy makes itself.

/// The reason why the proxy answers itself, or ends a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    /// The request breaks HTTP's rules.
    BadRequest(&'static str),
    /// The head is over its limit.
    HeaderTooLarge,
    /// The request target is over its limit.
    UriTooLong,
    /// Not an HTTP/1 version.
    VersionNotSupported,
    /// A method or transfer coding that is not served.
    NotImplemented(&'static str),
    /// An `Expect` that is not `100-continue`.
    ExpectationFailed,
    /// The head or body did not arrive in time.
    RequestTimeout,
    /// The body is over the workload's limit.
    BodyTooLarge,
    /// No workload matches.
    NoRoute,
    /// The request went through this proxy before.
    LoopDetected,
    /// The tenant's rate is used up.
    RateLimited,
    /// The tenant has too many requests in progress.
    TooManyInFlight,
    /// No endpoint of the release is healthy.
    StableDown,
    /// No connection to an endpoint.
    UpstreamConnect,
    /// No connection to an endpoint in time.
    ConnectTimeout,
    /// The endpoint closed the connection before it answered.
    UpstreamReset,
    /// The endpoint's answer breaks HTTP's rules.
    UpstreamMalformed(&'static str),
    /// The endpoint speaks HTTP/2 only, and takes no WebSockets over it.
    NoWebSockets,
    /// No answer in time.
    FirstByteTimeout,
    /// The request took longer in all than the workload allows.
    TotalTimeout,
    /// Too many connections.
    Overloaded,
    /// Too many requests in progress in the whole proxy.
    Busy,
    /// Too many requests wait for the endpoint's turn already.
    EndpointBusy,
    /// The workload is killed, and the configuration names a status for that.
    Killed {
        /// From 400 on.
        status: u16,
        /// Seconds of `Retry-After`.
        retry_after: Option<u32>,
    },
}

impl Problem {
    /// HTTP status.
    pub(crate) const fn status(self) -> u16 {
        match self {
            Self::Killed { status, .. } => status,
            Self::BadRequest(_) => 400,
            Self::NoRoute => 404,
            Self::RequestTimeout => 408,
            Self::BodyTooLarge => 413,
            Self::UriTooLong => 414,
            Self::ExpectationFailed => 417,
            Self::RateLimited | Self::TooManyInFlight => 429,
            Self::HeaderTooLarge => 431,
            Self::NotImplemented(_) => 501,
            Self::UpstreamConnect
            | Self::UpstreamReset
            | Self::UpstreamMalformed(_)
            | Self::NoWebSockets => 502,
            Self::StableDown | Self::Overloaded | Self::Busy | Self::EndpointBusy => 503,
            Self::ConnectTimeout | Self::FirstByteTimeout | Self::TotalTimeout => 504,
            Self::VersionNotSupported => 505,
            Self::LoopDetected => 508,
        }
    }

    /// The value of `stagegate-reason` and of the metric's label.
    pub(crate) const fn reason(self) -> &'static str {
        match self {
            Self::BadRequest(_) => "bad_request",
            Self::HeaderTooLarge => "header_too_large",
            Self::UriTooLong => "uri_too_long",
            Self::VersionNotSupported => "version_not_supported",
            Self::NotImplemented(_) => "not_implemented",
            Self::ExpectationFailed => "expectation_failed",
            Self::RequestTimeout => "request_timeout",
            Self::BodyTooLarge => "body_too_large",
            Self::NoRoute => "no_route",
            Self::LoopDetected => "loop_detected",
            Self::RateLimited => "rate_limited",
            Self::TooManyInFlight => "too_many_in_flight",
            Self::StableDown => "stable_down",
            Self::UpstreamConnect => "upstream_connect",
            Self::ConnectTimeout => "connect_timeout",
            Self::UpstreamReset => "upstream_reset",
            Self::UpstreamMalformed(_) => "upstream_malformed",
            Self::NoWebSockets => "upstream_no_websockets",
            Self::FirstByteTimeout => "first_byte_timeout",
            Self::TotalTimeout => "total_timeout",
            Self::Overloaded => "overloaded",
            Self::Busy => "busy",
            Self::EndpointBusy => "endpoint_busy",
            Self::Killed { .. } => "kill_switch",
        }
    }

    pub(crate) const fn title(self) -> &'static str {
        match self.status() {
            400 => "Bad Request",
            401 => "Unauthorized",
            403 => "Forbidden",
            404 => "Not Found",
            408 => "Request Timeout",
            410 => "Gone",
            413 => "Content Too Large",
            414 => "URI Too Long",
            417 => "Expectation Failed",
            429 => "Too Many Requests",
            431 => "Request Header Fields Too Large",
            500 => "Internal Server Error",
            501 => "Not Implemented",
            502 => "Bad Gateway",
            503 => "Service Unavailable",
            504 => "Gateway Timeout",
            505 => "HTTP Version Not Supported",
            508 => "Loop Detected",
            _ => "Error",
        }
    }

    pub(crate) const fn detail(self) -> &'static str {
        match self {
            Self::BadRequest(detail)
            | Self::NotImplemented(detail)
            | Self::UpstreamMalformed(detail) => detail,
            Self::HeaderTooLarge => "the request head is larger than the proxy accepts",
            Self::UriTooLong => "the request target is longer than the proxy accepts",
            Self::VersionNotSupported => "this listener speaks HTTP/1.1 and HTTP/1.0",
            Self::ExpectationFailed => "the only expectation that is served is 100-continue",
            Self::RequestTimeout => "the request did not arrive in time",
            Self::BodyTooLarge => "the request body is larger than this workload accepts",
            Self::NoRoute => "no workload matches host, path and headers",
            Self::LoopDetected => "the request has been through this proxy before",
            Self::RateLimited => "the tenant's request rate is used up",
            Self::TooManyInFlight => "the tenant has too many requests under way",
            Self::StableDown => "the release has no healthy endpoint",
            Self::UpstreamConnect => "no connection to the release's endpoints",
            Self::ConnectTimeout => "no connection to the release's endpoints in time",
            Self::UpstreamReset => "the endpoint closed the connection before it answered",
            Self::NoWebSockets => {
                "the endpoint speaks HTTP/2 only, and does not take WebSockets over it (RFC 8441)"
            }
            Self::FirstByteTimeout => "the endpoint did not answer in time",
            Self::TotalTimeout => "the request took longer than this workload allows",
            Self::Overloaded => "the proxy has as many connections as it accepts",
            Self::Busy => "the proxy has as many requests under way as it takes",
            Self::EndpointBusy => "the endpoint has as many requests under way as it takes",
            Self::Killed { .. } => "this service is switched off for the moment",
        }
    }

    /// Seconds for `Retry-After`, where trying again makes sense.
    pub(crate) const fn retry_after(self) -> Option<u32> {
        match self {
            Self::RateLimited
            | Self::TooManyInFlight
            | Self::Overloaded
            | Self::Busy
            | Self::EndpointBusy => Some(1),
            Self::StableDown => Some(5),
            Self::Killed { retry_after, .. } => retry_after,
            _ => None,
        }
    }

    /// Whether the same request may succeed when it is sent again; none where nobody knows, because
    /// an endpoint may have taken it in.
    pub(crate) const fn is_worth_another_try(self) -> Option<bool> {
        match self {
            Self::RateLimited
            | Self::TooManyInFlight
            | Self::Overloaded
            | Self::Busy
            | Self::EndpointBusy
            | Self::StableDown
            | Self::UpstreamConnect
            | Self::ConnectTimeout
            | Self::Killed { retry_after: Some(_), .. } => Some(true),
            Self::BadRequest(_)
            | Self::HeaderTooLarge
            | Self::UriTooLong
            | Self::VersionNotSupported
            | Self::NotImplemented(_)
            | Self::ExpectationFailed
            | Self::BodyTooLarge
            | Self::NoRoute
            | Self::LoopDetected
            | Self::NoWebSockets
            | Self::Killed { retry_after: None, .. } => Some(false),
            Self::RequestTimeout
            | Self::UpstreamReset
            | Self::UpstreamMalformed(_)
            | Self::FirstByteTimeout
            | Self::TotalTimeout => None,
        }
    }

    /// Returns true if nothing more can be read from the client's connection after this response.
    pub(crate) const fn closes(self) -> bool {
        !matches!(
            self,
            Self::NoRoute
                | Self::LoopDetected
                | Self::RateLimited
                | Self::TooManyInFlight
                | Self::Busy
                | Self::EndpointBusy
                | Self::StableDown
                | Self::UpstreamConnect
                | Self::NoWebSockets
                | Self::ConnectTimeout
                | Self::Killed { .. }
        )
    }
}
