//! What this replica counted and the replica that steers has not saved yet. Pure.

use super::share::{Report, Share};
use crate::ports::Epoch;
use stagegate_fleet::{Merge as _, Outgoing, ReplicaName};
use stagegate_rollout::{Doubt, WorkloadName};
use std::collections::{BTreeMap, BTreeSet};

/// Most batches of a workload that are sent at a time. The leader saves every five seconds. What comes on
/// top waits here and is added up, so nothing is lost however long nobody steers.
const WINDOW: usize = 20;
/// Most batches that are kept. Reached only if steps change many times while nobody steers.
const MOST: usize = 1000;

/// Evidence on its way to the replica that steers.
#[derive(Debug)]
pub(crate) struct Sender {
    boot: u64,
    queues: BTreeMap<WorkloadName, Queue>,
}

#[derive(Debug)]
struct Queue {
    /// Counted since the last batch.
    pending: Share,
    out: Outgoing<Share>,
}

impl Sender {
    /// `boot` grows with every start of the process.
    pub(crate) const fn new(boot: u64) -> Self {
        Self { boot, queues: BTreeMap::new() }
    }

    /// Adds what was counted.
    pub(crate) fn add(&mut self, workload: &WorkloadName, share: Share) {
        if share.is_empty() {
            return;
        }
        let boot = self.boot;
        let queue = self
            .queues
            .entry(workload.clone())
            .or_insert_with(|| Queue { pending: Share::default(), out: Outgoing::new(boot, MOST) });
        // Money without a rollout goes with whatever is next.
        if share.evidence.is_empty() || share.evidence == queue.pending.evidence {
            queue.pending.merge(&share);
        } else {
            queue.flush();
            let spent = queue.pending.spent.saturating_add(share.spent);
            queue.pending = Share { spent, ..share };
        }
    }

    /// Everything that is not saved yet, as a message. `epoch`: the plan that is followed here.
    pub(crate) fn report(
        &mut self,
        replica: ReplicaName,
        epoch: Epoch,
        doubts: BTreeMap<WorkloadName, Doubt>,
    ) -> Report {
        let (mut shares, mut held) = (BTreeMap::new(), BTreeSet::new());
        for (name, queue) in &mut self.queues {
            if queue.out.waiting() < WINDOW {
                queue.flush();
            }
            let batches: Vec<_> = queue.out.unsaved().take(WINDOW).collect();
            if !queue.pending.is_empty() || queue.out.waiting() > batches.len() {
                held.insert(name.clone());
            }
            if !batches.is_empty() {
                shares.insert(name.clone(), batches);
            }
        }
        Report { replica, epoch, shares, held, doubts }
    }

    /// The leader has saved everything of process `boot` up to `number`.
    pub(crate) fn saved(&mut self, workload: &WorkloadName, (boot, number): (u64, u64)) {
        if let Some(queue) = self.queues.get_mut(workload) {
            queue.out.saved(boot, number);
        }
    }
}

impl Queue {
    fn flush(&mut self) {
        if !self.pending.is_empty() {
            let next = Share { evidence: self.pending.evidence.clone(), ..Share::default() };
            self.out.push(std::mem::replace(&mut self.pending, next));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Sender, Share, WINDOW, WorkloadName};

    fn share(evidence: &str, requests: u64) -> Share {
        let mut share = Share { evidence: evidence.to_owned(), epoch: 1, ..Share::default() };
        share.stable.outcomes[0] = requests;
        share
    }

    fn sent(sender: &mut Sender) -> (Vec<(u64, u64)>, bool) {
        let report = sender.report("a".parse().unwrap(), 1, Default::default());
        let name: WorkloadName = "agent".parse().unwrap();
        let batches = report.shares.get(&name).into_iter().flatten();
        (batches.map(|it| (it.number, it.delta.requests())).collect(), !report.held.is_empty())
    }

    #[test]
    fn what_is_not_saved_is_sent_again_and_what_comes_while_nobody_saves_is_added_up() {
        let name = "agent".parse().unwrap();
        let mut sender = Sender::new(7);
        for _ in 0..WINDOW + 10 {
            sender.add(&name, share("r~0", 1));
            let _ = sent(&mut sender);
        }
        let (batches, held) = sent(&mut sender);
        assert_eq!(batches.iter().map(|it| it.1).sum::<u64>(), WINDOW as u64);
        assert!(held, "ten requests wait here");
        sender.saved(&name, (7, WINDOW as u64));
        assert_eq!(sent(&mut sender), (vec![(WINDOW as u64 + 1, 10)], false), "as one batch");
        sender.saved(&name, (6, 99));
        assert_eq!(sent(&mut sender).0.len(), 1, "that was another process");
        sender.saved(&name, (7, 99));
        assert_eq!(sent(&mut sender), (vec![], false));
    }

    #[test]
    fn a_batch_belongs_to_one_step_and_money_to_none() {
        let name = "agent".parse().unwrap();
        let mut sender = Sender::new(7);
        sender.add(&name, share("r~0", 1));
        sender.add(&name, Share { spent: 9, ..Share::default() });
        sender.add(&name, share("r~1", 2));
        let report = sender.report("a".parse().unwrap(), 1, Default::default());
        let steps: Vec<_> = report.shares[&name]
            .iter()
            .map(|it| (it.delta.evidence.as_str(), it.delta.requests(), it.delta.spent))
            .collect();
        assert_eq!(steps, [("r~0", 1, 9), ("r~1", 2, 0)]);
    }
}
