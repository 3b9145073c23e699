//! The id of an analysis, and its verdict.

use crate::RolloutId;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// Names one analysis: rollout, step, a number that rises with every change of the verdict or of
/// any gate's state, and the beginning of a digest of those states.
///
/// The id changes when the verdict or a gate's state changes, and not with every request. After a
/// crash that loses the last seconds of evidence a number can come again; the digest then makes
/// another id of other states.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AnalysisId(Arc<str>);

impl AnalysisId {
    pub(super) fn new(rollout: &RolloutId, step: usize, serial: u64, digest: &str) -> Self {
        Self(format!("{rollout}~{}~{serial}~{digest}", step + 1).into())
    }

    /// An id from its text.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        Self(text.into())
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AnalysisId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The result of an analysis. Only [`Verdict::Pass`] permits a promotion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Every gate holds, with enough behind it.
    Pass,
    /// A gate is violated.
    Fail,
    /// Not enough evidence yet, or none that can be attributed.
    Inconclusive,
    /// The measurements cannot be trusted.
    Error,
}

impl Verdict {
    /// Every verdict, in the order tables show them.
    pub const ALL: [Self; 4] = [Self::Pass, Self::Fail, Self::Inconclusive, Self::Error];

    /// The word used in labels and the API.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Inconclusive => "inconclusive",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}
