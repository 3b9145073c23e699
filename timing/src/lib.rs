//! Waits between tries, and Unix time as calendar dates. Pure: no clock and no randomness, both are
//! arguments.

mod backoff;
mod calendar;

pub use backoff::{Backoff, jitter};
pub use calendar::{day, moment, rfc3339};
