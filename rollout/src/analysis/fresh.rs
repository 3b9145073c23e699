//! What a tick counted, in the form that the tests take.

use super::counts::Counts;
use super::tenants::Counted;
use crate::policy::{Gate, Limit, Measure};
use crate::{Dimension, FailureSums, Histogram, PartSums, Series, TenantSums, UnitClass};
use stagegate_sequential::Tally;
use std::sync::Arc;

/// What one arm did in a tick, for the test of one gate.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Fresh {
    /// By slice of the turn's number: units at risk, and those that failed for the first time.
    pub(super) first: Vec<Tally>,
    /// Visits that ended: the share of their turns that failed, and how many visits.
    pub(super) visits: Vec<(f64, u64)>,
    /// The same of each unit's first visit: what two arms are compared by.
    pub(super) first_visits: Vec<(f64, u64)>,
    /// By tenant: turns of units at risk, and first failures.
    pub(super) tenants: Vec<Counted>,
    /// By part of the traffic: turns of units at risk, and first failures.
    pub(super) parts: Vec<(Dimension, Arc<str>, (u64, u64))>,
    /// First failures by kind.
    pub(super) failures: Vec<(Arc<str>, u64)>,
    /// Nano-dollars of visits that ended, by slice of cached input.
    pub(super) costs: Vec<Histogram>,
}

impl Fresh {
    /// What `series` says for `gate`. Where units were not counted, every request is one.
    pub(super) fn of(gate: &Gate, series: &Series, counts: &Counts) -> Self {
        let units = &series.units;
        let costs = match gate.measure {
            // A limit of its own is one on a request.
            Measure::UsdPerRequest if units.costs.is_empty() || is_fixed(gate) => {
                vec![series.cost_nanos.clone()]
            }
            Measure::UsdPerRequest => units.costs.clone(),
            _ => Vec::new(),
        };
        let class = UnitClass::of(gate);
        let of_tenant = |sums: &TenantSums| Some((Arc::clone(&sums.tenant), sums.class(class?)?));
        let tenants = units.tenants.iter().filter_map(of_tenant).collect();
        let sums = class.and_then(|class| units.class(class));
        let sums = sums.filter(|sums| sums.turns.0 > 0 || counts.n == 0);
        let (first, visits, first_visits) = match sums {
            Some(sums) => {
                let tally = |(n, bad): &(u64, u64)| Tally::of(*bad, *n).unwrap_or_default();
                let share = |(bad, n, count): &(u8, u8, u64)| {
                    (f64::from(*bad) / f64::from((*n).max(1)), *count)
                };
                let parts = |visits: &[(u8, u8, u64)]| visits.iter().map(share).collect();
                let first = sums.first.iter().map(tally).collect();
                (first, parts(&sums.visits), parts(&sums.first_visits))
            }
            None if counts.n == 0 => (Vec::new(), Vec::new(), Vec::new()),
            None => {
                let bad = counts.bad.min(counts.n);
                let each = vec![(1.0, bad), (0.0, counts.n - bad)];
                (vec![counts.tally()], each.clone(), each)
            }
        };
        let part = |it: &PartSums| Some((it.dimension, Arc::clone(&it.part), it.class(class?)?));
        let parts = units.parts.iter().filter_map(part).collect();
        let kind = |it: &FailureSums| Some((Arc::clone(&it.failure), it.class(class?)?));
        let failures = units.failures.iter().filter_map(kind).collect();
        Self { first, visits, first_visits, tenants, parts, failures, costs }
    }

    /// True if costs are totals of visits.
    pub(super) const fn has_visits(&self) -> bool {
        self.costs.len() > 1
    }

    /// All slices together.
    pub(super) fn at_risk(&self) -> Tally {
        self.first.iter().fold(Tally::default(), |sum, tally| sum.plus(*tally))
    }
}

const fn is_fixed(gate: &Gate) -> bool {
    matches!(gate.limit, Limit::Max(_))
}
