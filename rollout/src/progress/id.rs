//! The id of a rollout.

use crate::{ReleaseName, WorkloadName};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// Names one rollout for ever: workload, candidate and the generation, with `~` between them, which
/// no name contains. Evidence is kept under it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RolloutId(Arc<str>);

impl RolloutId {
    /// The id of the rollout that begins generation `generation`.
    #[must_use]
    pub fn new(workload: &WorkloadName, to: &ReleaseName, generation: u64) -> Self {
        Self(format!("{workload}~{to}~{generation}").into())
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RolloutId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
