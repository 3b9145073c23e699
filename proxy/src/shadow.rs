//! Selects the requests that are copied to another release, and limits the copies.

use crate::quota::Quota;
use stagegate_rollout::{Salt, WorkloadName};
use stagegate_settings::Shadow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// The selection of stable's requests of a workload that are copied, and its state.
#[derive(Clone, Debug)]
pub(crate) struct Shadowing {
    pub(crate) rule: Shadow,
    /// Hashed before the targeting key. With the split's own salt, a 1% shadow would be the 1%
    /// candidate: this one has a prefix that no other decision has.
    salt: Salt,
    /// Pairs of answers a second that are tapped at most; none are when absent.
    pub(crate) pairs: Option<Arc<Quota>>,
}

impl Shadowing {
    pub(crate) fn new(workload: &WorkloadName, rule: Shadow, pairs: Option<Arc<Quota>>) -> Self {
        Self { rule, salt: Salt::new(&format!("shadow:{workload}:")), pairs }
    }

    /// Returns true if requests with this targeting key are copied.
    pub(crate) fn picks(&self, key: &str) -> bool {
        self.salt.bucket(key).is_below(self.rule.fraction)
    }
}

/// Counts a workload's copies.
#[derive(Debug, Default)]
pub(crate) struct Lane(AtomicU32);

impl Lane {
    /// A place for one more copy, kept until it is dropped; none where `most` are in progress.
    pub(crate) fn enter(self: &Arc<Self>, most: u32) -> Option<InLane> {
        let place = InLane(Arc::clone(self));
        (self.0.fetch_add(1, Ordering::Relaxed) < most).then_some(place)
    }
}

/// A place for one copy.
#[derive(Debug)]
pub(crate) struct InLane(Arc<Lane>);

impl Drop for InLane {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::{Lane, Shadowing};
    use stagegate_rollout::{Salt, Weight};
    use stagegate_settings::{SafePath, Shadow};
    use std::sync::Arc;
    use std::time::Duration;

    fn settings() -> Shadowing {
        let rule = Shadow {
            release: "v2".parse().expect("a name"),
            fraction: Weight::percent(10),
            methods: vec!["GET".into()],
            paths: vec![SafePath::Below("/".into())],
            in_flight: 1,
            body: 1,
            timeout: Duration::from_secs(1),
            score: false,
        };
        Shadowing::new(&"agent".parse().expect("a name"), rule, None)
    }

    #[test]
    fn the_copies_are_neither_the_canary_nor_the_sample() {
        let settings = settings();
        let keys: Vec<String> = (0..100_000).map(|n| format!("user-{n}")).collect();
        let picked: Vec<&String> = keys.iter().filter(|key| settings.picks(key)).collect();
        assert!((9_500..10_500).contains(&picked.len()), "{}", picked.len());
        for other in ["agent/v2/1:", "sample:agent:"] {
            let other = Salt::new(other);
            let both =
                picked.iter().filter(|key| other.bucket(key).is_below(settings.rule.fraction));
            let share = both.count() as f64 / picked.len() as f64;
            assert!((0.08..0.12).contains(&share), "{share}");
        }
    }

    #[test]
    fn a_lane_has_so_many_places_and_gets_them_back() {
        let lane = Arc::<Lane>::default();
        let one = lane.enter(2).expect("room");
        let _other = lane.enter(2).expect("room");
        assert!(lane.enter(2).is_none());
        assert!(lane.enter(2).is_none(), "one that was turned away takes no place");
        drop(one);
        assert!(lane.enter(2).is_some());
    }
}
