//! A seeded simulation of the fleet's protocol.
//!
//! The machines of `stagegate_fleet` run under a scheduler that decides when messages arrive and what
//! breaks: crashes, restarts, paused processes, partitions, a ledger that is gone, a deposed leader
//! that still answers reads, clocks of different speed, lost, late, repeated and reordered
//! messages. After every step a checker looks whether the promises hold. The same seed gives the same
//! history.

mod check;
mod cluster;
mod command;
mod faults;
mod host;
mod message;
mod mutation;
mod net;
mod rng;
mod scale;
mod traffic;
mod world;

pub use check::Violation;
pub use mutation::Mutation;
pub use net::Net;
pub use scale::{Figures, Scale};
pub use traffic::{Traffic, Volume};
pub use world::{History, Options, World};

use std::time::Duration;

/// A history with faults for `seconds`.
#[must_use]
pub const fn troubled(
    seed: u64,
    replicas: usize,
    seconds: u64,
    mutation: Option<Mutation>,
) -> Options {
    let mut net = Net::TROUBLED;
    if matches!(mutation, Some(Mutation::FreshFromAnswer)) {
        // Only late answers show it.
        net.slow = 80;
    }
    Options {
        seed,
        replicas,
        fresh_for: Duration::from_secs(3),
        faults_for: Duration::from_secs(seconds),
        quiet_for: Duration::from_secs(40),
        mutation,
        change_every: Duration::from_millis(2500),
        net,
    }
}
