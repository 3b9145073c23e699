//! From raw to checked: what the parts mean together.
//!
//! Every function returns `None` only after the reason was reported, and checks as much as it can
//! before it does, so that one bad value does not hide the next.

mod eval;
mod gate;
mod identity;
mod labelled;
mod matching;
mod members;
mod notify;
mod policy;
mod release;
mod server;
mod shadow;
mod signals;
mod tls;
mod tracing;
mod traffic;
mod workload;

pub(crate) use eval::scorer;
pub(crate) use server::config;

use crate::read::At;

/// The value without its place.
fn plain<T>(at: Option<At<T>>) -> Option<T> {
    at.map(|at| at.value)
}
