//! Pairs: both answers to one request that was copied to a shadow, counted apart from everything
//! live.

use super::Book;
use stagegate_eval::PairResult;
use stagegate_store::NewPair;

impl Book {
    /// Counts a pair, once its second half is judged. Of a conversation the first one counts.
    pub(super) fn pair_up(&mut self, pair: &NewPair) {
        match self.store.pair_up(pair) {
            Ok(Some(pair)) if pair.counts => {
                let result = PairResult::of(pair.stable_pass, pair.shadow_pass);
                *self.pairs.entry((pair.workload, result)).or_default() += 1;
            }
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(%error, shadow = pair.shadow, "cannot store a pair; it is not counted");
            }
        }
    }
}
