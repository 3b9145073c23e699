//! From raw to checked: what the parts mean together.
//!
//! Every function returns `None` only after the reason was reported, and checks as much as it can
//! before it does, so that one bad value does not hide the next.

mod admin;
mod cost;
mod eval;
mod external;
mod flags;
mod fleet;
mod gate;
mod health;
mod identity;
mod labelled;
mod matching;
mod members;
mod metric_source;
mod notify;
mod otlp;
mod places;
mod policy;
mod queue;
mod readiness;
mod release;
mod server;
mod shadow;
mod tls;
mod tracing;
mod workload;

pub(crate) use eval::scorer;
pub(crate) use server::config;
