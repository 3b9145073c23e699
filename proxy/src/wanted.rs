//! On-demand samples: numbers of responses of each arm that are copied at once, whatever the rate.
//! For "sample the next hundred and score them now".

use stagegate_rollout::Arm;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// The number of samples still wanted of one workload. Outlives plans: a reload does not end it.
#[derive(Debug, Default)]
pub struct Wanted([AtomicU32; 2]);

impl Wanted {
    /// Takes one of what is wanted of the arm, if anything is. Lock-free, and a single load where
    /// nothing is wanted: it runs on the request path.
    #[must_use]
    pub fn take(&self, arm: Arm) -> bool {
        let left = &self.0[arm.index()];
        left.load(Ordering::Relaxed) > 0
            && left
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
                .is_ok()
    }

    /// Says how many are wanted of each arm from now on, by [`Arm::index`].
    pub fn set(&self, wanted: [u32; 2]) {
        for (left, wanted) in self.0.iter().zip(wanted) {
            left.store(wanted, Ordering::Relaxed);
        }
    }
}

/// The number of samples still wanted, by workload.
#[derive(Debug, Default)]
pub(crate) struct WantedOf(Mutex<HashMap<String, Arc<Wanted>>>);

impl WantedOf {
    /// That of one workload; the same for every plan.
    pub(crate) fn workload(&self, name: &str) -> Arc<Wanted> {
        let mut of = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(of.entry(name.to_owned()).or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::WantedOf;
    use stagegate_rollout::Arm;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[test]
    fn exactly_so_many_are_taken_whoever_asks() {
        let of = WantedOf::default();
        let wanted = of.workload("agent");
        assert!(!wanted.take(Arm::Stable));
        of.workload("agent").set([1000, 1]);
        let taken = AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..1000 {
                        taken.fetch_add(u32::from(wanted.take(Arm::Stable)), Ordering::Relaxed);
                    }
                });
            }
        });
        assert_eq!(taken.into_inner(), 1000);
        assert!(wanted.take(Arm::Candidate) && !wanted.take(Arm::Candidate));
        assert!(!of.workload("another").take(Arm::Stable));
    }
}
