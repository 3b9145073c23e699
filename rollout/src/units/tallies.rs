//! Counts of parts and of kinds of failure while requests are added, in bounded memory.

use super::class::UnitClass;
use super::part::{Dimension, Parts};
use super::sums::{FailureSums, PartSums, UnitSums};
use std::sync::Arc;

/// Parts of one dimension that are counted one by one: the first of a step.
pub(crate) const MOST_PARTS: usize = 8;
/// Kinds of failure that are counted one by one.
const MOST_FAILURES: usize = 32;
/// The kind of all other failures.
const OTHER: &str = "other";

/// Counts by part and kind of failure, of both arms.
#[derive(Clone, Debug, Default)]
pub(super) struct Tallies {
    parts: Vec<(Dimension, Arc<str>)>,
    failures: Vec<Arc<str>>,
    /// By arm; by part; by class: turns of units that were at risk, and first failures.
    counts: [Vec<Vec<(u64, u64)>>; 2],
    /// By arm; by kind of failure; by class: first failures.
    failed: [Vec<Vec<u64>>; 2],
}

impl Tallies {
    /// The places of a request's parts.
    pub(super) fn places(&mut self, parts: &Parts) -> [Option<usize>; Dimension::ALL.len()] {
        let mut places = [None; Dimension::ALL.len()];
        for (dimension, name) in parts.iter() {
            places[dimension as usize] = self.place(dimension, name);
        }
        places
    }

    fn place(&mut self, dimension: Dimension, name: &Arc<str>) -> Option<usize> {
        let same = |it: &Arc<str>| Arc::ptr_eq(it, name) || **it == **name;
        let known = self.parts.iter().position(|(of, it)| *of == dimension && same(it));
        let of_it = self.parts.iter().filter(|(of, _)| *of == dimension).count();
        if known.is_none() && of_it < MOST_PARTS {
            self.parts.push((dimension, Arc::clone(name)));
            return Some(self.parts.len() - 1);
        }
        known
    }

    /// A turn of a unit at risk in the class at `class` of `classes`.
    pub(super) fn turn(
        &mut self,
        arm: usize,
        places: &[Option<usize>],
        (class, classes): (usize, usize),
        failed: bool,
    ) {
        for place in places.iter().flatten() {
            let counts = &mut self.counts[arm];
            if counts.len() <= *place {
                counts.resize(place + 1, Vec::new());
            }
            let of = &mut counts[*place];
            of.resize(classes, (0, 0));
            of[class].0 += 1;
            of[class].1 += u64::from(failed);
        }
    }

    /// A first failure of this kind.
    pub(super) fn failure(
        &mut self,
        arm: usize,
        kind: &Arc<str>,
        (class, classes): (usize, usize),
    ) {
        let same = |it: &Arc<str>| Arc::ptr_eq(it, kind) || **it == **kind;
        let place = match self.failures.iter().position(same) {
            Some(place) => place,
            None if self.failures.len() < MOST_FAILURES => {
                let last = self.failures.len() + 1 == MOST_FAILURES;
                self.failures.push(if last { OTHER.into() } else { Arc::clone(kind) });
                self.failures.len() - 1
            }
            None => MOST_FAILURES - 1,
        };
        let failed = &mut self.failed[arm];
        if failed.len() <= place {
            failed.resize(place + 1, Vec::new());
        }
        failed[place].resize(classes, 0);
        failed[place][class] += 1;
    }

    /// Moves what was counted into the sums of an arm. Names stay known.
    pub(super) fn take(&mut self, arm: usize, classes: &[UnitClass], sums: &mut UnitSums) {
        for (counts, (dimension, name)) in self.counts[arm].iter_mut().zip(&self.parts) {
            let counted = std::mem::take(counts);
            let of = classes.iter().copied().zip(counted).filter(|(_, (risk, _))| *risk > 0);
            let classes: Vec<_> = of.collect();
            if !classes.is_empty() {
                let part = Arc::clone(name);
                sums.parts.push(PartSums { dimension: *dimension, part, classes });
            }
        }
        for (counts, kind) in self.failed[arm].iter_mut().zip(&self.failures) {
            let counted = std::mem::take(counts);
            let of = classes.iter().copied().zip(counted).filter(|(_, failed)| *failed > 0);
            let classes: Vec<_> = of.collect();
            if !classes.is_empty() {
                sums.failures.push(FailureSums { failure: Arc::clone(kind), classes });
            }
        }
    }
}
