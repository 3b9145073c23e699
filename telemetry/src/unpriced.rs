//! Answers whose cost is not known: by reason and by model, since they name the remedy.

use stagegate_rollout::Unpriced as Reason;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The most distinct models of one workload.
const MAX_MODELS: usize = 128;
const OTHER: &str = "other";

/// Workload, reason and model; the model is empty if none was named.
pub(crate) type Key = (Arc<str>, Reason, Arc<str>);

/// Every answer without a known cost since the start.
#[derive(Debug, Default)]
pub(crate) struct Unpriced {
    counted: BTreeMap<Key, u64>,
}

impl Unpriced {
    /// Adds a count; gives the key it counts under: models beyond the cap count as `other`.
    pub(crate) fn add(&mut self, key: &Key, count: u64) -> Key {
        let (workload, reason, model) = key;
        let is_known = self.counted.contains_key(key);
        let of_workload = |(other, ..): &&Key| other == workload;
        let is_full = || self.counted.keys().filter(of_workload).count() >= MAX_MODELS;
        let model = if is_known || !is_full() { Arc::clone(model) } else { OTHER.into() };
        let key = (Arc::clone(workload), *reason, model);
        *self.counted.entry(key.clone()).or_default() += count;
        key
    }

    /// Forgets workloads that are not served any more.
    pub(crate) fn retain(&mut self, is_served: impl Fn(&Arc<str>) -> bool) {
        self.counted.retain(|(workload, ..), _| is_served(workload));
    }

    /// Every key.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &Key> {
        self.counted.keys()
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_MODELS, Reason, Unpriced};

    #[test]
    fn models_beyond_the_cap_count_as_other_and_workloads_do_not_share_it() {
        let mut unpriced = Unpriced::default();
        for number in 0..MAX_MODELS * 2 {
            let model = format!("m{number}");
            unpriced.add(&("a".into(), Reason::NotListed, model.as_str().into()), 1);
        }
        assert_eq!(unpriced.keys().count(), MAX_MODELS + 1);
        let key = ("a".into(), Reason::NotListed, "m0".into());
        assert_eq!(&*unpriced.add(&key, 1).2, "m0", "known ones stay");
        let key = ("b".into(), Reason::NoModel, "".into());
        assert_eq!(unpriced.add(&key, 1), key);
        unpriced.retain(|workload| &**workload == "b");
        assert_eq!(unpriced.keys().count(), 1);
    }
}
