//! The need for an offline comparison before a rollout.

use serde::{Deserialize, Serialize};

/// When the release of a rollout must have an offline eval report that held. A report that fell
/// stands in the way under all of them: evidence that is there is not passed over in silence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OfflineReport {
    /// Always.
    Required,
    /// If the workload has scorers: they can also score a frozen set before any traffic.
    #[default]
    WithScorers,
    /// Never.
    Optional,
}

impl OfflineReport {
    /// The word used in the configuration.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::WithScorers => "with_scorers",
            Self::Optional => "optional",
        }
    }

    /// True if a report must be there, of a workload that has scorers or has none.
    #[must_use]
    pub const fn asks(self, has_scorers: bool) -> bool {
        match self {
            Self::Required => true,
            Self::WithScorers => has_scorers,
            Self::Optional => false,
        }
    }
}
