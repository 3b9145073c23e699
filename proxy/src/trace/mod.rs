//! A request's place in a distributed trace, and what is told of it to whoever exports traces.
//!
//! Where tracing is off, a request costs a look at an option. Where it is on, every request's
//! context goes on to the endpoint, and of the sampled ones a record is made: it goes from the
//! worker with its next report, and nothing waits for it. Records hold names, numbers and times,
//! and never a header, a body or a query.

mod baggage;
mod context;
mod onward;
mod span;

pub(crate) use baggage::write_baggage;
pub use context::TraceContext;
pub(crate) use onward::Onward;
pub(crate) use span::{Trace, given};
pub use span::{TraceSettings, Traced, TracedAttempt};
