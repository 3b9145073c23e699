//! What people say about samples that were concluded, or still are open.

use super::Book;
use stagegate_eval::{SampleReason, Tally};
use stagegate_rollout::{Arm, Delta, SeriesKey};
use stagegate_store::{SamplesError, StoredSample};

impl Book {
    /// What a person's first verdict on a sample counts for.
    pub(crate) fn labelled(&mut self, id: &str, pass: bool) -> Result<Delta, SamplesError> {
        let mut delta = Delta::default();
        let Some((StoredSample { workload, release, arm, reason, .. }, _)) = self.store.get(id)?
        else {
            return Ok(delta);
        };
        let Some(arm) = Arm::from_label(&arm).filter(|_| reason == SampleReason::Random.label())
        else {
            return Ok(delta);
        };
        let key = SeriesKey { workload: workload.into(), release: release.into(), arm };
        let labelled = Tally {
            labelled_passed: u64::from(pass),
            labelled_failed: u64::from(!pass),
            ..Tally::default()
        };
        self.tallies.entry(key.clone()).or_default().merge(&labelled);
        delta.series.entry(key).or_default().scores = labelled.scores();
        Ok(delta)
    }
}
