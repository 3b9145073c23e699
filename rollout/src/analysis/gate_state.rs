//! The state of a gate.

use super::text::Seconds;
use crate::DoubtKind;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The reason for an inconclusive gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// Too few values.
    TooFew,
    /// An outage of something behind both releases hits both arms alike.
    ExternalOutage,
    /// Stable is beyond the limit too, and the candidate is not worse.
    StableToo,
    /// There is nothing to compare with: no stable arm, no baseline, no budget.
    NothingToCompare,
    /// Enough was measured, but "worse by the whole margin" is not ruled out.
    NotShown,
}

impl Why {
    /// The word used in the API.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::TooFew => "too_few",
            Self::ExternalOutage => "external_outage",
            Self::StableToo => "stable_too",
            Self::NothingToCompare => "nothing_to_compare",
            Self::NotShown => "not_shown",
        }
    }
}

/// The state of a gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum GateState {
    /// It is shown that the gate holds. It does not block a promotion.
    Ok,
    /// There is not enough evidence, for or against.
    Inconclusive {
        /// The reason.
        why: Why,
    },
    /// It is violated.
    Violated {
        /// Since when, in Unix milliseconds.
        since_ms: u64,
        /// For how long, in milliseconds of observed time.
        for_ms: u64,
    },
    /// There was nothing to measure for the time after which the owner is notified.
    NoData {
        /// Since when, in Unix milliseconds.
        since_ms: u64,
    },
    /// The scorers that measure it are not believed.
    NotBelieved {
        /// The reason.
        doubt: DoubtKind,
    },
}

impl GateState {
    /// The word used in labels and the API.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Inconclusive { .. } => "inconclusive",
            Self::Violated { .. } => "violated",
            Self::NoData { .. } => "no_data",
            Self::NotBelieved { doubt } if doubt.is_error() => "error",
            Self::NotBelieved { .. } => "inconclusive",
        }
    }

    /// The state without its clocks. A change of it changes the id of the analysis.
    pub(super) const fn mark(self) -> (u8, u8) {
        match self {
            Self::Ok => (0, 0),
            Self::Inconclusive { why } => (1, why as u8),
            Self::Violated { .. } => (2, 0),
            Self::NoData { .. } => (3, 0),
            Self::NotBelieved { doubt } => (4, doubt as u8),
        }
    }
}

impl fmt::Display for GateState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ok => f.write_str("ok"),
            Self::Inconclusive { why } => write!(f, "inconclusive ({})", why.label()),
            Self::Violated { for_ms, .. } => write!(f, "violated for {}", Seconds(*for_ms)),
            Self::NoData { .. } => f.write_str("no data"),
            Self::NotBelieved { doubt } => write!(f, "{} (judge: {})", self.label(), doubt.label()),
        }
    }
}
