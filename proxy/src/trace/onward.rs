//! The part of a trace that is sent to the endpoint.

use super::TraceContext;

/// The trace context that is sent to the endpoint.
#[derive(Clone, Copy)]
pub(crate) struct Onward {
    /// The span that the endpoint's work is part of.
    pub(crate) context: TraceContext,
    /// True if the client's `tracestate` is sent too: it belongs to the continued trace.
    pub(crate) state: bool,
}
