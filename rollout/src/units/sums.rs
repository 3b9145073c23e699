//! Sums over units of one arm. They merge by addition, so that ticks, minutes and replicas do.

use super::class::UnitClass;
use super::part::Dimension;
use crate::Histogram;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Slices of turn numbers: 1, 2–3, 4–7, and so on.
pub(crate) const TURN_SLICES: usize = 10;
/// Slices of costs, by the share of the input that came from the provider's cache.
pub(crate) const CACHE_SLICES: usize = 4;

/// Units of one arm in one class of failure.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClassSums {
    /// Turns of all units, and those of them that failed.
    pub turns: (u64, u64),
    /// By slice of the turn's number: turns of units that were at risk, and first failures.
    pub first: Vec<(u64, u64)>,
    /// Visits that ended: failed turns, turns, and how many visits.
    pub visits: Vec<(u8, u8, u64)>,
    /// The same of each unit's first visit.
    pub first_visits: Vec<(u8, u8, u64)>,
}

/// Adds visits of `turns` turns with `failed` failed ones.
fn add_visits(visits: &mut Vec<(u8, u8, u64)>, failed: u8, turns: u8, count: u64) {
    match visits.iter_mut().find(|it| (it.0, it.1) == (failed, turns)) {
        Some((_, _, sum)) => *sum += count,
        None => visits.push((failed, turns, count)),
    }
}

impl ClassSums {
    /// A turn of a unit; `number` from 1 on.
    pub(super) fn turn(&mut self, number: u32, failed: bool, at_risk: bool) {
        self.turns.0 += 1;
        self.turns.1 += u64::from(failed);
        if at_risk {
            let slice = (number.max(1).ilog2() as usize).min(TURN_SLICES - 1);
            if self.first.len() <= slice {
                self.first.resize(slice + 1, (0, 0));
            }
            self.first[slice].0 += 1;
            self.first[slice].1 += u64::from(failed);
        }
    }

    /// A visit of `turns` turns with `failed` failed ones.
    pub(super) fn visit(&mut self, failed: u8, turns: u8, is_first: bool) {
        add_visits(&mut self.visits, failed, turns, 1);
        if is_first {
            add_visits(&mut self.first_visits, failed, turns, 1);
        }
    }

    fn merge(&mut self, other: &Self) {
        self.turns.0 += other.turns.0;
        self.turns.1 += other.turns.1;
        if self.first.len() < other.first.len() {
            self.first.resize(other.first.len(), (0, 0));
        }
        for (sum, (risk, failed)) in self.first.iter_mut().zip(&other.first) {
            sum.0 += risk;
            sum.1 += failed;
        }
        for (failed, turns, count) in &other.visits {
            add_visits(&mut self.visits, *failed, *turns, *count);
        }
        for (failed, turns, count) in &other.first_visits {
            add_visits(&mut self.first_visits, *failed, *turns, *count);
        }
    }
}

/// Units of one tenant of one arm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantSums {
    /// Its name.
    pub tenant: Arc<str>,
    /// By class of failure: turns of units that were at risk, and first failures.
    pub classes: Vec<(UnitClass, (u64, u64))>,
}

impl TenantSums {
    /// The sums of a class.
    #[must_use]
    pub fn class(&self, class: UnitClass) -> Option<(u64, u64)> {
        self.classes.iter().find(|(it, _)| *it == class).map(|(_, sums)| *sums)
    }

    fn add(&mut self, class: UnitClass, counted: (u64, u64)) {
        add_to(&mut self.classes, class, |sum| add_pair(sum, counted), counted);
    }
}

fn add_pair(sum: &mut (u64, u64), (risk, failed): (u64, u64)) {
    *sum = (sum.0 + risk, sum.1 + failed);
}

/// Units of one part of the traffic of one arm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartSums {
    /// What its requests have in common.
    pub dimension: Dimension,
    /// Its name: of a model, of a cohort.
    pub part: Arc<str>,
    /// By class of failure: turns of units that were at risk, and first failures.
    pub classes: Vec<(UnitClass, (u64, u64))>,
}

/// First failures of one kind of one arm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureSums {
    /// The kind.
    pub failure: Arc<str>,
    /// By class of failure.
    pub classes: Vec<(UnitClass, u64)>,
}

impl PartSums {
    /// The sums of a class.
    #[must_use]
    pub fn class(&self, class: UnitClass) -> Option<(u64, u64)> {
        self.classes.iter().find(|(it, _)| *it == class).map(|(_, sums)| *sums)
    }
}

impl FailureSums {
    /// The sum of a class.
    #[must_use]
    pub fn class(&self, class: UnitClass) -> Option<u64> {
        self.classes.iter().find(|(it, _)| *it == class).map(|(_, sum)| *sum)
    }
}

/// Adds to the sums of a class.
fn add_to<T: Copy>(sums: &mut Vec<(UnitClass, T)>, class: UnitClass, add: impl Fn(&mut T), new: T) {
    match sums.iter_mut().find(|(it, _)| *it == class) {
        Some((_, sum)) => add(sum),
        None => sums.push((class, new)),
    }
}

/// Units of one arm. A class that is not in it was not counted by units.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct UnitSums {
    /// By class of failure.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<(UnitClass, ClassSums)>,
    /// Nano-dollars of visits that ended, by slice of the share of cached input: none, up to a
    /// half, up to nine tenths, more. Empty if costs were not counted by units.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub costs: Vec<Histogram>,
    /// By tenant, of a capped number of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tenants: Vec<TenantSums>,
    /// By part of the traffic, of a capped number of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<PartSums>,
    /// By kind of failure, of a capped number of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<FailureSums>,
    /// Units that were seen for the first time.
    pub begun: u64,
    /// Requests that repeated a failed one.
    pub repeats: u64,
}

impl UnitSums {
    /// Nothing counted, for these classes.
    pub(super) fn of(classes: &[UnitClass]) -> Self {
        Self {
            classes: classes.iter().map(|class| (*class, ClassSums::default())).collect(),
            costs: vec![Histogram::default(); CACHE_SLICES],
            ..Self::default()
        }
    }

    /// The sums of a class.
    #[must_use]
    pub fn class(&self, class: UnitClass) -> Option<&ClassSums> {
        self.classes.iter().find(|(it, _)| *it == class).map(|(_, sums)| sums)
    }

    /// A turn of a tenant's unit that was at risk.
    pub(super) fn of_tenant(&mut self, tenant: &Arc<str>, class: UnitClass, counted: (u64, u64)) {
        match self.tenants.iter_mut().find(|it| it.tenant == *tenant) {
            Some(sums) => sums.add(class, counted),
            None => {
                let tenant = Arc::clone(tenant);
                self.tenants.push(TenantSums { tenant, classes: vec![(class, counted)] });
            }
        }
    }

    /// Adds another arm's, tick's or replica's units.
    pub fn merge(&mut self, other: &Self) {
        for (class, sums) in &other.classes {
            match self.classes.iter_mut().find(|(it, _)| it == class) {
                Some((_, own)) => own.merge(sums),
                None => self.classes.push((*class, sums.clone())),
            }
        }
        if self.costs.len() < other.costs.len() {
            self.costs.resize(other.costs.len(), Histogram::default());
        }
        for (own, costs) in self.costs.iter_mut().zip(&other.costs) {
            own.merge(costs);
        }
        for sums in &other.tenants {
            for (class, counted) in &sums.classes {
                self.of_tenant(&sums.tenant, *class, *counted);
            }
        }
        for sums in &other.parts {
            let same = |it: &&mut PartSums| it.dimension == sums.dimension && it.part == sums.part;
            match self.parts.iter_mut().find(same) {
                Some(own) => {
                    for (class, counted) in &sums.classes {
                        add_to(&mut own.classes, *class, |it| add_pair(it, *counted), *counted);
                    }
                }
                None => self.parts.push(sums.clone()),
            }
        }
        for sums in &other.failures {
            match self.failures.iter_mut().find(|it| it.failure == sums.failure) {
                Some(own) => {
                    for (class, counted) in &sums.classes {
                        add_to(&mut own.classes, *class, |it| *it += counted, *counted);
                    }
                }
                None => self.failures.push(sums.clone()),
            }
        }
        self.begun += other.begun;
        self.repeats += other.repeats;
    }
}

/// The slice of a visit's costs, by the share of its input that came from the cache.
pub(super) fn cache_slice(share: f64) -> usize {
    match share {
        share if share <= 0.02 => 0,
        share if share <= 0.5 => 1,
        share if share <= 0.9 => 2,
        _ => 3,
    }
}
