//! The statistical test of a gate, and its input.

use super::beside::{Beside, first_failures, half_each};
use super::counts::{Counts, NANOS};
use super::fresh::Fresh;
use super::measurement::SliceReading;
use super::tenants::Tenants;
use crate::policy::{Gate, Limit, Measure, Quantile};
use crate::{Histogram, UnitClass};
use serde::{Deserialize, Serialize};
use stagegate_sequential::promotion::Moments;
use stagegate_sequential::{
    Claim, CoinTest, GradedCoinTest, MarginTest, MeanCusum, MeanTest, ShareCusum, ShareTest,
};

/// Values of stable before its mean is a limit.
const LEAST_STABLE: u64 = 100;
/// Values of stable before its share is something to compare with.
pub(super) const LEAST_SHARE: u64 = 20;

/// The kind of a gate's condition.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    /// Share of bad values against a limit of its own. "p99 below 8 s" is one exactly: at most 1%
    /// slower than 8 s.
    Share(f64),
    /// Share of bad values beside stable's, which may be exceeded by this margin.
    Coin(f64),
    /// A mean against a limit.
    Mean,
    /// Share of values beyond stable's quantile, where the candidate's may be so many times as long.
    Quantile(f64),
    /// An estimate against a limit: no test, so it must be beyond it for the whole duration.
    Plain,
    /// As plain, and of the workload as a whole.
    OfWorkload,
    /// The newest value that somebody else measured.
    External,
}

impl Kind {
    pub(super) fn of(gate: &Gate) -> Self {
        match (&gate.measure, gate.limit) {
            (Measure::Accuracy | Measure::LabelledAccuracy, Limit::Min(least)) => {
                Self::Share(1.0 - least.get())
            }
            (Measure::ErrorRate { .. } | Measure::StageErrorRate { .. }, Limit::Max(most)) => {
                Self::Share(most.get())
            }
            (Measure::Latency { quantile, .. }, Limit::Max(_)) if *quantile != Quantile::P50 => {
                Self::Share(quantile.tail())
            }
            (Measure::External(_), _) => Self::External,
            (_, Limit::Margin(margin)) => Self::Coin(margin.get()),
            (Measure::UsdPerRequest, Limit::Max(_) | Limit::Ratio(_)) => Self::Mean,
            (Measure::Latency { .. }, Limit::Ratio(ratio)) => Self::Quantile(ratio.get()),
            (measure, _) if measure.is_of_the_workload() => Self::OfWorkload,
            _ => Self::Plain,
        }
    }

    /// True if values are rated one by one, without stable.
    pub(super) const fn has_own_limit(self, gate: &Gate) -> bool {
        matches!(gate.limit, Limit::Max(_) | Limit::Min(_))
            && !matches!(self, Self::OfWorkload | Self::External)
    }
}

/// Evidence that a gate is violated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Test {
    /// Test A: a share against a limit, as earlier versions stored it.
    Share(ShareTest),
    /// Test A, half of it on first failures of units, half on the visits that ended: the first hears of
    /// a broken candidate at once, the second of one that is a little worse.
    Limit {
        /// First failures.
        first: Box<ShareTest>,
        /// Shares of failed turns.
        visits: Box<ShareTest>,
    },
    /// Test B: a share beside stable's. Of quantiles, and as earlier versions stored others.
    Coin(CoinTest),
    /// Test B with a margin, of values that no unit is known of.
    Margin(MarginTest),
    /// Test B with a margin, of values that belong to units.
    Beside(Box<Beside>),
    /// Test B by degrees: the cost of visits.
    Costs(GradedCoinTest),
    /// Test D: a mean against a limit.
    Mean(MeanTest),
    /// Test E: a share against a limit, at 100%, where evidence must not get tired.
    ShareWatch(ShareCusum),
    /// Test E for a mean.
    MeanWatch(MeanCusum),
    /// No test.
    None,
}

impl Test {
    /// The test of `gate` while there are two arms.
    pub(super) fn beside_stable(gate: &Gate) -> Self {
        match Kind::of(gate) {
            Kind::Share(limit) => ShareTest::new(limit, Claim::Above).map_or(Self::None, |test| {
                Self::Limit { first: Box::new(test.clone()), visits: Box::new(test) }
            }),
            Kind::Coin(margin) => Self::with_margin(gate, margin).unwrap_or(Self::None),
            Kind::Quantile(_) => CoinTest::new(1.0, Claim::Above).map_or(Self::None, Self::Coin),
            Kind::Mean => match gate.limit {
                Limit::Ratio(ratio) => {
                    GradedCoinTest::new(ratio.get()).map_or(Self::None, Self::Costs)
                }
                _ => Self::Mean(MeanTest::new()),
            },
            Kind::Plain | Kind::OfWorkload | Kind::External => Self::None,
        }
    }

    fn with_margin(gate: &Gate, margin: f64) -> Option<Self> {
        if UnitClass::of(gate).is_none() {
            return Some(Self::Margin(MarginTest::new(margin).ok()?));
        }
        Some(Self::Beside(Box::new(Beside::new(margin)?)))
    }

    /// The test of `gate` at 100%, where stable's figures of the step before stand in for it. `most` is the most
    /// that its share of bad values was.
    pub(super) fn watching(gate: &Gate, former: Option<&Counts>, most: Option<f64>) -> Self {
        let share =
            |limit: f64| ShareCusum::new(limit, Claim::Above).map_or(Self::None, Self::ShareWatch);
        match Kind::of(gate) {
            Kind::Share(limit) => share(limit),
            Kind::Coin(margin) => {
                let former = former.filter(|former| former.n >= LEAST_SHARE);
                let limit = former.and(most).map(|bad| bad + margin);
                limit.map_or(Self::None, share)
            }
            Kind::Mean => Self::MeanWatch(MeanCusum::new()),
            // The former quantile is a limit: the share of slower values had been the tail.
            Kind::Quantile(_) => match &gate.measure {
                Measure::Latency { quantile, .. } => share(quantile.tail()),
                _ => Self::None,
            },
            Kind::Plain | Kind::OfWorkload | Kind::External => Self::None,
        }
    }

    /// Takes in what a tick counted. `mean_limit` was known before the tick. `by_cache` keeps visits
    /// apart whose input came from a cache to another share.
    pub(super) fn update(
        &mut self,
        candidate: &Fresh,
        stable: &Fresh,
        mean_limit: Option<f64>,
        by_cache: bool,
    ) {
        match self {
            Self::Share(test) => test.update(candidate.at_risk()),
            Self::Limit { first, visits } => {
                first.update(candidate.at_risk());
                // Shares of turns are from 0 to 1: never refused.
                let counted = visits.update_graded(candidate.visits.iter().copied());
                debug_assert!(counted.is_ok());
            }
            Self::ShareWatch(test) => test.update(candidate.at_risk()),
            Self::Coin(test) => test.update(candidate.at_risk(), stable.at_risk()),
            Self::Margin(test) => first_failures(test, candidate, stable),
            Self::Beside(test) => test.update(candidate, stable),
            Self::Costs(test) => {
                for slice in 0..candidate.costs.len().max(stable.costs.len()) {
                    let of = |arm: &Fresh| {
                        let costs = arm.costs.get(slice).map(Histogram::lower_edges);
                        costs.into_iter().flatten().map(|(nanos, n)| (nanos / NANOS, n)).collect()
                    };
                    let (candidate, stable): (Vec<_>, Vec<_>) = (of(candidate), of(stable));
                    // Edges of buckets are numbers from 0 on: never refused.
                    let place = if by_cache { slice } else { 0 };
                    let counted = test.update_slice(place, candidate, stable);
                    debug_assert!(counted.is_ok());
                }
            }
            Self::Mean(test) => {
                // Without a limit the values are left out, whatever they are.
                let _ = mean_limit.map(|limit| test.update(capped(candidate, limit), limit));
            }
            Self::MeanWatch(test) => {
                let _ = mean_limit.map(|limit| test.update(capped(candidate, limit), limit));
            }
            Self::None => {}
        }
    }

    /// A few minutes went by: from here on the tests also bet that a change begins now.
    pub(super) fn begin_block(&mut self) {
        match self {
            Self::Share(test) => test.begin_block(),
            Self::Limit { first, visits } => {
                first.begin_block();
                visits.begin_block();
            }
            Self::Beside(test) => test.begin_block(),
            Self::Coin(test) => test.begin_block(),
            Self::Margin(test) => test.begin_block(),
            Self::Costs(test) => test.begin_block(),
            Self::Mean(test) => test.begin_block(),
            Self::ShareWatch(_) | Self::MeanWatch(_) | Self::None => {}
        }
    }

    /// Natural logarithm of the evidence.
    pub(super) fn ln_value(&self) -> Option<f64> {
        match self {
            Self::Share(test) => Some(test.ln_value()),
            Self::Limit { first, visits } => Some(half_each(first.ln_value(), visits.ln_value())),
            Self::Beside(test) => Some(test.ln_value()),
            Self::Coin(test) => Some(test.ln_value()),
            Self::Margin(test) => Some(test.ln_value()),
            Self::Costs(test) => Some(test.ln_value()),
            Self::Mean(test) => Some(test.ln_value()),
            Self::ShareWatch(test) => Some(test.ln_value()),
            Self::MeanWatch(test) => Some(test.ln_value()),
            Self::None => None,
        }
    }

    /// The tenant that the candidate fails beyond doubt by itself, if there is one.
    pub(super) fn broken_tenant(&self, ln_needed: f64) -> Option<&str> {
        let Self::Beside(test) = self else { return None };
        test.broken_tenant(ln_needed)
    }

    /// Tenants: name, units and failed ones of the candidate and of stable.
    pub(super) fn tenants(&self) -> impl Iterator<Item = (&str, (u64, u64), (u64, u64))> {
        let tenants = match self {
            Self::Beside(test) => Some(&test.tenants),
            _ => None,
        };
        tenants.into_iter().flat_map(Tenants::counts)
    }

    /// The tenants that most speaks against.
    pub(super) fn slices(&self) -> Vec<SliceReading> {
        match self {
            Self::Beside(test) => test.tenants.readings(),
            _ => Vec::new(),
        }
    }

    /// True if it is the kind for 100%.
    pub(super) const fn is_watch(&self) -> bool {
        matches!(self, Self::ShareWatch(_) | Self::MeanWatch(_))
    }
}

/// Values above this many times the limit of their mean count as this much, so that one dear
/// conversation is never enough. A mean that is within the limit is so with capped values too.
const CAP: f64 = 20.0;

/// Dollars of the visits that ended, with a cap.
fn capped(arm: &Fresh, limit: f64) -> impl Iterator<Item = (f64, u64)> {
    let edges = arm.costs.iter().flat_map(Histogram::lower_edges);
    edges.map(move |(nanos, n)| ((nanos / NANOS).min(CAP * limit), n))
}

/// Returns the upper limit of a mean: the limit itself, or stable's mean so far plus two standard
/// errors, because it is an estimate too. `None` while stable has too few values.
pub(super) fn mean_limit(gate: &Gate, stable: &Counts, of_visits: bool) -> Option<f64> {
    match gate.limit {
        Limit::Max(most) => Some(most.get()),
        Limit::Ratio(ratio) if stable.n >= LEAST_STABLE => {
            // Visits are what the test is about, where they are known.
            let visits = stable.totals.iter().fold(Moments::default(), |sum, it| sum.plus(*it));
            let moments = if of_visits { visits } else { stable.moments };
            let (mean, error) = (moments.mean()?, moments.standard_error()?);
            Some(ratio.get() * (mean + 2.0 * error)).filter(|limit| *limit > 0.0)
        }
        _ => None,
    }
}
