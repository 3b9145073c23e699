//! The counts of the demo's clients per arm, and a check of the split from outside.
//!
//! Pure: no clock, no network. An answer says by which epoch it was routed, the status says what
//! the weight was at that epoch; together they judge the split even while someone moves the weight.

use crate::bounds::binomial_bounds;
use stagegate_rollout::{Arm, Histogram, Outcome, Weight};
use std::collections::BTreeMap;
use std::time::Duration;

/// Confidence of the split's bounds.
pub(crate) const CONFIDENCE: f64 = 0.999;

/// One finished request as its client saw it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    /// The agent that answered; `None` if no agent did.
    pub(crate) arm: Option<Arm>,
    /// The epoch of the plan that routed it.
    pub(crate) epoch: Option<u64>,
    /// The first request of a conversation that only the weight can send to the candidate.
    pub(crate) counts_for_split: bool,
    /// An answer to a conversation id that the other agent issued.
    pub(crate) strayed: bool,
    /// The outcome.
    pub(crate) outcome: Outcome,
    /// Until the last byte.
    pub(crate) took: Duration,
}

/// Counts of one arm.
#[derive(Clone, Debug, Default)]
pub(crate) struct ArmTally {
    pub(crate) requests: u64,
    pub(crate) errors: u64,
    /// Microseconds of the answers that were not errors.
    pub(crate) latency: Histogram,
}

impl ArmTally {
    /// Share of requests that failed.
    pub(crate) fn error_share(&self) -> f64 {
        share(self.errors, self.requests)
    }

    /// A latency quantile in milliseconds.
    pub(crate) fn latency_ms(&self, quantile: f64) -> Option<f64> {
        self.latency.quantile(quantile).map(|micros| micros as f64 / 1000.0)
    }
}

/// All that was seen since the demo began.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) arms: [ArmTally; 2],
    /// Requests that no agent answered.
    pub(crate) unserved: u64,
    /// Conversation ids that reached an agent which did not issue them.
    pub(crate) strays: u64,
    /// Conversations per epoch and arm.
    conversations: BTreeMap<u64, [u64; 2]>,
    /// The weight at each epoch that was looked at; none where another rule could interfere.
    weights: BTreeMap<u64, Option<Weight>>,
}

/// Conversations that began at one weight, and what that weight allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SplitCheck {
    pub(crate) weight: Weight,
    pub(crate) conversations: u64,
    pub(crate) candidate: u64,
    pub(crate) low: u64,
    pub(crate) high: u64,
}

impl SplitCheck {
    /// Returns true if the count lies within the bounds.
    pub(crate) const fn holds(&self) -> bool {
        self.low <= self.candidate && self.candidate <= self.high
    }
}

impl Tally {
    /// Counts one request.
    pub(crate) fn record(&mut self, seen: &Seen) {
        self.strays += u64::from(seen.strayed);
        let Some(arm) = seen.arm else {
            self.unserved += 1;
            return;
        };
        let tally = &mut self.arms[arm.index()];
        tally.requests += 1;
        if seen.outcome == Outcome::Ok {
            tally.latency.record(seen.took.as_micros() as u64);
        } else {
            tally.errors += 1;
        }
        if let (true, Some(epoch)) = (seen.counts_for_split, seen.epoch) {
            self.conversations.entry(epoch).or_default()[arm.index()] += 1;
        }
    }

    /// Remembers what share of conversations an epoch sends to the candidate by weight alone.
    pub(crate) fn learn(&mut self, epoch: u64, weight: Option<Weight>) {
        self.weights.insert(epoch, weight);
    }

    /// Requests of both arms.
    pub(crate) fn served(&self) -> u64 {
        self.arms.iter().map(|arm| arm.requests).sum()
    }

    /// One check for every weight that conversations began at.
    pub(crate) fn checks(&self) -> Vec<SplitCheck> {
        let mut by_weight: BTreeMap<Weight, [u64; 2]> = BTreeMap::new();
        for (epoch, counts) in &self.conversations {
            if let Some(Some(weight)) = self.weights.get(epoch) {
                let sum = by_weight.entry(*weight).or_default();
                *sum = [sum[0] + counts[0], sum[1] + counts[1]];
            }
        }
        let check = |(weight, [stable, candidate]): (Weight, [u64; 2])| {
            let conversations = stable + candidate;
            let (low, high) = binomial_bounds(conversations, weight.ratio(), CONFIDENCE);
            SplitCheck { weight, conversations, candidate, low, high }
        };
        by_weight.into_iter().map(check).collect()
    }

    /// Returns true if something was served and every split holds.
    pub(crate) fn holds(&self) -> bool {
        self.served() > 0 && self.checks().iter().all(SplitCheck::holds)
    }
}

/// `part` of `whole`, zero of nothing.
pub(crate) fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::{Seen, Tally};
    use stagegate_rollout::{Arm, Outcome, Weight};
    use std::time::Duration;

    fn begun(arm: Arm, epoch: u64) -> Seen {
        Seen {
            arm: Some(arm),
            epoch: Some(epoch),
            counts_for_split: true,
            strayed: false,
            outcome: Outcome::Ok,
            took: Duration::from_millis(10),
        }
    }

    fn serve(tally: &mut Tally, epoch: u64, stable: u64, candidate: u64) {
        (0..stable).for_each(|_| tally.record(&begun(Arm::Stable, epoch)));
        (0..candidate).for_each(|_| tally.record(&begun(Arm::Candidate, epoch)));
    }

    #[test]
    fn a_split_near_its_weight_holds_and_a_drifted_one_does_not() {
        let ten: Weight = "10%".parse().expect("a share");
        let mut fair = Tally::default();
        fair.learn(2, Some(ten));
        serve(&mut fair, 2, 900, 100);
        assert!(fair.holds(), "{:?}", fair.checks());

        let mut drifted = Tally::default();
        drifted.learn(2, Some(ten));
        serve(&mut drifted, 2, 800, 200);
        assert!(!drifted.holds(), "{:?}", drifted.checks());
    }

    #[test]
    fn each_weight_is_judged_by_itself_and_a_rollback_leaves_nobody() {
        let mut tally = Tally::default();
        tally.learn(2, Some("50%".parse().expect("a share")));
        tally.learn(3, Some(Weight::ZERO));
        serve(&mut tally, 2, 100, 100);
        serve(&mut tally, 3, 200, 0);
        assert!(tally.holds(), "{:?}", tally.checks());
        assert_eq!(tally.checks().len(), 2);

        serve(&mut tally, 3, 0, 1);
        assert!(!tally.holds(), "one conversation after the rollback is one too many");
    }

    #[test]
    fn epochs_where_another_rule_decides_are_not_judged() {
        let mut tally = Tally::default();
        tally.learn(4, None);
        serve(&mut tally, 4, 10, 90);
        serve(&mut tally, 5, 10, 90);
        assert!(tally.checks().is_empty());
    }

    #[test]
    fn a_demo_that_served_nothing_has_shown_nothing() {
        let mut tally = Tally::default();
        tally.record(&Seen { arm: None, outcome: Outcome::Transient, ..begun(Arm::Stable, 1) });
        assert!(!tally.holds());
        assert_eq!(tally.unserved, 1);
    }
}
