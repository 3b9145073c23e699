//! The result for one check.

use serde::{Deserialize, Serialize};

/// The result for one check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It is met.
    Yes,
    /// It is not.
    No,
    /// It is not met, and a person accepted that.
    Waived,
    /// It was met: a signature or an attachment is too old, or of other pins.
    Expired,
}

impl Standing {
    /// The word used in the API.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::Waived => "waived",
            Self::Expired => "expired",
        }
    }

    /// True if the check stands in the way of a rollout.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::No | Self::Expired)
    }
}
