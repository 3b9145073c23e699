//! The two sides of a split.

use serde::{Deserialize, Serialize};

/// One side of a workload's split. Closed on purpose: a third arm would be a third release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arm {
    /// The release that serves everyone not sent elsewhere.
    Stable,
    /// The release under rollout.
    Candidate,
}

impl Arm {
    /// Both arms, in the order tables show them.
    pub const ALL: [Self; 2] = [Self::Stable, Self::Candidate];

    /// The word used in labels, headers and the API.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Stable => "stable",
            Self::Candidate => "candidate",
        }
    }

    /// Position in [`Arm::ALL`], for tables indexed by arm.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The arm with this label.
    #[must_use]
    pub fn from_label(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|arm| arm.label() == label)
    }
}

impl std::fmt::Display for Arm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.label())
    }
}
