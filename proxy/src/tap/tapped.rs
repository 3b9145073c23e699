//! A whole exchange, copied.

use super::Copied;
use crate::trace::TraceContext;
use stagegate_rollout::Arm;
use std::sync::Arc;

/// The reason why an exchange was copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TapReason {
    /// By the hash of its conversation.
    Picked,
    /// As one half of a pair: the answer to a request, or to its copy.
    Pair,
}

/// A whole exchange, copied.
#[derive(Debug)]
pub struct Tapped {
    /// The request's id; of a copied request one of its own.
    pub id: String,
    /// The reason for the copy.
    pub reason: TapReason,
    /// Id of the other half of the pair, where there may be one.
    pub pair: Option<String>,
    /// When it came, in Unix milliseconds.
    pub at_ms: u64,
    /// Name of the workload.
    pub workload: Arc<str>,
    /// Name of the release that answered.
    pub release: Arc<str>,
    /// The arm it counts under.
    pub arm: Arm,
    /// The conversation.
    pub conversation: Option<String>,
    /// The tenant.
    pub tenant: Option<String>,
    /// The request's path.
    pub path: String,
    /// Its place in a trace: this proxy's span where requests are traced, else the client's.
    pub trace: Option<TraceContext>,
    /// HTTP status.
    pub status: u16,
    /// Microseconds from the request head to the end of the answer.
    pub duration_us: u64,
    /// Microseconds to the answer's head.
    pub first_byte_us: u64,
    /// Tokens read and written, if the response reports them.
    pub tokens: Option<(u64, u64)>,
    /// Its cost in nano-dollars, if known.
    pub cost_nanos: Option<u64>,
    /// `Agent-Confidence` of the answer's head or trailers.
    pub confidence: Option<String>,
    /// The request.
    pub request: Copied,
    /// The answer.
    pub response: Copied,
}
