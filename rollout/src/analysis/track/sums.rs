//! Sums over both arms.

use crate::analysis::counts::Counts;
use crate::analysis::evident;
use crate::analysis::ring::Add;
use serde::{Deserialize, Serialize};

/// The chance that noise looks as if stable were beyond the limit too.
const STABLE_TOO: f64 = 1e-4;

/// Both arms' counts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(in crate::analysis) struct Pair {
    pub(in crate::analysis) stable: Counts,
    pub(in crate::analysis) candidate: Counts,
}

impl Add for Pair {
    fn add(&mut self, other: &Self) {
        self.stable.add(&other.stable);
        self.candidate.add(&other.candidate);
    }
}

/// Bad values and values of both arms, whether or not they count as evidence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Guard {
    pub(super) stable: (u64, u64),
    pub(super) candidate: (u64, u64),
}

impl Add for Guard {
    fn add(&mut self, other: &Self) {
        self.stable = (self.stable.0 + other.stable.0, self.stable.1 + other.stable.1);
        self.candidate =
            (self.candidate.0 + other.candidate.0, self.candidate.1 + other.candidate.1);
    }
}

impl Guard {
    /// Returns true if stable is evidently beyond the limit.
    pub(super) fn stable_is_beyond(&self, limit: f64) -> bool {
        evident::above(self.stable, limit, STABLE_TOO)
    }

    /// Returns true if the candidate is evidently worse than stable beside it.
    pub(super) fn candidate_is_worse(&self) -> bool {
        evident::worse(self.candidate, self.stable, STABLE_TOO)
    }
}
