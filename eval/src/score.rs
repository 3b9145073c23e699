//! The score of a scorer for a sample.

use crate::Nanos;
use serde::{Deserialize, Serialize};

/// One scorer's judgement of one sample. `pass: None` is *unscored*, which is not a failure: the
/// scorer could not decide, and the result must not be counted as pass or fail.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// Name of the scorer.
    pub name: String,
    /// The value, from 0 to 1.
    pub value: Option<f64>,
    /// True if it is good enough.
    pub pass: Option<bool>,
    /// A word for people and for grouping.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The reason, in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explanation: Option<String>,
    /// The cost of the judgement.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub cost: Nanos,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
const fn is_nothing(cost: &Nanos) -> bool {
    cost.0 == 0
}

impl Score {
    /// A judgement that is yes or no.
    #[must_use]
    pub fn binary(name: &str, pass: bool, explanation: impl Into<String>) -> Self {
        let value = Some(if pass { 1.0 } else { 0.0 });
        let explanation = Some(explanation.into()).filter(|text| !text.is_empty());
        Self {
            name: name.to_owned(),
            value,
            pass: Some(pass),
            label: None,
            explanation,
            cost: Nanos(0),
        }
    }

    /// A judgement by degree: good enough from `threshold` on.
    #[must_use]
    pub fn graded(name: &str, value: f64, threshold: f64, explanation: impl Into<String>) -> Self {
        let binary = Self::binary(name, value >= threshold, explanation);
        Self { value: Some(value), ..binary }
    }

    /// No judgement, and why.
    #[must_use]
    pub fn unscored(name: &str, why: impl Into<String>) -> Self {
        Self { value: None, pass: None, ..Self::binary(name, false, why) }
    }

    /// The word that counts it: `pass`, `fail` or `unscored`.
    #[must_use]
    pub const fn outcome(&self) -> &'static str {
        match self.pass {
            Some(true) => "pass",
            Some(false) => "fail",
            None => "unscored",
        }
    }

    /// The one verdict of a sample: what the gating scorers say, AND-ed. A failure stands whatever
    /// the others say; without one, a single unscored leaves the sample unscored. `None` too where
    /// nothing gates.
    #[must_use]
    pub fn together<'a>(gating: impl IntoIterator<Item = &'a Self>) -> Option<bool> {
        let (mut any, mut open) = (false, false);
        for score in gating {
            any = true;
            match score.pass {
                Some(false) => return Some(false),
                Some(true) => {}
                None => open = true,
            }
        }
        (any && !open).then_some(true)
    }
}
