//! Checked settings of receiving traces.

use crate::Collector;
use stagegate_rollout::Weight;
use stagegate_settings::{Secret, TraceParents, UpstreamTls};
use std::net::SocketAddr;
use std::time::Duration;

/// Receiving the traces of agents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Otlp {
    /// The address of the listener; without tokens always a loopback address.
    pub listen: SocketAddr,
    /// Who may send. Empty means anyone on this machine.
    pub tokens: Vec<OtlpToken>,
    /// Share of the traces that begin here and that agents are asked to record.
    pub sample: Weight,
    /// The parents whose traces are continued.
    pub parents: TraceParents,
    /// The time after the end of a request for which its spans are awaited.
    pub wait: Duration,
    /// Most bytes of one export.
    pub max_body: u64,
    /// Most traces that wait.
    pub max_traces: u64,
    /// Most spans that wait.
    pub max_spans: u64,
    /// Most bytes of spans that wait.
    pub max_memory: u64,
    /// Most stages with figures of their own.
    pub max_stages: u64,
    /// Where everything is passed on to.
    pub forward: Option<Forward>,
}

/// One sender of traces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtlpToken {
    /// Its name.
    pub name: String,
    /// SHA-256 of its token.
    pub hash: [u8; 32],
}

/// The collector that traces are passed on to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forward {
    /// Its address.
    pub endpoint: Collector,
    /// Header fields for it; names in lower case.
    pub headers: Vec<(String, Secret)>,
    /// The time limit of one call.
    pub timeout: Duration,
    /// TLS towards it; none when it is spoken to without.
    pub tls: Option<UpstreamTls>,
}
