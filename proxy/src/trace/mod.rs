//! A request's place in a distributed trace, and the record of it for export.
//!
//! With tracing off, a request checks one option. With tracing on, every request's context is sent
//! to the endpoint, and every sampled request makes a record. The record leaves the worker with its
//! next report, and nothing waits for it. Records hold names, numbers and times, and never a
//! header, a body or a query.

mod baggage;
mod context;
mod onward;
mod span;

pub(crate) use baggage::write_baggage;
pub use context::TraceContext;
pub(crate) use onward::Onward;
pub use span::{Joinable, TraceSettings, Traced, TracedAttempt};
pub(crate) use span::{Trace, given};
