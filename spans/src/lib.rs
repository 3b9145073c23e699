//! Stages of requests, read from the spans that agents export over OTLP.
//!
//! [`read_protobuf`] and [`read_json`] turn the body of an export into [`Span`]s, which hold what
//! stages need and nothing else: ids, times, kind, name, tokens. A [`Joiner`] joins them to the
//! requests in whose traces they stand, and gives the [`Joined`] requests once their spans have had
//! time to arrive; [`Joined::count`] adds their stages to the counts of an arm. Nothing here reads a
//! clock, does IO or logs: time comes in as an argument. What is held is bounded by [`Limits`].

mod facts;
mod join;
mod read;
mod span;

pub use join::{Counted, Joined, Joiner, Limits, Request, Seen, Source, StageNames};
pub use read::{MAX_SPANS, Malformed, Rejected, read_json, read_protobuf};
pub use span::{Kind, Span, SpanId, TraceId, Work};
