//! The workers' counts for the active rollouts, kept until the steering loop takes them.
//!
//! Counts come every quarter of a second from every worker. Only those of workloads with a rollout
//! are kept, and of those only what the rollout's two releases served: a third release (the kill
//! switch's fallback, a release of an earlier rollout that still finishes a stream) is nobody's
//! evidence.

use stagegate_rollout::{
    Arm, Delta, Doubt, Reason, Rollout, Series, SeriesKey, Split, Tick, UnitClass, UnitTable,
    Weight,
};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// The filter for one workload's counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Watch {
    /// The rollout and its step. Counts of another rollout or step belong to other evidence.
    pub(super) evidence: String,
    /// The release that is stable.
    pub(super) stable: Arc<str>,
    /// The release under rollout.
    pub(super) candidate: Arc<str>,
    /// What units are asked about, and the time for which the step is observed, in milliseconds.
    pub(super) units: (Vec<UnitClass>, u64),
    /// Conversations stay where they began, from step to step.
    pub(super) keeps: bool,
    /// Counts that arrive earlier are dropped: workers hand over up to a period late, so what comes
    /// right after a change of the plan was counted under the plan before.
    pub(super) from: Instant,
}

impl Watch {
    /// The filter for a rollout's present step, for counts that arrive after `from`.
    pub(super) fn of_step(split: &Split, rollout: &Rollout, from: Instant) -> Self {
        Self {
            evidence: key(rollout),
            stable: rollout.from.shared(),
            candidate: rollout.to.shared(),
            units: (UnitClass::of_policy(&rollout.policy), length_ms(rollout)),
            keeps: split.keeps_conversations(),
            from,
        }
    }

    /// True if the series is of one of the two releases, in its arm.
    fn of(&self, key: &SeriesKey) -> bool {
        key.release
            == match key.arm {
                Arm::Stable => Arc::clone(&self.stable),
                Arm::Candidate => Arc::clone(&self.candidate),
            }
    }
}

/// The counts since they were last taken.
#[derive(Debug, Default)]
pub(super) struct Counted {
    /// Counts of the stable arm.
    pub(super) stable: Series,
    /// Counts of the candidate arm.
    pub(super) candidate: Series,
    /// Buckets of the keys that the weight assigned, with repeats.
    pub(super) assigned: Vec<u32>,
    /// Requests of both arms that are not compared.
    pub(super) apart: [u64; 2],
    /// When the first count arrived; `None` if none did.
    pub(super) first: Option<Instant>,
}

impl Counted {
    /// The counts as a tick that ends at `at_ms` (Unix milliseconds), and when the first of them arrived.
    pub(super) fn tick(
        self,
        (at_ms, observed): (u64, Duration),
        weight: Weight,
        doubt: Option<Doubt>,
    ) -> (Tick, Option<Instant>) {
        let tick = Tick {
            at_ms,
            observed_ms: observed.as_millis() as u64,
            weight,
            stable: self.stable,
            candidate: self.candidate,
            assigned: self.assigned,
            apart: self.apart,
            doubt,
            external: BTreeMap::new(),
        };
        (tick, self.first)
    }
}

/// Names the evidence of a rollout's present step.
pub(super) fn key(rollout: &Rollout) -> String {
    format!("{}~{}", rollout.id, rollout.step)
}

/// The time for which a rollout's present step is observed, in milliseconds.
fn length_ms(rollout: &Rollout) -> u64 {
    rollout.current().map_or(0, |step| step.hold_ms.max(step.watch_ms))
}

#[derive(Debug)]
struct Kept {
    watch: Watch,
    counted: Counted,
    units: UnitTable,
}

impl Kept {
    fn new(watch: Watch) -> Self {
        let units = UnitTable::new(watch.units.0.clone(), watch.units.1);
        Self { watch, counted: Counted::default(), units }
    }

    /// For another rollout or step. Units of the step before stay known if the same releases go on and
    /// conversations stay where they began.
    fn after(self, watch: Watch) -> Self {
        let rollout = |watch: &Watch| watch.evidence.rsplit_once('~').map(|(id, _)| id.to_owned());
        let (before, now) = (rollout(&self.watch), rollout(&watch));
        if !watch.keeps || before.is_none() || before != now {
            return Self::new(watch);
        }
        let (classes, hold_ms) = watch.units.clone();
        let units = self.units.next_step(classes, hold_ms);
        Self { watch, counted: Counted::default(), units }
    }

    /// Where a series counts, if its release is one of the two.
    fn of(&mut self, key: &SeriesKey) -> Option<&mut Series> {
        let Self { watch, counted, .. } = self;
        let (release, into) = match key.arm {
            Arm::Stable => (&watch.stable, &mut counted.stable),
            Arm::Candidate => (&watch.candidate, &mut counted.candidate),
        };
        (*release == key.release).then_some(into)
    }
}

/// Counts of every watched workload.
#[derive(Debug, Default)]
pub(super) struct Intake {
    kept: Mutex<BTreeMap<Arc<str>, Kept>>,
    /// Nano-dollars of every workload, watched or not.
    spent: Mutex<BTreeMap<Arc<str>, u64>>,
    arrived: Notify,
}

impl Intake {
    /// Watches exactly these workloads from now on. Counts of continuing evidence are kept; counts
    /// of another rollout or step are dropped.
    pub(super) fn watch(&self, wanted: impl IntoIterator<Item = (Arc<str>, Watch)>) {
        let mut kept = self.lock();
        let mut before = std::mem::take(&mut *kept);
        for (workload, watch) in wanted {
            let now = match before.remove(&workload) {
                None => Kept::new(watch),
                Some(kept) => {
                    let Watch { evidence, stable, candidate, .. } = &kept.watch;
                    let names = (evidence, stable, candidate);
                    let same = names == (&watch.evidence, &watch.stable, &watch.candidate);
                    if same { kept } else { kept.after(watch) }
                }
            };
            kept.insert(workload, now);
        }
    }

    /// Takes a worker's counts in.
    pub(super) fn count(&self, delta: &Delta, now: Instant) {
        self.spend(delta);
        let mut kept = self.lock();
        if kept.is_empty() {
            return;
        }
        let mut any = false;
        for (key, series) in &delta.series {
            let Some(kept) = kept.get_mut(&key.workload).filter(|it| it.watch.from <= now) else {
                continue;
            };
            if let Some(into) = kept.of(key) {
                into.merge(series);
                kept.counted.first.get_or_insert(now);
                any = true;
            }
        }
        // Not compared; but a candidate that is down sends its requests to stable.
        for (key, series) in &delta.apart {
            let Some(kept) = kept.get_mut(&key.workload).filter(|it| it.watch.from <= now) else {
                continue;
            };
            let Some(into) = kept.of(key) else { continue };
            let down = Reason::CandidateDown.index();
            into.reasons[down] += series.reasons[down];
            any |= series.reasons[down] > 0;
            kept.counted.apart[key.arm.index()] += series.requests();
            kept.counted.first.get_or_insert(now);
        }
        for (key, seen) in &delta.seen {
            let kept = kept.get_mut(&key.workload).filter(|it| it.watch.from <= now);
            if let Some(kept) = kept.filter(|it| it.watch.of(key)) {
                seen.iter().for_each(|seen| kept.units.add(seen));
            }
        }
        for (workload, buckets) in &delta.assigned {
            if let Some(kept) = kept.get_mut(workload).filter(|it| it.watch.from <= now) {
                kept.counted.assigned.extend(buckets);
            }
        }
        drop(kept);
        if any {
            self.arrived.notify_one();
        }
    }

    fn spend(&self, delta: &Delta) {
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, series) in delta.all_series().filter(|(_, series)| series.cost_nanos.sum() > 0) {
            let sum = spent.entry(Arc::clone(&key.workload)).or_default();
            *sum = sum.saturating_add(series.cost_nanos.sum());
        }
    }

    /// Takes the spend of every workload since the last call, in nano-dollars. A workload that ever
    /// spent something is always included, even with zero.
    pub(super) fn take_spend(&self) -> Vec<(Arc<str>, u64)> {
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        spent.iter_mut().map(|(name, sum)| (Arc::clone(name), std::mem::take(sum))).collect()
    }

    /// Takes a workload's counts since the last call, if it is watched for this evidence.
    /// `now_ms` is the time by which visits are over, in Unix milliseconds.
    pub(super) fn take(&self, workload: &str, evidence: &str, now_ms: u64) -> Option<Counted> {
        let mut kept = self.lock();
        let kept = kept.get_mut(workload).filter(|kept| kept.watch.evidence == evidence)?;
        let mut counted = std::mem::take(&mut kept.counted);
        [counted.stable.units, counted.candidate.units] = kept.units.take(now_ms);
        Some(counted)
    }

    /// Something arrived from another replica.
    pub(super) fn announce(&self) {
        self.arrived.notify_one();
    }

    /// Resolves once something was counted since the last time it resolved.
    pub(super) async fn arrived(&self) {
        self.arrived.notified().await;
    }

    /// Sums hold no invariant that a panic elsewhere could have broken.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::{Intake, Watch};
    use stagegate_rollout::{Arm, Delta, Outcome, Series, SeriesKey};
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    fn watch(evidence: &str, from: Instant) -> (Arc<str>, Watch) {
        let watch = Watch {
            evidence: evidence.to_owned(),
            stable: "v1".into(),
            candidate: "v2".into(),
            units: (Vec::new(), 0),
            keeps: true,
            from,
        };
        ("agent".into(), watch)
    }

    fn served(release: &str, arm: Arm, requests: u64) -> Delta {
        let mut series = Series::default();
        series.outcomes[Outcome::Ok.index()] = requests;
        let key = SeriesKey { workload: "agent".into(), release: release.into(), arm };
        Delta {
            series: [(key, series)].into(),
            assigned: [("agent".into(), vec![7])].into(),
            ..Delta::default()
        }
    }

    #[test]
    fn each_arm_counts_what_its_own_release_served() {
        let (intake, now) = (Intake::default(), Instant::now());
        intake.watch([watch("r1/0", now)]);
        intake.count(&served("v1", Arm::Stable, 9), now);
        intake.count(&served("v2", Arm::Candidate, 2), now);
        intake.count(&served("v2", Arm::Candidate, 1), now);
        // The kill switch's fallback counts under stable but is not stable.
        intake.count(&served("v0", Arm::Stable, 100), now);
        let counted = intake.take("agent", "r1/0", 0).expect("watched");
        assert_eq!((counted.stable.requests(), counted.candidate.requests()), (9, 3));
        assert_eq!(counted.assigned.len(), 4);
        let again = intake.take("agent", "r1/0", 0).expect("watched");
        assert_eq!(again.candidate.requests(), 0, "what was taken is gone");
    }

    #[test]
    fn nothing_crosses_from_one_step_to_the_next() {
        let (intake, now) = (Intake::default(), Instant::now());
        intake.watch([watch("r1/0", now)]);
        intake.count(&served("v2", Arm::Candidate, 5), now);
        let later = now + Duration::from_millis(600);
        intake.watch([watch("r1/1", later)]);
        // Handed over after the step, counted before it.
        intake.count(&served("v2", Arm::Candidate, 5), now + Duration::from_millis(250));
        intake.count(&served("v2", Arm::Candidate, 1), later);
        assert!(intake.take("agent", "r1/0", 0).is_none());
        let counted = intake.take("agent", "r1/1", 0).expect("watched");
        assert_eq!(counted.candidate.requests(), 1);
    }

    #[test]
    fn an_unchanged_watch_keeps_its_counts() {
        let (intake, now) = (Intake::default(), Instant::now());
        intake.watch([watch("r1/0", now)]);
        intake.count(&served("v1", Arm::Stable, 5), now);
        intake.watch([watch("r1/0", now + Duration::from_secs(9))]);
        assert_eq!(intake.take("agent", "r1/0", 0).expect("watched").stable.requests(), 5);
        intake.watch([]);
        intake.count(&served("v1", Arm::Stable, 5), now);
        assert!(intake.take("agent", "r1/0", 0).is_none());
    }
}
