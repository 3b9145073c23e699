//! What an external gate asks for: a value that somebody else measures.

use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A value that a metrics server or a webhook tells for each release.
///
/// The address and the key of the source are no part of it: a rollout keeps a copy of its policy, and a copy
/// must hold no secret. The source is named, and the configuration in force says where it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ExternalValue {
    /// Its name, the middle part of the gate's id.
    pub name: Arc<str>,
    /// The name of the source in the configuration.
    pub source: Arc<str>,
    /// The query, for sources that take one. `$candidate`, `$stable` and `$workload` stand for the names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<Arc<str>>,
    /// Where stable's value comes from.
    #[serde(default)]
    pub stable: StableValue,
    /// Higher values are better.
    #[serde(default)]
    pub higher_is_better: bool,
    /// Time between two questions, in milliseconds.
    pub every_ms: u64,
    /// The longest time for an answer, in milliseconds.
    pub timeout_ms: u64,
    /// Without a value the gate prevents a promotion.
    pub no_data_blocks: bool,
}

/// Where stable's value comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StableValue {
    /// There is none.
    #[default]
    None,
    /// The query gives one series for each release, told apart by this label.
    Label(Arc<str>),
    /// A query of its own.
    Query(Arc<str>),
    /// The source tells both values.
    Told,
}

impl ExternalValue {
    /// The usual time between two questions, in milliseconds.
    pub const EVERY_MS: u64 = 30_000;
    /// The usual limit of an answer's time, in milliseconds.
    pub const TIMEOUT_MS: u64 = 5000;

    /// A value is not used for longer, in milliseconds: two questions may fail in a row.
    #[must_use]
    pub const fn fresh_ms(&self) -> u64 {
        2 * self.every_ms + self.timeout_ms
    }

    /// The problem of its parts, and the key that has it.
    pub(super) fn problem(&self, against_stable: bool) -> Option<(&'static str, String)> {
        if self.name.is_empty() {
            return Some(("name", "is empty: name what is measured, like `checkout`".to_owned()));
        }
        if self.source.is_empty() {
            return Some(("source", "is empty: name one of `metric_sources`".to_owned()));
        }
        if self.query.as_deref().is_some_and(|query| query.trim().is_empty()) {
            return Some(("query", "is empty: write an instant query in PromQL".to_owned()));
        }
        if !(1000..=3_600_000).contains(&self.every_ms) {
            return Some(("every", "is not from 1s to 1h: write `30s`".to_owned()));
        }
        if self.timeout_ms == 0 || self.timeout_ms > self.every_ms.min(60_000) {
            let problem = "is longer than a minute or than `every`: an answer must be there before the next question";
            return Some(("timeout", problem.to_owned()));
        }
        let has_stable = self.stable != StableValue::None;
        if against_stable && !has_stable {
            let problem = "has no value of stable to compare with: add `label` or `stable_query`";
            return Some(("against", problem.to_owned()));
        }
        None
    }
}
