//! Checked settings of tracing.

use stagegate_rollout::Weight;
use stagegate_settings::{Secret, TraceParents, UpstreamTls};
use std::time::Duration;

/// The export and the sampling of traces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tracing {
    /// The collector.
    pub endpoint: Collector,
    /// The protocol.
    pub protocol: TraceProtocol,
    /// Share of the traces that begin here and are kept.
    pub sample: Weight,
    /// The parents whose traces are continued.
    pub parents: TraceParents,
    /// Header fields for the collector; names in lower case.
    pub headers: Vec<(String, Secret)>,
    /// The time limit of one call to the collector.
    pub timeout: Duration,
    /// The service's name.
    pub service_name: String,
    /// Other attributes of the resource, in the order of the file.
    pub resource: Vec<(String, String)>,
    /// TLS towards the collector; none when it is spoken to without.
    pub tls: Option<UpstreamTls>,
}

/// A collector's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collector {
    /// Name or address, in lower case, without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
    /// The path prefix before `/v1/traces`: empty, or a path without a slash at its end.
    pub path: String,
    /// Speaks TLS.
    pub tls: bool,
}

/// The protocol of a collector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TraceProtocol {
    /// OTLP/HTTP with protobuf bodies.
    Http,
    /// OTLP/gRPC.
    Grpc,
}

impl TraceProtocol {
    /// The word used in the configuration, which is the one of OpenTelemetry's own settings.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Http => "http/protobuf",
            Self::Grpc => "grpc",
        }
    }
}
