//! Evidence of many replicas, added up so that each batch counts once.
//!
//! A replica numbers its batches and keeps each until the leader has *saved* it. A new leader goes on
//! from what was saved and gets the rest again, so a batch is neither lost nor counted twice. All
//! unsaved batches go in one message: they count in their order, and messages overtake each other.

use crate::ReplicaName;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

/// Evidence that adds up.
pub trait Merge {
    /// Adds `other`.
    fn merge(&mut self, other: &Self);
}

/// One numbered piece of evidence of a replica.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch<D> {
    /// The process of the replica: a number that grows with every start.
    pub boot: u64,
    /// The number of the batch in this process, from 1 without gaps.
    pub number: u64,
    /// The lowest number that the replica still has: lower ones that did not arrive are lost.
    pub floor: u64,
    /// The evidence.
    pub delta: D,
}

/// Batches of this process that the leader has not saved yet.
#[derive(Clone, Debug)]
pub struct Outgoing<D> {
    boot: u64,
    next: u64,
    most: usize,
    waiting: VecDeque<(u64, D)>,
    dropped: u64,
}

impl<D: Clone> Outgoing<D> {
    /// Nothing yet. At most `most` batches are kept, at least one.
    #[must_use]
    pub fn new(boot: u64, most: usize) -> Self {
        Self { boot, next: 1, most: most.max(1), waiting: VecDeque::new(), dropped: 0 }
    }

    /// Adds a batch. The oldest one is dropped if there are too many, and counted.
    pub fn push(&mut self, delta: D) {
        if self.waiting.len() >= self.most {
            self.waiting.pop_front();
            self.dropped += 1;
        }
        self.waiting.push_back((self.next, delta));
        self.next += 1;
    }

    /// Everything that is to be sent, in order.
    pub fn unsaved(&self) -> impl Iterator<Item = Batch<D>> + '_ {
        let floor = self.waiting.front().map_or(self.next, |(number, _)| *number);
        let (boot, waiting) = (self.boot, self.waiting.iter());
        waiting.map(move |(number, delta)| Batch {
            boot,
            number: *number,
            floor,
            delta: delta.clone(),
        })
    }

    /// The leader has saved everything of process `boot` up to `number`.
    pub fn saved(&mut self, boot: u64, number: u64) {
        if boot == self.boot {
            while self.waiting.front().is_some_and(|(first, _)| *first <= number) {
                self.waiting.pop_front();
            }
        }
    }

    /// The number of batches that no leader has saved yet.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Batches that were dropped before a leader saved them.
    #[must_use]
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }
}

/// What a batch is to the sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offered {
    /// It was added.
    Added,
    /// It was added before, or is of a process that has ended.
    Known,
    /// Batches before it have not arrived; they will come again.
    Early,
}

/// The sums of a fleet, and how far each replica's evidence is in them. Saved as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally<D> {
    /// The sums.
    pub sums: D,
    /// Process and number of the last batch of each replica.
    through: BTreeMap<ReplicaName, (u64, u64)>,
}

impl<D: Merge> Tally<D> {
    /// Adds a batch of `replica`, once.
    pub fn offer(&mut self, replica: &ReplicaName, batch: &Batch<D>) -> Offered {
        let (boot, through) = self.through(replica);
        if batch.boot < boot {
            return Offered::Known;
        }
        // A new process begins with its first batch.
        let last = if batch.boot > boot { 0 } else { through };
        if batch.number <= last {
            return Offered::Known;
        }
        if batch.number != last + 1 && batch.number != batch.floor {
            return Offered::Early;
        }
        self.sums.merge(&batch.delta);
        self.through.insert(replica.clone(), (batch.boot, batch.number));
        Offered::Added
    }

    /// Process and number of the last batch of `replica` that is in the sums; zeros without one.
    #[must_use]
    pub fn through(&self, replica: &ReplicaName) -> (u64, u64) {
        self.through.get(replica).copied().unwrap_or_default()
    }

    /// Process and number of the last batch of every replica that has evidence in the sums.
    pub fn marks(&self) -> impl Iterator<Item = (&ReplicaName, (u64, u64))> {
        self.through.iter().map(|(name, &mark)| (name, mark))
    }

    /// Every replica with evidence in the sums.
    pub fn replicas(&self) -> impl Iterator<Item = &ReplicaName> {
        self.through.keys()
    }
}

#[cfg(test)]
mod tests {
    use super::{Batch, Merge, Offered, Outgoing, Tally};
    use proptest::prelude::*;

    impl Merge for u64 {
        fn merge(&mut self, other: &Self) {
            *self += other;
        }
    }

    fn batch(boot: u64, number: u64, floor: u64) -> Batch<u64> {
        Batch { boot, number, floor, delta: 1 }
    }

    #[test]
    fn a_batch_counts_once_whatever_comes_again() {
        let name = "a".parse().unwrap();
        let mut tally = Tally::<u64>::default();
        assert_eq!(tally.offer(&name, &batch(9, 2, 1)), Offered::Early);
        assert_eq!(tally.offer(&name, &batch(9, 1, 1)), Offered::Added);
        assert_eq!(tally.offer(&name, &batch(9, 2, 1)), Offered::Added);
        assert_eq!(tally.offer(&name, &batch(9, 2, 1)), Offered::Known);
        assert_eq!(tally.offer(&name, &batch(9, 7, 7)), Offered::Added, "3 to 6 were dropped");
        assert_eq!(tally.offer(&name, &batch(12, 1, 1)), Offered::Added, "a new process");
        assert_eq!(tally.offer(&name, &batch(9, 8, 8)), Offered::Known, "a late one of the old");
        assert_eq!((tally.sums, tally.through(&name)), (4, (12, 1)));
    }

    proptest! {
        /// However batches are lost, repeated and reordered, and however often the leader forgets
        /// what it did not save: in the end each one was counted once.
        #[test]
        fn nothing_is_lost_and_nothing_counted_twice(
            steps in prop::collection::vec((0_u8..5, any::<prop::sample::Index>()), 1..200)
        ) {
            let name = "a".parse().unwrap();
            let mut out = Outgoing::new(3, 1000);
            let (mut saved, mut live) = (Tally::<u64>::default(), Tally::<u64>::default());
            let (mut made, mut flying) = (0, Vec::new());
            for (step, which) in steps {
                match step {
                    0 => { out.push(1); made += 1; }
                    1 => flying.extend(out.unsaved()),
                    2 if !flying.is_empty() => { let one = flying[which.index(flying.len())].clone(); live.offer(&name, &one); }
                    3 => { saved = live.clone(); let (boot, number) = saved.through(&name); out.saved(boot, number); }
                    _ => live = saved.clone(),
                }
            }
            live = saved;
            for batch in out.unsaved().collect::<Vec<_>>() {
                live.offer(&name, &batch);
            }
            prop_assert_eq!(live.sums, made);
        }
    }
}
