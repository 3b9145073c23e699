//! Doubts: reasons why the scorers of a workload are not believed. The runner of the scorers finds
//! them; this crate decides their effect on a rollout.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The problem of the judge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DoubtKind {
    /// Samples or scores cannot be kept.
    Store,
    /// The daily budget of judging is spent; nothing is sampled.
    Budget,
    /// Samples wait, and none gets a verdict.
    Silent,
    /// Stable did not change, and its pass rate did.
    Drift,
    /// Many picked answers are dropped, because scoring does not keep up.
    Behind,
    /// One arm's samples get verdicts more often than the other's.
    Uneven,
}

impl DoubtKind {
    /// Every kind, in the order tables show them.
    pub const ALL: [Self; 6] =
        [Self::Store, Self::Budget, Self::Silent, Self::Drift, Self::Behind, Self::Uneven];

    /// The word used in labels and the API.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::Budget => "budget",
            Self::Silent => "silent",
            Self::Drift => "drift",
            Self::Behind => "behind",
            Self::Uneven => "uneven",
        }
    }

    /// True if nothing can be measured at all, or what is measured is wrong. Otherwise there only
    /// is too little to go by.
    #[must_use]
    pub const fn is_error(self) -> bool {
        matches!(self, Self::Store | Self::Silent | Self::Drift)
    }
}

/// A reason not to believe the judge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doubt {
    /// The kind.
    pub kind: DoubtKind,
    /// The observation, in words.
    pub words: String,
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the judge is not believed: {}", self.words)
    }
}
