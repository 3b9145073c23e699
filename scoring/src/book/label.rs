//! Labels that people give to samples, open or concluded.

use super::Book;
use crate::RulesOf;
use crate::results::Origin;
use crate::told::Subject;
use stagegate_eval::{Sample, SampleReason, Score, Tally};
use stagegate_rollout::Delta;
use stagegate_store::SamplesError;
use std::collections::BTreeSet;

impl Book {
    /// Tells of a score from outside.
    pub(crate) fn tell_given(&mut self, id: &str, score: &Score, now_ms: u64) {
        let Ok(Some((stored, _))) = self.store.get(id) else { return };
        if let Ok(sample) = serde_json::from_str::<Sample>(&stored.body) {
            self.tell(Subject::of(&sample).as_ref(), std::slice::from_ref(score), now_ms);
        }
    }

    /// Counts the first verdict on a sample from a labelled set or a person. Only random samples
    /// count.
    pub(crate) fn labelled(
        &mut self,
        id: &str,
        pass: bool,
        rules: &RulesOf,
    ) -> Result<Delta, SamplesError> {
        let mut delta = Delta::default();
        let Some((stored, _)) = self.store.get(id)? else { return Ok(delta) };
        let Ok(sample) = serde_json::from_str::<Sample>(&stored.body) else { return Ok(delta) };
        if sample.reason != SampleReason::Random {
            return Ok(delta);
        }
        let tally = Tally::of_label(pass, stored.pass.filter(|_| !stored.open));
        let (origin, nobody) = (Origin::of(&sample), BTreeSet::new());
        let own = rules.get(&sample.workload).map_or(&nobody, |rules| &rules.tenants);
        self.results.add(&self.store, &origin, &tally, own);
        delta.series.entry(origin.key).or_default().scores = tally.scores();
        Ok(delta)
    }
}
