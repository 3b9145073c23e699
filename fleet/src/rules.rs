//! How long freshness lasts, and what follows from it.

use crate::Moment;
use std::time::Duration;

/// What a replica does with its candidates when it is not fresh.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnStale {
    /// It closes every candidate: requests go to stable.
    #[default]
    Stable,
    /// It keeps its plan. A rollback is then not complete without its acknowledgement.
    Hold,
}

/// The durations of the protocol. All replicas of a fleet use the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// How long freshness lasts, from the moment at which a renewal was sent.
    pub fresh_for: Duration,
    /// Pause between two renewals.
    pub renew_every: Duration,
    /// How long an answer is awaited before the question is asked again.
    pub patience: Duration,
    /// Replicas close over this time after the end of their freshness, to spare stable.
    pub spread: Duration,
    /// Added by whoever waits for another replica's freshness to end: clocks differ in speed by
    /// 1% at most.
    pub margin: Duration,
    /// How long the steering lease lasts for those who watch it.
    pub lease: Duration,
    /// Pause between two renewals of the steering lease.
    pub lease_every: Duration,
}

impl Rules {
    /// The rules for a freshness of `fresh_for`.
    #[must_use]
    pub fn of(fresh_for: Duration) -> Self {
        Self {
            fresh_for,
            renew_every: fresh_for / 4,
            patience: fresh_for / 3,
            spread: fresh_for / 4,
            margin: fresh_for / 50 + Duration::from_millis(100),
            lease: Duration::from_secs(5),
            lease_every: Duration::from_secs(1),
        }
    }

    /// When a replica closes by itself at the latest, by the clock of one who saw an entry
    /// committed at `committed` that the replica has not applied.
    ///
    /// A renewal that the replica sent before the commit may still have succeeded. One that it sent
    /// later names an older entry and is refused.
    #[must_use]
    pub fn fenced_by(&self, committed: Moment) -> Moment {
        committed + self.fresh_for + self.spread + self.margin
    }
}
