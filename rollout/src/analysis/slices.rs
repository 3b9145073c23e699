//! Parts of the traffic one by one, beside tenants: a difference that is none of the whole, and where one of
//! the whole comes from.
//!
//! A part (a model, a cohort, a language) rolls nothing back. A part of the answer may itself be an effect of
//! the release: who routes hard questions to the large model makes the large model look worse. So a part tells
//! its gate's owner, once its own evidence has reached what all parts together are allowed.

use super::blame::{Blame, Excess};
use super::fresh::Fresh;
use super::measurement::SliceReading;
use super::named::named;
use crate::units::{Dimension, MOST_PARTS};
use serde::{Deserialize, Serialize};
use stagegate_sequential::{MarginTest, Tally};
use std::sync::Arc;

/// Parts that are tested at most.
pub(super) const MOST: usize = MOST_PARTS * Dimension::ALL.len();
/// The smallest margin of a part: turns of different numbers are together in it.
const LEAST_MARGIN: f64 = 0.02;
/// Units of the candidate that say how a part fares lately.
const LATELY: u64 = 50;
/// Parts that are shown.
const NAMED: usize = 3;
/// Kinds of failure that are kept apart.
const MOST_FAILURES: usize = 64;
/// A part with more of the candidate's units is the whole.
const WHOLE: f64 = 0.95;

/// The parts of one gate in one step.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Slices {
    each: Vec<Slice>,
    /// First failures by kind: of stable, and of the candidate.
    failures: Vec<(Arc<str>, [u64; 2])>,
    /// Units at risk and failed ones: of stable, and of the candidate.
    all: [(u64, u64); 2],
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Slice {
    dimension: Dimension,
    name: Arc<str>,
    /// Absent for a limit of its own: that is no comparison.
    test: Option<MarginTest>,
    stable: (u64, u64),
    candidate: (u64, u64),
    /// The candidate's newest.
    lately: (u64, u64),
}

impl Slices {
    /// Takes in a tick. `margin` is the gate's, if it compares with stable.
    pub(super) fn update(&mut self, margin: Option<f64>, candidate: &Fresh, stable: &Fresh) {
        for (arm, fresh) in [stable, candidate].into_iter().enumerate() {
            let tally = fresh.at_risk();
            add(&mut self.all[arm], (tally.total() as u64, tally.failures() as u64));
            for (kind, count) in &fresh.failures {
                if let Some(counts) = named(&mut self.failures, kind, MOST_FAILURES) {
                    counts[arm] += count;
                }
            }
            for (dimension, name, counted) in &fresh.parts {
                let none = (0, 0);
                let (of_stable, own) = if arm == 0 { (*counted, none) } else { (none, *counted) };
                if let Some(slice) = self.slice(*dimension, name, margin) {
                    slice.add(own, of_stable);
                }
            }
        }
    }

    fn slice(
        &mut self,
        dimension: Dimension,
        name: &Arc<str>,
        margin: Option<f64>,
    ) -> Option<&mut Slice> {
        let is_it = |it: &Slice| it.dimension == dimension && it.name == *name;
        let place = match self.each.iter().position(is_it) {
            Some(place) => place,
            None if self.each.len() < MOST => {
                let test = margin.and_then(|it| MarginTest::new(it.max(LEAST_MARGIN)).ok());
                let none = (0, 0);
                let (name, stable, candidate, lately) = (Arc::clone(name), none, none, none);
                self.each.push(Slice { dimension, name, test, stable, candidate, lately });
                self.each.len() - 1
            }
            None => return None,
        };
        self.each.get_mut(place)
    }

    pub(super) fn begin_block(&mut self) {
        self.each.iter_mut().filter_map(|it| it.test.as_mut()).for_each(MarginTest::begin_block);
    }

    /// The parts that most speaks against, the worst first. `ln_needed` is what one part's evidence must
    /// reach by itself to tell the owner.
    pub(super) fn readings(&self, ln_needed: f64) -> Vec<SliceReading> {
        let whole = WHOLE * self.all[1].0 as f64;
        let evidence = |it: &Slice| it.test.as_ref().map_or(0.0, MarginTest::ln_value);
        let is_part = |it: &&Slice| it.candidate.1 > 0 && (it.candidate.0 as f64) < whole;
        let mut worst: Vec<&Slice> =
            self.each.iter().filter(is_part).filter(|it| evidence(it) > 0.0).collect();
        worst.sort_by(|a, b| evidence(b).total_cmp(&evidence(a)));
        let reading = |it: &Slice| SliceReading {
            slice: it.label(),
            candidate: it.candidate,
            stable: it.stable,
            ln_evidence: evidence(it),
            alerts: evidence(it) >= ln_needed && it.is_bad_lately(),
        };
        worst.into_iter().take(NAMED).map(reading).collect()
    }

    /// What explains most of the difference: tenants, parts and kinds of failure. `tenants` have a name and
    /// units and failed ones of the candidate and of stable.
    pub(super) fn blame<'a>(
        &self,
        tenants: impl Iterator<Item = (&'a str, (u64, u64), (u64, u64))>,
    ) -> Vec<Blame> {
        let Some(excess) = Excess::of(self.all[1], self.all[0]) else { return Vec::new() };
        let tenants = tenants.filter_map(|(name, candidate, stable)| {
            excess.of_part(format!("tenant {name}"), candidate, stable)
        });
        let parts = self.each.iter();
        let parts = parts.filter_map(|it| excess.of_part(it.label(), it.candidate, it.stable));
        let kinds = self.failures.iter();
        let kinds = kinds.filter_map(|(kind, [stable, candidate])| {
            excess.of_kind(kind.to_string(), *candidate, *stable)
        });
        Blame::most(tenants.chain(parts).chain(kinds).collect())
    }
}

impl Slice {
    fn label(&self) -> String {
        format!("{} {}", self.dimension.label(), self.name)
    }

    fn add(&mut self, candidate: (u64, u64), stable: (u64, u64)) {
        add(&mut self.candidate, candidate);
        add(&mut self.stable, stable);
        if self.lately.0 >= LATELY {
            self.lately = (self.lately.0 / 2, self.lately.1 / 2);
        }
        add(&mut self.lately, candidate);
        if let Some(test) = &mut self.test {
            let tally = |(n, bad)| Tally::of(bad, n).unwrap_or_default();
            test.update_slice(0, tally(candidate), tally(stable));
        }
    }

    fn is_bad_lately(&self) -> bool {
        let share = |(n, bad): (u64, u64)| if n > 0 { bad as f64 / n as f64 } else { 0.0 };
        share(self.lately) > share(self.stable)
    }
}

const fn add(sum: &mut (u64, u64), of: (u64, u64)) {
    sum.0 += of.0;
    sum.1 += of.1;
}

#[cfg(test)]
mod tests {
    use super::{MOST, Slices};
    use crate::analysis::fresh::Fresh;
    use crate::units::Dimension;
    use stagegate_sequential::Tally;

    /// Units of two models, and how many of each fail, all by one status.
    fn fresh(large: (u64, u64), small: (u64, u64)) -> Fresh {
        let parts = vec![
            (Dimension::Model, "large".into(), large),
            (Dimension::Model, "small".into(), small),
            (Dimension::Streaming, "yes".into(), (large.0 + small.0, large.1 + small.1)),
        ];
        let failed = large.1 + small.1;
        Fresh {
            first: vec![Tally::of(failed, large.0 + small.0).expect("counts")],
            parts,
            failures: vec![("status 500".into(), failed)],
            ..Fresh::default()
        }
    }

    #[test]
    fn the_model_that_fails_is_told_and_blamed_and_the_whole_is_no_part() {
        let mut slices = Slices::default();
        let needed = (MOST as f64 / 0.001).ln();
        let mut told = None;
        for tick in 1..=200 {
            slices.update(Some(0.005), &fresh((10, 2), (90, 1)), &fresh((90, 1), (810, 9)));
            let worst = slices.readings(needed);
            assert!(worst.iter().all(|it| it.slice != "streaming yes"), "{worst:?}");
            if told.is_none() && worst.first().is_some_and(|it| it.alerts) {
                assert_eq!(worst[0].slice, "model large");
                told = Some(tick);
            }
        }
        assert!(told.is_some_and(|tick| tick < 60), "{told:?}");
        let blame = slices.blame(std::iter::empty());
        assert_eq!(blame[0].what, "model large", "{blame:?}");
        assert!(blame[0].share > 0.9 && blame[0].low > 0.7, "{blame:?}");
        assert_eq!(blame[1].what, "status 500", "{blame:?}");
    }

    #[test]
    fn arms_alike_blame_nobody() {
        let mut slices = Slices::default();
        for _ in 0..300 {
            slices.update(Some(0.005), &fresh((10, 1), (90, 1)), &fresh((90, 9), (810, 9)));
        }
        assert!(slices.blame(std::iter::empty()).is_empty());
        assert!(slices.readings(8.0).iter().all(|it| !it.alerts), "{:?}", slices.readings(8.0));
    }
}
