//! The built binary, used as real users use it. See `harness` for how the stories are told.
//!
//! Run with `cargo nextest run --test e2e`; it needs Python 3, Node and npm, and installs the real
//! clients it pins (`requirements.txt`, `package.json`) into `target/` by itself.
//! `cargo xtask soak` turns the short mixed load into a long one.
// Figures that a test measured are printed; a test that cannot go on says so by panicking.
#![allow(clippy::print_stdout, clippy::print_stderr, clippy::unwrap_used)]

mod aborts;
mod admin_tls;
mod checklist;
mod ci_page;
mod conversations;
mod conversations_page;
mod crash;
mod dashboard;
mod dashboard_more;
mod demo;
mod deploy;
mod eval;
mod eval_loop;
mod eval_results;
mod faults;
mod flags;
mod fleet;
mod fleet_backup;
mod fleet_judges;
mod fleet_page;
mod forwarding;
mod frameworks;
mod framing;
mod generated_client;
mod grpc;
mod h2;
mod h2_malformed;
mod harness;
mod health;
mod hostile_backends;
mod identity;
mod judge;
mod lifecycle;
mod limits;
mod malformed;
mod notify;
mod offline;
mod oidc;
mod otel;
mod privacy;
mod proxy_protocol;
mod queue;
mod ramp;
mod real_clients;
mod reassembly;
mod releases;
mod resilience;
mod rollback;
mod rollout;
mod routing;
mod second_door;
mod shadow;
mod signals;
mod soak;
mod stages;
mod store_hangs;
mod story;
mod streaming;
mod takeover;
mod timeouts;
mod tls;
mod tutorial;
mod unix;
mod viewers;
mod websockets;
