//! What grows with the number of replicas, without faults.

use crate::check::Violation;
use crate::net::Net;
use crate::traffic::{Traffic, Volume};
use crate::world::{Options, World};
use std::time::Duration;

/// Where the replicas are, and how many.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    /// How many.
    pub replicas: usize,
    /// How long freshness lasts.
    pub fresh_for: Duration,
    /// Regions that they are spread over.
    pub regions: usize,
    /// One way from one region to the next.
    pub region: Duration,
    /// Seed.
    pub seed: u64,
}

/// The figures of one fleet.
#[derive(Clone, Debug)]
pub struct Figures {
    /// Rollbacks.
    pub rollbacks: usize,
    /// From the commit to the complete answer: half of the rollbacks, and 99 of 100.
    pub p50: Duration,
    /// 99 of 100.
    pub p99: Duration,
    /// A second.
    pub messages: f64,
    /// A second.
    pub bytes: f64,
    /// Writes a second that a majority commits.
    pub commits: f64,
    /// A second, by what they are for: renewals, lease, evidence; changes are given per change.
    pub renewals: Volume,
    /// A second.
    pub evidence: Volume,
    /// For each change.
    pub change: Volume,
}

/// How long is simulated.
const LASTS: Duration = Duration::from_secs(120);

impl Scale {
    /// Simulates two minutes without faults, with a change every two seconds.
    ///
    /// # Errors
    /// A [`Violation`] of the protocol's promises.
    pub fn measure(&self) -> Result<Figures, Violation> {
        let region = u64::try_from(self.region.as_micros()).unwrap_or(0);
        let net = Net {
            near: 100,
            region,
            regions: self.regions.max(1),
            jitter: 300.0,
            commit: 3000.0,
            loss: 0,
            slow: 0,
            wake: 1_000_000,
        };
        let history = World::play(Options {
            seed: self.seed,
            replicas: self.replicas,
            fresh_for: self.fresh_for,
            faults_for: Duration::ZERO,
            quiet_for: LASTS,
            mutation: None,
            change_every: Duration::from_secs(2),
            net,
        })?;
        let mut times = history.completions;
        times.sort_unstable();
        let at = |share: usize| {
            let place = (times.len() * share / 100).min(times.len().saturating_sub(1));
            Duration::from_micros(times.get(place).copied().unwrap_or(0))
        };
        let Traffic { renewals, changes, lease, evidence, commits } = history.traffic;
        let seconds = LASTS.as_secs_f64();
        let all = [renewals, changes, lease, evidence];
        let a_second = |volume: Volume| Volume {
            messages: (volume.messages as f64 / seconds) as u64,
            bytes: (volume.bytes as f64 / seconds) as u64,
        };
        let entries = history.entries.max(1) as u64;
        Ok(Figures {
            rollbacks: times.len(),
            p50: at(50),
            p99: at(99),
            messages: all.iter().map(|it| it.messages).sum::<u64>() as f64 / seconds,
            bytes: all.iter().map(|it| it.bytes).sum::<u64>() as f64 / seconds,
            commits: commits as f64 / seconds,
            renewals: a_second(renewals),
            evidence: a_second(evidence),
            change: Volume { messages: changes.messages / entries, bytes: changes.bytes / entries },
        })
    }
}
