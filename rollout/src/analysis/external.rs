//! What the source of an external gate answered.

use serde::{Deserialize, Serialize};

/// One answer. Values are in the unit of the gate's limit and finite.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ExternalReading {
    /// When the question was asked, in Unix milliseconds. It tells answers apart.
    pub at_ms: u64,
    /// The candidate's value; none if the source has none or does not answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub candidate: Option<f64>,
    /// Stable's value, where it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stable: Option<f64>,
    /// The reason why a value is missing, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

impl ExternalReading {
    /// No answer, for this reason.
    #[must_use]
    pub fn none(at_ms: u64, why: impl Into<String>) -> Self {
        Self { at_ms, candidate: None, stable: None, why: Some(why.into()) }
    }
}
