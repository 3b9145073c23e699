//! The choice of the exchanges to score: by a hash, independent of their content.

use stagegate_rollout::{Arm, Salt, Weight};
use std::collections::{HashSet, VecDeque};

/// The share of each arm that is scored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sampling {
    salt: Salt,
    stable: Weight,
    candidate: Weight,
}

impl Sampling {
    /// Rates by arm. The salt is the workload's with a prefix that no split has: with the split's
    /// own salt, a 1% sample would be the 1% candidate.
    #[must_use]
    pub fn new(workload: &str, stable: Weight, candidate: Weight) -> Self {
        Self { salt: Salt::new(&format!("sample:{workload}:")), stable, candidate }
    }

    /// The share of an arm that is scored.
    #[must_use]
    pub const fn rate(&self, arm: Arm) -> Weight {
        match arm {
            Arm::Stable => self.stable,
            Arm::Candidate => self.candidate,
        }
    }

    /// True if an exchange is scored. `unit` is its conversation, or its request id where it has
    /// none: a conversation is in with all its turns or not at all, and in for as long as the rate
    /// does not shrink. Of two arms at one rate, both score the same conversations.
    #[must_use]
    pub fn picks(&self, arm: Arm, unit: &str) -> bool {
        let rate = self.rate(arm);
        rate != Weight::ZERO && self.salt.bucket(unit).is_below(rate)
    }
}

/// Knows which conversations have had a turn counted. The turns of one conversation are not
/// independent: the first that is picked counts for the gates (`random`), the others are scored for
/// people (`targeted`). Remembers a fixed number of conversations and forgets the oldest.
#[derive(Clone, Debug)]
pub struct FirstTurns {
    /// Digests of conversations, so that memory does not depend on how long their names are.
    seen: HashSet<u64>,
    order: VecDeque<u64>,
    capacity: usize,
}

impl FirstTurns {
    /// Remembers this many conversations (16 to 24 bytes each, twice).
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self { seen: HashSet::new(), order: VecDeque::new(), capacity: capacity.max(1) }
    }

    /// True if this is the first turn seen of the conversation on this arm.
    pub fn is_first(&mut self, workload: &str, arm: Arm, conversation: &str) -> bool {
        let text = crate::hash::digest(&format!("{workload}\n{arm}\n{conversation}"));
        let key = u64::from_str_radix(&text[..16], 16).unwrap_or_default();
        if !self.seen.insert(key) {
            return false;
        }
        self.order.push_back(key);
        if self.order.len() > self.capacity
            && let Some(oldest) = self.order.pop_front()
        {
            self.seen.remove(&oldest);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::{FirstTurns, Sampling};
    use stagegate_rollout::{Arm, Salt, Weight};

    fn picked(sampling: &Sampling, arm: Arm) -> Vec<u32> {
        (0..100_000).filter(|n| sampling.picks(arm, &format!("conv-{n}"))).collect()
    }

    #[test]
    fn rates_are_kept_per_arm_and_both_arms_score_the_same_conversations() {
        let sampling = Sampling::new("agent", Weight::percent(2), Weight::percent(5));
        let (stable, candidate) =
            (picked(&sampling, Arm::Stable), picked(&sampling, Arm::Candidate));
        assert!((1850..2150).contains(&stable.len()), "{}", stable.len());
        assert!((4750..5250).contains(&candidate.len()), "{}", candidate.len());
        assert!(stable.iter().all(|n| candidate.contains(n)));
        let none = Sampling::new("agent", Weight::ZERO, Weight::FULL);
        assert!(picked(&none, Arm::Stable).is_empty());
        assert_eq!(picked(&none, Arm::Candidate).len(), 100_000);
    }

    #[test]
    fn the_sample_is_not_the_canary() {
        let sampling = Sampling::new("agent", Weight::percent(5), Weight::percent(5));
        let split = Salt::new("agent:");
        let canary = |n: &&u32| split.bucket(&format!("conv-{n}")).is_below(Weight::percent(5));
        let picked = picked(&sampling, Arm::Stable);
        let both = picked.iter().filter(canary).count();
        let share = both as f64 / picked.len() as f64;
        assert!((0.035..0.065).contains(&share), "5% of the sample is in the canary, not {share}");
    }

    #[test]
    fn one_turn_of_a_conversation_counts_and_memory_is_bounded() {
        let mut turns = FirstTurns::new(2);
        assert!(turns.is_first("agent", Arm::Stable, "a"));
        assert!(!turns.is_first("agent", Arm::Stable, "a"));
        assert!(turns.is_first("agent", Arm::Candidate, "a"), "each arm on its own");
        assert!(turns.is_first("agent", Arm::Stable, "b"));
        assert!(turns.is_first("agent", Arm::Stable, "a"), "forgotten: only two are remembered");
        for n in 0..1000 {
            turns.is_first("agent", Arm::Stable, &n.to_string());
        }
        assert_eq!((turns.seen.len(), turns.order.len()), (2, 2));
    }
}
