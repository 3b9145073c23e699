//! Keys for the export of traces.

use super::RawUpstreamTls;
use crate::TraceProtocol;
use crate::read::{Map, raw, words};
use crate::scalar::{AttributeName, CollectorUrl, HeaderName, Line, SecretHeader, Wait};
use stagegate_rollout::Weight;
use stagegate_settings::TraceParents;

raw! {
    /// Traces of requests, and verdicts of scorers, for an OpenTelemetry collector. A reload takes
    /// over all of it.
    pub(crate) struct RawTracing {
        /// The collector, `http://…` or `https://…`. With `http/protobuf` a path goes before
        /// `/v1/traces` and `/v1/logs`.
        endpoint: CollectorUrl = required,
        /// The protocol.
        protocol: TraceProtocol = default("http/protobuf"),
        /// Share of the requests without a trace of their own of which one is kept. A client that
        /// has begun a trace has decided already.
        sample: Weight = default("1%"),
        /// The parents whose traces are continued.
        parents: TraceParents = default("any"),
        /// Header fields that the collector wants, keys for example; never shown.
        headers: Map<HeaderName, SecretHeader> = default("{}"),
        /// The time limit of one call to the collector.
        timeout: Wait = default("10s"),
        /// The `service.name` of the traces.
        service_name: Line = default("stagegate"),
        /// Further resource attributes of this process, like `deployment.environment.name`.
        resource: Map<AttributeName, Line> = default("{}"),
        /// TLS towards an `https://` collector.
        tls: RawUpstreamTls = optional,
    }
}

words! {
    /// The protocol of a collector.
    TraceProtocol, |protocol| protocol.label(), {
        /// OTLP/HTTP, port 4318 as a rule.
        Http,
        /// OTLP/gRPC, port 4317 as a rule.
        Grpc,
    }
}

words! {
    /// The parents whose traces are continued. A client whose trace is continued also decides if it
    /// is sampled.
    TraceParents, |parents| parents.label(), {
        /// Every client's.
        Any,
        /// Those of `trusted_proxies`.
        Trusted,
        /// No client's.
        None,
    }
}
