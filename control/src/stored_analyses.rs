//! When the newest analysis of a workload is stored, beside those that a change rests on.

use super::attached::stored;
use stagegate_rollout::{Analysis, WorkloadName};
use stagegate_store::NewAnalysis;
use std::time::{Duration, Instant};

/// How often an analysis whose id stays the same is stored again, with its newest figures.
const STORE_EVERY: Duration = Duration::from_secs(60);

/// The analysis of one workload that was stored last, and when.
#[derive(Debug, Default)]
pub(super) struct Stored(Option<(String, Instant)>);

impl Stored {
    /// The analysis, if it is another one than was stored last, or newer by a while.
    pub(super) fn due(
        &mut self,
        workload: &WorkloadName,
        analysis: &Analysis,
        now: Instant,
    ) -> Option<NewAnalysis> {
        let is_known = self.0.as_ref().is_some_and(|(id, at)| {
            *id == analysis.id.as_str() && now.duration_since(*at) < STORE_EVERY
        });
        if is_known {
            return None;
        }
        self.0 = Some((analysis.id.to_string(), now));
        Some(stored(workload, analysis))
    }
}
