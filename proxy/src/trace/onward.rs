//! The part of a trace that goes on to the endpoint.

use super::TraceContext;

/// What goes on to the endpoint.
#[derive(Clone, Copy)]
pub(crate) struct Onward {
    /// The span that the endpoint's work is part of.
    pub(crate) context: TraceContext,
    /// The client's `tracestate` goes on too: it belongs to the trace that is continued.
    pub(crate) state: bool,
}
