//! The counts of copied requests, separate from those of served requests.

use crate::{Histogram, Outcome};
use std::sync::Arc;

/// The key of copies: the workload of the requests, and the release that receives them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ShadowKey {
    /// Name of the workload.
    pub workload: Arc<str>,
    /// Name of the release that gets the copies.
    pub release: Arc<str>,
}

/// The reason why a picked request was not copied, or its copy was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShadowDrop {
    /// Its body is over the limit of copies.
    TooLarge,
    /// As many copies as may be are in progress.
    InFlight,
    /// The proxy is busy with clients' requests.
    Overload,
    /// The sender of copies is behind.
    Queue,
    /// No endpoint of the release is healthy.
    Unhealthy,
    /// The connection it was sent on turned out to be closed; nothing is sent twice.
    Stale,
    /// A kill, a rollback or a reload came first.
    Withdrawn,
    /// The process is about to end.
    Shutdown,
}

impl ShadowDrop {
    /// Every reason.
    pub const ALL: [Self; 8] = [
        Self::TooLarge,
        Self::InFlight,
        Self::Overload,
        Self::Queue,
        Self::Unhealthy,
        Self::Stale,
        Self::Withdrawn,
        Self::Shutdown,
    ];

    /// The word used in labels.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::TooLarge => "too_large",
            Self::InFlight => "in_flight",
            Self::Overload => "overload",
            Self::Queue => "queue",
            Self::Unhealthy => "unhealthy",
            Self::Stale => "stale",
            Self::Withdrawn => "withdrawn",
            Self::Shutdown => "shutdown",
        }
    }

    /// Position in [`ShadowDrop::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// Counts of copies since the last hand-over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShadowSeries {
    /// Copies that were sent, by [`Outcome::index`] of what came back.
    pub outcomes: [u64; Outcome::ALL.len()],
    /// Copies that were not, by [`ShadowDrop::index`].
    pub dropped: [u64; ShadowDrop::ALL.len()],
    /// Microseconds from sending to the end of the answer, of those that were answered; and to the time
    /// limit, of those that were not by then: they would have taken at least as long.
    pub duration_us: Histogram,
    /// Nano-dollars of the answers whose cost is known.
    pub cost_nanos: u64,
}

impl ShadowSeries {
    /// Adds other counts.
    pub fn merge(&mut self, other: &Self) {
        let add = |into: &mut [u64], from: &[u64]| {
            into.iter_mut().zip(from).for_each(|(sum, count)| *sum += count);
        };
        add(&mut self.outcomes, &other.outcomes);
        add(&mut self.dropped, &other.dropped);
        self.duration_us.merge(&other.duration_us);
        self.cost_nanos = self.cost_nanos.saturating_add(other.cost_nanos);
    }
}
