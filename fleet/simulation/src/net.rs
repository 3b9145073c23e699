//! The network between replicas and the ledger's servers.

use crate::cluster::Micros;
use crate::rng::Rng;

/// How long messages take, and how many are lost.
#[derive(Clone, Copy, Debug)]
pub struct Net {
    /// The shortest way between a replica and the servers, in microseconds.
    pub near: Micros,
    /// Added for each region away from the servers.
    pub region: Micros,
    /// How many regions the replicas are spread over.
    pub regions: usize,
    /// The mean of what is added, in microseconds.
    pub jitter: f64,
    /// The time of a commit by a majority, with its writes to disk, in microseconds.
    pub commit: f64,
    /// Thousandths of the messages that are lost, and of those that come twice.
    pub loss: u64,
    /// Thousandths of the messages that take up to two and a half seconds while faults happen.
    pub slow: u64,
    /// Longest pause between two looks of a replica, in microseconds.
    pub wake: Micros,
}

impl Net {
    /// A network with faults.
    pub const TROUBLED: Self = Self {
        near: 150,
        region: 0,
        regions: 1,
        jitter: 1500.0,
        commit: 4000.0,
        loss: 15,
        slow: 10,
        wake: 100_000,
    };

    /// The way of a message between a replica and the servers.
    pub(crate) fn latency(&self, replica: usize, rng: &mut Rng, troubled: bool) -> Micros {
        let away = (replica % self.regions) as u64 * self.region;
        let slow = if troubled && rng.chance(self.slow) { rng.below(2_500_000) } else { 0 };
        self.near + away + rng.exponential(self.jitter) as u64 + slow
    }

    /// The time of a commit.
    pub(crate) fn commit(&self, rng: &mut Rng) -> Micros {
        (self.commit / 2.0 + rng.exponential(self.commit / 2.0)) as u64
    }
}
