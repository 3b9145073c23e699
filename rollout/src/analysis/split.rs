//! The check of the split against the weight.

use super::report::SplitReading;
use crate::Weight;
use serde::{Deserialize, Serialize};
use stagegate_sequential::SplitHealth;

const WORDS: usize = (Weight::SCALE as usize).div_ceil(64);

/// The distinct buckets that were seen under the present weight, and what they say.
///
/// A bucket counts once, however many requests its keys send, so that one busy user is one
/// observation. Buckets are drawn without putting back, which is calmer than the coin that the
/// evidence assumes: it errs on the side of silence.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct SplitCount {
    /// The weight of this stretch, in 1/100000.
    weight: u32,
    /// One bit for each bucket; empty until the first.
    seen: Vec<u64>,
    candidate: u64,
    all: u64,
    health: SplitHealth,
}

impl SplitCount {
    pub(super) fn observe(&mut self, weight: Weight, assigned: &[u32]) {
        if assigned.is_empty() {
            return;
        }
        if self.weight != weight.parts() || self.seen.len() != WORDS {
            *self = Self {
                weight: weight.parts(),
                seen: vec![0; WORDS],
                health: self.health.clone(),
                ..Self::default()
            };
        }
        let (mut candidate, mut all) = (0, 0);
        for &bucket in assigned {
            let (word, bit) = (bucket as usize / 64, 1 << (bucket % 64));
            let Some(word) = self.seen.get_mut(word).filter(|word| **word & bit == 0) else {
                continue;
            };
            *word |= bit;
            all += 1;
            candidate += u64::from(bucket < weight.parts());
        }
        self.candidate += candidate;
        self.all += all;
        // Never refused: there are no more below the weight than in all, and a weight is a share.
        let counted = self.health.update(candidate, all, weight.ratio());
        debug_assert!(counted.is_ok());
    }

    pub(super) fn is_invalid(&self) -> bool {
        self.health.is_invalid()
    }

    pub(super) fn reading(&self) -> SplitReading {
        SplitReading {
            candidate: self.candidate,
            all: self.all,
            ln_evidence: self.health.ln_value(),
        }
    }
}
