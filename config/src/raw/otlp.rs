//! Keys for receiving the traces of agents.

use super::RawUpstreamTls;
use crate::TokenHash;
use crate::read::{At, Map, raw};
use crate::scalar::{CollectorUrl, HeaderName, Int, SecretHeader, SizeIn, TokenName, Wait};
use stagegate_rollout::Weight;
use stagegate_settings::TraceParents;
use std::net::SocketAddr;

raw! {
    /// Receives OpenTelemetry traces of agents over OTLP, and makes stages of their spans: latency,
    /// errors, tokens and cost of each agent, tool, retriever and model call. A reload takes over
    /// `tokens`, `sample` and `parents`; the rest takes effect at a start.
    pub(crate) struct RawOtlp {
        /// IP address and port for OTLP over HTTP (protobuf and JSON) and gRPC. Without tokens it must
        /// be a loopback address.
        listen: SocketAddr = default("127.0.0.1:4318"),
        /// Who may send, with `Authorization: Bearer TOKEN`. Without tokens, anyone on this machine
        /// may.
        tokens: Vec<At<RawOtlpToken>> = default("[]"),
        /// Share of the requests without a trace of their own whose agents are asked to record. Below
        /// 100%, stages are those of a sample.
        sample: Weight = default("100%"),
        /// The parents whose traces are continued. Must be the same as in `tracing`, if both are
        /// there.
        parents: TraceParents = default("any"),
        /// The time after the end of a request for which its spans are awaited. Longer than an agent
        /// waits before it exports: 5 s in most SDKs.
        wait: Wait = default("10s"),
        /// Most bytes of one export, decompressed; from 64KiB to 256MiB.
        max_body: SizeIn<{ 64 << 10 }, { 256 << 20 }> = default("16MiB"),
        /// Most traces that wait at a time. Above it the oldest is concluded with what it has.
        max_traces: Int<1, 10_000_000> = default("50000"),
        /// Most spans that wait at a time, of all traces.
        max_spans: Int<1, 100_000_000> = default("500000"),
        /// Most memory of spans that wait, from 1MiB.
        max_memory: SizeIn<{ 1 << 20 }, { u64::MAX >> 1 }> = default("128MiB"),
        /// Most stages with figures of their own, of each release and arm; the rest is `other`.
        max_stages: Int<1, 32> = default("32"),
        /// The collector that everything received is passed on to: traces, metrics and logs. By
        /// default traces are only read, and metrics and logs are refused.
        forward_to: RawForward = optional,
    }
}

raw! {
    /// One sender of traces. `stagegate token new` makes a token.
    pub(crate) struct RawOtlpToken {
        /// Its name.
        name: TokenName = required,
        /// SHA-256 of its token, `sha256:` and 64 hex digits.
        hash: TokenHash = required,
    }
}

raw! {
    /// A collector that takes OTLP over HTTP.
    pub(crate) struct RawForward {
        /// The collector, `http://…` or `https://…`, port 4318 as a rule. A path goes before
        /// `/v1/traces`.
        endpoint: CollectorUrl = required,
        /// Header fields that the collector wants, keys for example; never shown.
        headers: Map<HeaderName, SecretHeader> = default("{}"),
        /// The time limit of one call.
        timeout: Wait = default("5s"),
        /// TLS towards an `https://` collector.
        tls: RawUpstreamTls = optional,
    }
}
