//! The statistical test of a gate, and its input.

use super::counts::{Counts, NANOS};
use crate::Histogram;
use crate::policy::{Gate, Limit, Measure, Quantile};
use serde::{Deserialize, Serialize};
use stagegate_sequential::{Claim, CoinTest, MeanCusum, MeanTest, ShareCusum, ShareTest};

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
    /// An estimate against a limit: no test, so it must be beyond it for the whole duration.
    Plain,
    /// As plain, and of the workload as a whole.
    OfWorkload,
}

impl Kind {
    pub(super) fn of(gate: &Gate) -> Self {
        match (&gate.measure, gate.limit) {
            (Measure::Accuracy | Measure::LabelledAccuracy, Limit::Min(least)) => {
                Self::Share(1.0 - least.get())
            }
            (Measure::ErrorRate { .. }, Limit::Max(most)) => Self::Share(most.get()),
            (Measure::Latency { quantile, .. }, Limit::Max(_)) if *quantile != Quantile::P50 => {
                Self::Share(quantile.tail())
            }
            (_, Limit::Margin(margin)) => Self::Coin(margin.get()),
            (Measure::UsdPerRequest, Limit::Max(_) | Limit::Ratio(_)) => Self::Mean,
            (measure, _) if measure.is_of_the_workload() => Self::OfWorkload,
            _ => Self::Plain,
        }
    }

    /// True if values are rated one by one, without stable.
    pub(super) const fn has_own_limit(self, gate: &Gate) -> bool {
        matches!(gate.limit, Limit::Max(_) | Limit::Min(_)) && !matches!(self, Self::OfWorkload)
    }
}

/// Evidence that a gate is violated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Test {
    /// Test A: a share against a limit.
    Share(ShareTest),
    /// Test B: a share beside stable's.
    Coin(CoinTest),
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
            Kind::Share(limit) => {
                ShareTest::new(limit, Claim::Above).map_or(Self::None, Self::Share)
            }
            Kind::Coin(_) => CoinTest::new(1.0, Claim::Above).map_or(Self::None, Self::Coin),
            Kind::Mean => Self::Mean(MeanTest::new()),
            Kind::Plain | Kind::OfWorkload => Self::None,
        }
    }

    /// The test of `gate` at 100%, where stable's figures of the step before stand in for it.
    pub(super) fn watching(gate: &Gate, former: Option<&Counts>) -> Self {
        let share =
            |limit: f64| ShareCusum::new(limit, Claim::Above).map_or(Self::None, Self::ShareWatch);
        match Kind::of(gate) {
            Kind::Share(limit) => share(limit),
            Kind::Coin(margin) => {
                let former = former.filter(|former| former.n >= LEAST_SHARE);
                let limit = former.and_then(Counts::bad_share).map(|bad| bad + margin);
                limit.map_or(Self::None, share)
            }
            Kind::Mean => Self::MeanWatch(MeanCusum::new()),
            Kind::Plain | Kind::OfWorkload => Self::None,
        }
    }

    /// Takes in what a tick counted. `mean_limit` was known before the tick.
    pub(super) fn update(
        &mut self,
        candidate: &Counts,
        stable: &Counts,
        costs: &Histogram,
        mean_limit: Option<f64>,
    ) {
        match self {
            Self::Share(test) => test.update(candidate.tally()),
            Self::ShareWatch(test) => test.update(candidate.tally()),
            Self::Coin(test) => test.update(candidate.tally(), stable.tally()),
            Self::Mean(test) => {
                let dollars = costs.lower_edges().map(|(nanos, n)| (nanos / NANOS, n));
                // Without a limit the values are left out, whatever they are.
                let _ = mean_limit.map(|limit| test.update(dollars, limit));
            }
            Self::MeanWatch(test) => {
                let dollars = costs.lower_edges().map(|(nanos, n)| (nanos / NANOS, n));
                let _ = mean_limit.map(|limit| test.update(dollars, limit));
            }
            Self::None => {}
        }
    }

    /// A few minutes went by: from here on the tests also bet that a change begins now.
    pub(super) fn begin_block(&mut self) {
        match self {
            Self::Share(test) => test.begin_block(),
            Self::Coin(test) => test.begin_block(),
            Self::Mean(test) => test.begin_block(),
            Self::ShareWatch(_) | Self::MeanWatch(_) | Self::None => {}
        }
    }

    /// Natural logarithm of the evidence.
    pub(super) fn ln_value(&self) -> Option<f64> {
        match self {
            Self::Share(test) => Some(test.ln_value()),
            Self::Coin(test) => Some(test.ln_value()),
            Self::Mean(test) => Some(test.ln_value()),
            Self::ShareWatch(test) => Some(test.ln_value()),
            Self::MeanWatch(test) => Some(test.ln_value()),
            Self::None => None,
        }
    }

    /// True if it is the kind for 100%.
    pub(super) const fn is_watch(&self) -> bool {
        matches!(self, Self::ShareWatch(_) | Self::MeanWatch(_))
    }
}

/// Returns the upper limit of a mean: the limit itself, or stable's mean so far plus two standard
/// errors, because it is an estimate too. `None` while stable has too few values.
pub(super) fn mean_limit(gate: &Gate, stable: &Counts) -> Option<f64> {
    match gate.limit {
        Limit::Max(most) => Some(most.get()),
        Limit::Ratio(ratio) if stable.n >= LEAST_STABLE => {
            let (mean, error) = (stable.moments.mean()?, stable.moments.standard_error()?);
            Some(ratio.get() * (mean + 2.0 * error)).filter(|limit| *limit > 0.0)
        }
        _ => None,
    }
}
