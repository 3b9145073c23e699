//! Pairs: both answers to one request that was copied to a shadow, counted apart from everything live.

use super::Book;
use stagegate_eval::{PairResult, Sample};
use stagegate_rollout::Arm;
use stagegate_store::NewPair;

/// The pair that a sample is one half of.
pub(super) fn of(sample: &Sample) -> Option<NewPair> {
    let (this, other) = (sample.id.clone(), sample.pair.clone()?);
    let (stable, shadow) = match sample.arm {
        Arm::Stable => (this, other),
        Arm::Candidate => (other, this),
    };
    Some(NewPair { stable, shadow, conversation: sample.conversation.clone() })
}

impl Book {
    /// Counts a pair, once its second half is judged. Of a conversation the first one counts.
    pub(super) fn pair_up(&mut self, pair: &NewPair) {
        match self.store.pair_up(pair) {
            Ok(Some(pair)) if pair.counts => {
                let result = PairResult::of(pair.stable_pass, pair.shadow_pass);
                *self.pairs.entry((pair.workload, result)).or_default() += 1;
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, shadow = pair.shadow, "a pair is not counted"),
        }
    }
}
