//! Tenants one by one: a candidate that is well for most may be broken for one of them.
//!
//! Every tenant has a test of its own, which asks whether the candidate fails it more often than
//! stable does by more than ten percentage points, or by more than the gate's margin if that is
//! larger. A tenth of a gate's stake is divided among the first [`MOST_TENANTS`] tenants of the step
//! in equal parts, so that the number of tenants is corrected for: the sum of fair bets is a fair bet.

use super::measurement::SliceReading;
use crate::units::MOST_TENANTS;
use serde::{Deserialize, Serialize};
use stagegate_sequential::{MarginTest, Tally};
use std::sync::Arc;

/// The smallest margin of a single tenant: it has few requests, and what is looked for is a broken one.
const LEAST_MARGIN: f64 = 0.1;
/// Units of the candidate that say how a tenant fares lately.
const LATELY: u64 = 20;
/// Tenants that are named.
const NAMED: usize = 3;

/// A tenant's name, units, and failed ones.
pub(super) type Counted = (Arc<str>, (u64, u64));

/// The tests of one gate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Tenants {
    margin: f64,
    each: Vec<Tenant>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Tenant {
    name: Arc<str>,
    test: MarginTest,
    /// Units and failed ones over the step: of the candidate, and of stable.
    candidate: (u64, u64),
    stable: (u64, u64),
    /// The candidate's newest.
    lately: (u64, u64),
}

impl Tenants {
    pub(super) const fn new(margin: f64) -> Self {
        Self { margin: margin.max(LEAST_MARGIN), each: Vec::new() }
    }

    /// Takes in a tick: of every tenant, units and failed ones.
    pub(super) fn update(&mut self, candidate: &[Counted], stable: &[Counted]) {
        for (name, counted) in candidate {
            if let Some(tenant) = self.tenant(name) {
                tenant.add(*counted, (0, 0));
            }
        }
        for (name, counted) in stable {
            if let Some(tenant) = self.tenant(name) {
                tenant.add((0, 0), *counted);
            }
        }
    }

    fn tenant(&mut self, name: &Arc<str>) -> Option<&mut Tenant> {
        let place = self.each.iter().position(|tenant| tenant.name == *name);
        if place.is_none() && self.each.len() < MOST_TENANTS {
            let test = MarginTest::new(self.margin).ok()?;
            let none = (0, 0);
            let (candidate, stable, lately) = (none, none, none);
            self.each.push(Tenant { name: Arc::clone(name), test, candidate, stable, lately });
        }
        match place {
            Some(place) => self.each.get_mut(place),
            None => self.each.last_mut().filter(|tenant| tenant.name == *name),
        }
    }

    pub(super) fn begin_block(&mut self) {
        self.each.iter_mut().for_each(|tenant| tenant.test.begin_block());
    }

    /// The logarithm of the mean of all tenants' evidence. What is staked on nobody yet is 1.
    pub(super) fn ln_value(&self) -> f64 {
        let most = self.each.iter().map(|tenant| tenant.test.ln_value()).fold(0.0, f64::max);
        let unused = (MOST_TENANTS - self.each.len().min(MOST_TENANTS)) as f64;
        let sum: f64 = self.each.iter().map(|it| (it.test.ln_value() - most).exp()).sum();
        most + ((sum + unused * (-most).exp()) / MOST_TENANTS as f64).ln()
    }

    /// A tenant that the candidate fails beyond doubt, and still does: its part of the stake, of which
    /// `ln_stake` is the logarithm for all together, has become what is needed by itself.
    pub(super) fn broken(&self, ln_stake: f64, ln_needed: f64) -> Option<&str> {
        let part = ln_stake - (MOST_TENANTS as f64).ln();
        let worst = self.worst().find(|tenant| tenant.is_bad_lately(self.margin))?;
        (worst.test.ln_value() + part >= ln_needed).then_some(&*worst.name)
    }

    /// Names, units and failed ones of the candidate and of stable.
    pub(super) fn counts(&self) -> impl Iterator<Item = (&str, (u64, u64), (u64, u64))> {
        self.each.iter().map(|it| (&*it.name, it.candidate, it.stable))
    }

    fn worst(&self) -> impl Iterator<Item = &Tenant> {
        let mut all: Vec<&Tenant> = self.each.iter().collect();
        all.sort_by(|a, b| b.test.ln_value().total_cmp(&a.test.ln_value()));
        all.into_iter()
    }

    /// The tenants that most speaks against, for people; those whom the candidate never failed are not
    /// among them.
    pub(super) fn readings(&self) -> Vec<SliceReading> {
        let failed = self.worst().filter(|tenant| tenant.candidate.1 > 0);
        let reading = |tenant: &Tenant| SliceReading {
            slice: format!("tenant {}", tenant.name),
            candidate: tenant.candidate,
            stable: tenant.stable,
            ln_evidence: tenant.test.ln_value(),
            // A tenant that is broken rolls back.
            alerts: false,
        };
        failed.take(NAMED).map(reading).collect()
    }
}

impl Tenant {
    fn add(&mut self, candidate: (u64, u64), stable: (u64, u64)) {
        let add = |sum: &mut (u64, u64), of: (u64, u64)| {
            sum.0 += of.0;
            sum.1 += of.1;
        };
        add(&mut self.candidate, candidate);
        add(&mut self.stable, stable);
        if self.lately.0 >= LATELY {
            self.lately = (self.lately.0 / 2, self.lately.1 / 2);
        }
        add(&mut self.lately, candidate);
        let tally = |(n, bad)| Tally::of(bad, n).unwrap_or_default();
        self.test.update_slice(0, tally(candidate), tally(stable));
    }

    fn is_bad_lately(&self, margin: f64) -> bool {
        let share = |(n, bad): (u64, u64)| if n > 0 { bad as f64 / n as f64 } else { 0.0 };
        share(self.lately) > share(self.stable) + margin
    }
}

#[cfg(test)]
mod tests {
    use super::{Counted, Tenants};
    use crate::units::MOST_TENANTS;

    fn served(counts: &[(&str, u64, u64)]) -> Vec<Counted> {
        counts.iter().map(|(name, n, bad)| ((*name).into(), (*n, *bad))).collect()
    }

    /// Ticks in which one tenant of the candidate fails every time, until that is found.
    fn units_until_found(stable: u64) -> u64 {
        let mut tenants = Tenants::new(0.02);
        for tick in 1..200 {
            let candidate = served(&[("acme", 1, 1), ("other", 20, 0)]);
            tenants.update(&candidate, &served(&[("acme", stable, 0), ("other", 900, 9)]));
            if tenants.broken((0.1_f64).ln(), (8000.0_f64).ln()).is_some() {
                let worst = &tenants.readings()[0];
                assert_eq!((worst.slice.as_str(), worst.candidate.1), ("tenant acme", tick));
                return tick;
            }
        }
        200
    }

    #[test]
    fn a_tenant_that_always_fails_is_found_after_some_failures() {
        for stable in [1, 9, 99] {
            let found = units_until_found(stable);
            assert!(found < 45, "{stable} units of stable beside one: {found}");
        }
    }

    #[test]
    fn a_tenant_that_fails_alike_on_both_arms_is_no_evidence() {
        let mut tenants = Tenants::new(0.02);
        for _ in 0..500 {
            tenants.update(&served(&[("acme", 2, 1)]), &served(&[("acme", 18, 9)]));
        }
        assert!(tenants.ln_value() < 3.0, "{}", tenants.ln_value());
        assert!(tenants.broken((0.1_f64).ln(), 3.0).is_none());
    }

    #[test]
    fn more_tenants_than_there_is_room_for_are_left_out() {
        let mut tenants = Tenants::new(0.02);
        for number in 0..2 * MOST_TENANTS {
            let name = format!("t-{number}");
            tenants.update(&served(&[(&name, 1, 1)]), &[]);
        }
        assert_eq!(tenants.each.len(), MOST_TENANTS);
        assert!(tenants.ln_value().abs() < 1e-9, "nothing to compare with: {}", tenants.ln_value());
    }
}
