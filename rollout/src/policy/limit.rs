//! The limit of a measure.

use super::Amount;
use serde::{Deserialize, Serialize};

/// The limit of a measure, in the measure's unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "value")]
pub enum Limit {
    /// Not above.
    Max(Amount),
    /// Not below.
    Min(Amount),
    /// Not worse than the concurrent stable arm by more than this share: 0.01 is one percentage
    /// point.
    Margin(Amount),
    /// Not above the concurrent stable arm times this.
    Ratio(Amount),
    /// Not above its own past times this: the release's own tail ratio earlier in the step, or what
    /// the workload usually spends.
    Baseline(Amount),
}

impl Limit {
    /// The number.
    #[must_use]
    pub const fn amount(self) -> Amount {
        match self {
            Self::Max(amount)
            | Self::Min(amount)
            | Self::Margin(amount)
            | Self::Ratio(amount)
            | Self::Baseline(amount) => amount,
        }
    }

    /// The key of the configuration that holds the number.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Max(_) => "max",
            Self::Min(_) => "min",
            Self::Margin(_) => "margin",
            Self::Ratio(_) | Self::Baseline(_) => "ratio",
        }
    }

    /// True if the concurrent stable arm is what it is compared with.
    #[must_use]
    pub const fn is_against_stable(self) -> bool {
        matches!(self, Self::Margin(_) | Self::Ratio(_))
    }

    /// The last part of a gate's id.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Max(_) => "max",
            Self::Min(_) => "min",
            Self::Margin(_) | Self::Ratio(_) => "against-stable",
            Self::Baseline(_) => "against-baseline",
        }
    }
}
