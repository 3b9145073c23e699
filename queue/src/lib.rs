//! The queue of a killed workload: requests are stored before they are acknowledged, sent once after the
//! workload is revived, in their order and at a bounded rate, and their answers are kept for the callers.
//!
//! One SQLite file with a thread of its own, so that a slow disk delays neither a request nor a rollback.
//! Requests and answers are encrypted at rest. What reaches the file is never lost by a crash; what was being
//! sent when the process died is sent again only if that does no harm.

mod cipher;
mod entry;
mod figures;
mod file;
mod keeping;
mod port;
mod queue;
mod sending;
mod shared;
mod text;
mod worker;

pub use entry::{Answer, Entry, Kept, NewEntry, Polled, Request, State};
pub use figures::Figures;
pub use file::QueueError;
pub use port::Backends;
pub use queue::Queue;
