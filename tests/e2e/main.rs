//! The built binary, used as real users use it. See `harness` for how the stories are told.
// Figures that a test measured are printed; a test that cannot go on says so by panicking.
#![allow(clippy::print_stdout, clippy::print_stderr, clippy::unwrap_used)]

mod aborts;
mod conversations;
mod crash;
mod forwarding;
mod framing;
mod harness;
mod health;
mod identity;
mod lifecycle;
mod limits;
mod malformed;
mod ramp;
mod real_clients;
mod rollback;
mod routing;
mod soak;
mod streaming;
mod timeouts;
