//! The health of a workload's scorers, from the recent results of its samples. Never waits for the
//! disk: the steering loop asks for it.

mod seen;

use seen::{Came, PIECES, Seen, clip, piece_ms, place, seconds};
use stagegate_eval::HealthLimits;
use stagegate_rollout::{Doubt, DoubtKind, SeriesKey};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Scoring that made no progress for longer waits for its disk, in milliseconds.
const STUCK_MS: u64 = 30_000;
/// The recent results of every workload.
pub(crate) struct Watch(Mutex<Inner>);

struct Inner {
    limits: HealthLimits,
    of: HashMap<Arc<str>, Seen>,
    /// The time of the last progress of the scoring; none before it began.
    moved_ms: Option<u64>,
}

impl Watch {
    pub(crate) fn new(limits: HealthLimits) -> Self {
        Self(Mutex::new(Inner { limits, of: HashMap::new(), moved_ms: None }))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_limits(&self, limits: HealthLimits) {
        self.inner().limits = limits;
    }

    /// The scorers of the workload changed: forgets the usual share.
    pub(crate) fn begin_anew(&self, workload: &str) {
        if let Some(seen) = self.inner().of.get_mut(workload) {
            let Seen { refused, budget_is_gone, .. } = std::mem::take(seen);
            *seen = Seen { refused, budget_is_gone, ..Seen::default() };
        }
    }

    /// Scoring makes progress.
    pub(crate) fn moved(&self, now_ms: u64) {
        self.inner().moved_ms = Some(now_ms);
    }

    /// A sample was stored.
    pub(crate) fn accepted(&self, workload: &Arc<str>, now_ms: u64) {
        let mut inner = self.inner();
        let (seen, at) = inner.seen(workload, now_ms);
        seen.refused = None;
        seen.silent_since_ms.get_or_insert(now_ms);
        seen.unanswered += 1;
        seen.pieces.entry(at).or_default().accepted += 1;
    }

    /// Picked answers were dropped.
    pub(crate) fn lost(&self, workload: &Arc<str>, count: u64, now_ms: u64) {
        let mut inner = self.inner();
        let (seen, at) = inner.seen(workload, now_ms);
        seen.pieces.entry(at).or_default().lost += count;
    }

    /// Samples or scores could not be stored.
    pub(crate) fn refused(&self, workload: &Arc<str>, why: &str, now_ms: u64) {
        self.inner().seen(workload, now_ms).0.refused = Some(clip(why));
    }

    /// Scores were stored.
    pub(crate) fn kept(&self, workload: &Arc<str>, now_ms: u64) {
        self.inner().seen(workload, now_ms).0.refused = None;
    }

    /// A sample was concluded. Without a verdict, `why` is the reason, if one is known.
    pub(crate) fn concluded(
        &self,
        key: &SeriesKey,
        pass: Option<bool>,
        why: Option<&str>,
        now_ms: u64,
    ) {
        let mut inner = self.inner();
        let (seen, at) = inner.seen(&key.workload, now_ms);
        let place = place(key.arm);
        if seen.releases[place].as_ref() != Some(&key.release) {
            if seen.releases[place].is_some() {
                seen.pieces.values_mut().for_each(|piece| piece.arms[place] = Came::default());
            }
            seen.releases[place] = Some(Arc::clone(&key.release));
        }
        let came = &mut seen.pieces.entry(at).or_default().arms[place];
        match pass {
            Some(true) => came.passed += 1,
            Some(false) => came.failed += 1,
            None => came.unscored += 1,
        }
        if pass.is_some() {
            seen.scored_ms = Some(now_ms);
            (seen.silent_since_ms, seen.unanswered) = (None, 0);
            seen.why.clear();
        } else {
            seen.silent_since_ms.get_or_insert(now_ms);
            seen.why = clip(why.unwrap_or_default());
        }
    }

    /// When the workload got its last verdict.
    pub(crate) fn scored_ms(&self, workload: &str) -> Option<u64> {
        self.inner().of.get(workload)?.scored_ms
    }

    pub(crate) fn set_budget_is_gone(&self, workload: &Arc<str>, gone: bool, now_ms: u64) {
        let mut inner = self.inner();
        let (seen, _) = inner.seen(workload, now_ms);
        if seen.budget_is_gone && !gone {
            // A judge that was not called was not silent.
            (seen.silent_since_ms, seen.unanswered) = (None, 0);
        }
        seen.budget_is_gone = gone;
    }

    /// The reason not to believe the workload's scorers, if there is one.
    pub(crate) fn doubt(&self, workload: &str, now_ms: u64) -> Option<Doubt> {
        let inner = self.inner();
        let limits = &inner.limits;
        let still_ms = inner.moved_ms.map_or(0, |moved_ms| now_ms.saturating_sub(moved_ms));
        if still_ms > STUCK_MS.max(limits.silence_ms) {
            let words = format!("scoring has waited for its disk for {}", seconds(still_ms));
            return Some(Doubt { kind: DoubtKind::Store, words });
        }
        inner.of.get(workload)?.doubt(limits, now_ms)
    }
}

impl Inner {
    /// The workload and the number of the present piece. Removes old pieces.
    fn seen(&mut self, workload: &Arc<str>, now_ms: u64) -> (&mut Seen, u64) {
        let at = now_ms / piece_ms(&self.limits);
        let seen = self.of.entry(Arc::clone(workload)).or_default();
        let oldest = at.saturating_sub(PIECES * (HealthLimits::USUAL + 1));
        while seen.pieces.first_key_value().is_some_and(|(first, _)| *first < oldest) {
            seen.pieces.pop_first();
        }
        (seen, at)
    }
}

#[cfg(test)]
mod tests {
    use super::Watch;
    use stagegate_eval::HealthLimits;
    use stagegate_rollout::{Arm, DoubtKind, SeriesKey};
    use std::sync::Arc;

    const MINUTE: u64 = 60_000;

    struct World {
        watch: Watch,
        workload: Arc<str>,
        now_ms: u64,
    }

    impl World {
        fn new() -> Self {
            let watch = Watch::new(HealthLimits::default());
            Self { watch, workload: "agent".into(), now_ms: 1_000_000 * MINUTE }
        }

        /// A minute with so many samples of the arm, which pass, fail and stay unscored.
        fn minute(&mut self, arm: Arm, release: &str, [passed, failed, unscored]: [u64; 3]) {
            let key = SeriesKey { workload: "agent".into(), release: release.into(), arm };
            let all = [(Some(true), passed), (Some(false), failed), (None, unscored)];
            for (pass, count) in all {
                for _ in 0..count {
                    self.watch.accepted(&self.workload, self.now_ms);
                    self.watch.concluded(&key, pass, Some("no JSON"), self.now_ms);
                }
            }
            self.now_ms += MINUTE;
        }

        fn stable(&mut self, minutes: u64, of: [u64; 3]) {
            (0..minutes).for_each(|_| self.minute(Arm::Stable, "v1", of));
        }

        fn doubt(&self) -> Option<DoubtKind> {
            self.watch.doubt("agent", self.now_ms).map(|doubt| doubt.kind)
        }
    }

    #[test]
    fn a_silent_judge_is_doubted_until_it_speaks() {
        let mut world = World::new();
        world.stable(1, [10, 0, 0]);
        world.stable(3, [0, 0, 4]);
        assert_eq!(world.doubt(), Some(DoubtKind::Silent));
        let doubt = world.watch.doubt("agent", world.now_ms).expect("doubted");
        assert!(doubt.words.ends_with("12 samples for 3m: no JSON"), "{doubt}");
        world.stable(1, [1, 0, 0]);
        assert_eq!(world.doubt(), None);
        world.now_ms += 600 * MINUTE;
        assert_eq!(world.doubt(), None, "nobody asked it anything");
    }

    #[test]
    fn a_judge_that_changed_its_mind_is_doubted_until_it_is_usual_again() {
        let mut world = World::new();
        world.stable(60, [19, 1, 0]);
        assert_eq!(world.doubt(), None);
        world.stable(15, [12, 8, 0]);
        assert_eq!(world.doubt(), Some(DoubtKind::Drift));
        world.stable(15, [19, 1, 0]);
        assert_eq!(world.doubt(), None);
        world.stable(15, [12, 8, 0]);
        assert_eq!(world.doubt(), Some(DoubtKind::Drift));
        world.stable(24 * 15, [12, 8, 0]);
        assert_eq!(world.doubt(), None, "what lasts for hours is usual");
    }

    #[test]
    fn another_stable_release_has_no_past() {
        let mut world = World::new();
        world.stable(60, [19, 1, 0]);
        (0..20).for_each(|_| world.minute(Arm::Stable, "v2", [12, 8, 0]));
        assert_eq!(world.doubt(), None);
    }

    #[test]
    fn arms_that_are_judged_unlike_often_are_not_compared() {
        let mut world = World::new();
        for _ in 0..15 {
            world.minute(Arm::Stable, "v1", [20, 0, 0]);
            world.now_ms -= MINUTE;
            world.minute(Arm::Candidate, "v2", [17, 0, 3]);
        }
        assert_eq!(world.doubt(), Some(DoubtKind::Uneven));
        for _ in 0..16 {
            world.minute(Arm::Stable, "v1", [20, 0, 0]);
            world.now_ms -= MINUTE;
            world.minute(Arm::Candidate, "v2", [20, 0, 0]);
        }
        assert_eq!(world.doubt(), None);
    }

    #[test]
    fn a_full_queue_and_a_disk_that_refuses_are_over_when_they_are() {
        let mut world = World::new();
        world.stable(1, [50, 0, 0]);
        world.watch.lost(&world.workload, 9, world.now_ms);
        assert_eq!(world.doubt(), None, "a few");
        world.watch.lost(&world.workload, 9, world.now_ms);
        assert_eq!(world.doubt(), Some(DoubtKind::Behind));
        world.stable(5, [50, 0, 0]);
        assert_eq!(world.doubt(), None);
        world.watch.refused(&world.workload, "disk full", world.now_ms);
        assert_eq!(world.doubt(), Some(DoubtKind::Store));
        world.stable(1, [1, 0, 0]);
        assert_eq!(world.doubt(), None);
        world.watch.moved(world.now_ms);
        world.now_ms += 4 * MINUTE;
        assert_eq!(world.doubt(), Some(DoubtKind::Store), "it hangs");
        world.watch.moved(world.now_ms);
        assert_eq!(world.doubt(), None);
    }

    #[test]
    fn without_money_nobody_is_blamed_for_silence() {
        let mut world = World::new();
        world.stable(10, [0, 0, 5]);
        world.watch.set_budget_is_gone(&world.workload, true, world.now_ms);
        assert_eq!(world.doubt(), Some(DoubtKind::Budget));
        world.watch.set_budget_is_gone(&world.workload, false, world.now_ms);
        assert_eq!(world.doubt(), None);
        world.stable(4, [0, 0, 5]);
        assert_eq!(world.doubt(), Some(DoubtKind::Silent));
    }
}
