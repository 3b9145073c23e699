//! What replicas tell each other about evidence, as it travels. Pure.

use crate::ports::Epoch;
use serde::{Deserialize, Serialize};
use stagegate_fleet::{Batch, Merge, ReplicaName};
use stagegate_rollout::{Analysis, Doubt, Series, WorkloadName};
use stagegate_store::RecordedWindow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Most buckets of keys that one share carries; later ones are left out. They only show whether the
/// split is as drawn.
const BUCKETS: usize = 20_000;

/// What one replica counted of a workload.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Share {
    /// Rollout and step that the counts belong to; empty without a rollout.
    pub(crate) evidence: String,
    /// The plan that the replica followed. A replica with an older one does not know the step yet.
    pub(crate) epoch: Epoch,
    pub(crate) stable: Series,
    pub(crate) candidate: Series,
    pub(crate) assigned: Vec<u32>,
    pub(crate) apart: [u64; 2],
    /// Nano-dollars of the workload, whatever they belong to.
    pub(crate) spent: u64,
}

impl Share {
    /// Requests of both arms.
    pub(crate) fn requests(&self) -> u64 {
        self.stable.requests() + self.candidate.requests() + self.apart.iter().sum::<u64>()
    }

    /// Returns true if there is nothing in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.spent == 0
            && self.assigned.is_empty()
            && self.apart == [0; 2]
            && self.stable == Series::default()
            && self.candidate == Series::default()
    }

    /// From now on counts of this rollout and step are added. Money is money of every step.
    pub(crate) fn turn_to(&mut self, evidence: &str) {
        if self.evidence != evidence {
            let spent = self.spent;
            *self = Self { evidence: evidence.to_owned(), spent, ..Self::default() };
        }
    }
}

impl Merge for Share {
    /// Counts of another rollout or step are nobody's evidence.
    fn merge(&mut self, other: &Self) {
        self.spent = self.spent.saturating_add(other.spent);
        if self.evidence != other.evidence || self.evidence.is_empty() {
            return;
        }
        self.epoch = self.epoch.max(other.epoch);
        self.stable.merge(&other.stable);
        self.candidate.merge(&other.candidate);
        let room = BUCKETS.saturating_sub(self.assigned.len());
        self.assigned.extend(other.assigned.iter().take(room));
        self.apart.iter_mut().zip(other.apart).for_each(|(sum, count)| *sum += count);
    }
}

/// A message between replicas.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Message {
    /// A replica to the one that steers, each second.
    Report(Report),
    /// The one that steers to all: how far each replica's evidence of a workload is saved.
    Saved(Marks),
    /// The one that steers to all, each second.
    Told(Told),
}

impl Message {
    /// It as it travels.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        // Counts and names are always JSON.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// All evidence of a replica that is not saved yet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) replica: ReplicaName,
    /// The plan that it follows.
    pub(crate) epoch: Epoch,
    pub(crate) shares: BTreeMap<WorkloadName, Vec<Batch<Share>>>,
    /// Workloads of which it has counted more than it sends.
    pub(crate) held: BTreeSet<WorkloadName>,
    /// Its doubts about scorers.
    pub(crate) doubts: BTreeMap<WorkloadName, Doubt>,
}

/// Process and number of the last batch of each replica that is saved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Marks {
    pub(crate) workload: WorkloadName,
    pub(crate) saved: BTreeMap<ReplicaName, (u64, u64)>,
}

/// What the replica that steers has found.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Told {
    pub(crate) leader: ReplicaName,
    pub(crate) term: u64,
    pub(crate) analyses: BTreeMap<WorkloadName, Judged>,
    /// Minutes that are over.
    pub(crate) windows: Vec<RecordedWindow>,
}

/// The newest analysis of a workload's rollout, and whose evidence it rests on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Judged {
    pub(crate) analysis: Arc<Analysis>,
    /// The share of the fleet's traffic whose evidence has arrived, from 0 to 1.
    pub(crate) coverage: f64,
    /// Replicas whose evidence has not arrived.
    pub(crate) missing: Vec<ReplicaName>,
}

#[cfg(test)]
mod tests {
    use super::Share;
    use stagegate_fleet::Merge as _;

    #[test]
    fn counts_of_another_step_are_left_out_and_money_is_not() {
        let of = |evidence: &str, requests: u64| {
            let mut share = Share { evidence: evidence.to_owned(), spent: 5, ..Share::default() };
            share.candidate.outcomes[0] = requests;
            share.assigned = vec![1; requests as usize];
            share
        };
        let mut sums = of("r~0", 3);
        sums.merge(&of("r~0", 4));
        sums.merge(&of("r~1", 100));
        sums.merge(&of("", 100));
        assert_eq!((sums.requests(), sums.assigned.len(), sums.spent), (7, 7, 20));
        sums.turn_to("r~0");
        assert_eq!(sums.requests(), 7, "it is there already");
        sums.turn_to("r~1");
        sums.merge(&of("r~1", 2));
        assert_eq!((sums.requests(), sums.spent), (2, 25));
    }
}
