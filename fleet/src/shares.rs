//! What a fleet has once is split among its replicas.

use crate::ReplicaName;
use std::collections::{BTreeMap, BTreeSet};

/// Splits `total` by the traffic of the live replicas. Shares add up to `total`. A tenth is split
/// equally, so that a replica that has just joined can serve.
#[must_use]
pub fn shares(total: u64, traffic: &BTreeMap<ReplicaName, u64>) -> BTreeMap<ReplicaName, u64> {
    let count = traffic.len() as u64;
    if count == 0 {
        return BTreeMap::new();
    }
    let all: u128 = traffic.values().map(|&n| u128::from(n)).sum();
    // Without any traffic everything is split equally.
    let equal = if all == 0 { total } else { total / 10 };
    let rest = total - equal;
    let mut given: BTreeMap<ReplicaName, u64> = BTreeMap::new();
    let mut left = total;
    for (name, &requests) in traffic {
        let by_traffic = u128::from(rest) * u128::from(requests) / all.max(1);
        let share = equal / count + u64::try_from(by_traffic).unwrap_or(0);
        left -= share;
        given.insert(name.clone(), share);
    }
    // What rounding left, less than two for each.
    while left > 0 {
        for share in given.values_mut().take(usize::try_from(left).unwrap_or(usize::MAX)) {
            *share += 1;
            left -= 1;
        }
    }
    given
}

/// How much of the fleet's traffic the evidence covers.
#[derive(Clone, Debug, PartialEq)]
pub struct Coverage {
    /// The covered share of the live replicas' traffic, from 0 to 1.
    pub share: f64,
    /// Live replicas whose evidence has not arrived.
    pub missing: Vec<ReplicaName>,
}

impl Coverage {
    /// The coverage of `arrived` among the live replicas, weighted by their last known traffic. A
    /// replica without known traffic counts like the average.
    #[must_use]
    pub fn of(live: &BTreeMap<ReplicaName, Option<u64>>, arrived: &BTreeSet<ReplicaName>) -> Self {
        let known: Vec<u64> = live.values().copied().flatten().collect();
        let average = if known.is_empty() {
            1.0
        } else {
            known.iter().sum::<u64>() as f64 / known.len() as f64
        };
        let weight = |traffic: Option<u64>| traffic.map_or(average, |n| n as f64);
        let all: f64 = live.values().map(|&it| weight(it)).sum();
        let missing: Vec<ReplicaName> =
            live.keys().filter(|name| !arrived.contains(*name)).cloned().collect();
        let absent: f64 = missing.iter().filter_map(|it| live.get(it)).map(|&it| weight(it)).sum();
        let share = match (all > 0.0, missing.is_empty()) {
            (_, true) => 1.0,
            (true, false) => 1.0 - absent / all,
            (false, false) => 0.0,
        };
        Self { share, missing }
    }

    /// Returns true if nothing is missing: only then a promotion may rest on the evidence.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.missing.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::{Coverage, shares};
    use crate::ReplicaName;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn name(number: usize) -> ReplicaName {
        format!("r{number}").parse().unwrap()
    }

    proptest! {
        #[test]
        fn shares_add_up_and_leave_nobody_without(
            total in 0_u64..1_000_000, traffic in prop::collection::vec(0_u64..1_000_000, 1..40)
        ) {
            let traffic: BTreeMap<_, _> =
                traffic.into_iter().enumerate().map(|(n, it)| (name(n), it)).collect();
            let given = shares(total, &traffic);
            prop_assert_eq!(given.values().sum::<u64>(), total);
            let least = total / 10 / traffic.len() as u64;
            prop_assert!(given.values().all(|&share| share >= least));
        }
    }

    #[test]
    fn coverage_weighs_replicas_by_their_traffic() {
        let live: BTreeMap<_, _> =
            [(name(0), Some(90)), (name(1), Some(10)), (name(2), Some(0))].into();
        let some = Coverage::of(&live, &[name(0), name(2)].into());
        assert!((some.share - 0.9).abs() < 1e-9 && !some.is_full());
        assert_eq!(some.missing, [name(1)]);
        let all = Coverage::of(&live, &[name(0), name(1), name(2)].into());
        assert!(all.is_full() && (all.share - 1.0).abs() < 1e-9);
        let idle: BTreeMap<_, _> = [(name(0), Some(0)), (name(1), None)].into();
        assert!(!Coverage::of(&idle, &[name(0)].into()).is_full());
        assert!(Coverage::of(&BTreeMap::new(), &[].into()).is_full());
    }
}
