//! The part of one arm's counts that one gate needs.

use super::ring::Add;
use crate::policy::{ErrorClass, Gate, Limit, Measure, Quantile, Timing};
use crate::{Calibration, Histogram, Outcome, Series, TokenKind, UnitClass};
use serde::{Deserialize, Serialize};
use stagegate_sequential::promotion::Moments;
use stagegate_sequential::{ClusterSums, DesignEffect, Tally};

/// Nano-dollars in a dollar.
pub(super) const NANOS: f64 = 1e9;

/// Counts of one arm for one gate. Which parts are used depends on the measure.
///
/// Evidence is stored every few seconds and holds thousands of these, most of them with one part
/// or two: what is nothing is not stored.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Counts {
    /// Values.
    #[serde(skip_serializing_if = "is_nothing")]
    pub(super) n: u64,
    /// Of shares: values that are bad: failed, slower than the limit.
    #[serde(skip_serializing_if = "is_nothing")]
    pub(super) bad: u64,
    /// Of means: the sum, its values' squares with it.
    #[serde(skip_serializing_if = "is_nothing")]
    pub(super) moments: Moments,
    /// Of times: the values.
    #[serde(skip_serializing_if = "is_nothing")]
    pub(super) times: Histogram,
    /// Of shares: sums over the visits of units, which say how much turns hang together.
    #[serde(skip_serializing_if = "is_nothing")]
    pub(super) visits: ClusterSums,
    /// Of costs: the totals of visits, by how much of their input came from a cache.
    #[serde(skip_serializing_if = "is_nothing")]
    pub(super) totals: Vec<Moments>,
    /// Of confidence: how far it can be believed.
    #[serde(skip_serializing_if = "is_nothing")]
    pub(super) calibration: Calibration,
}

fn is_nothing<T: Default + PartialEq>(part: &T) -> bool {
    *part == T::default()
}

impl Add for Counts {
    fn add(&mut self, other: &Self) {
        self.n += other.n;
        self.bad += other.bad;
        self.moments = self.moments.plus(other.moments);
        self.times.merge(&other.times);
        self.visits = self.visits.plus(other.visits);
        self.calibration.merge(&other.calibration);
        if self.totals.len() < other.totals.len() {
            self.totals.resize(other.totals.len(), Moments::default());
        }
        for (sum, totals) in self.totals.iter_mut().zip(&other.totals) {
            *sum = sum.plus(*totals);
        }
    }
}

impl Counts {
    /// The counts of a series for `gate`: by units, where they were counted.
    pub(super) fn of(gate: &Gate, series: &Series) -> Self {
        let mut counts = Self::of_requests(gate, series);
        if let Some(sums) = UnitClass::of(gate).and_then(|class| series.units.class(class)) {
            // Requests that nobody told the units of are units themselves.
            if sums.turns.0 > 0 {
                (counts.n, counts.bad) = sums.turns;
            }
            for (failed, turns, count) in &sums.visits {
                counts.visits.add(u64::from(*failed), u64::from(*turns), *count);
            }
        }
        if gate.measure == Measure::UsdPerRequest {
            counts.totals = series.units.costs.iter().map(dollars).collect();
        }
        counts
    }

    fn of_requests(gate: &Gate, series: &Series) -> Self {
        match &gate.measure {
            Measure::Accuracy => {
                let scores = series.scores;
                Self::share(scores.failed, scores.passed + scores.failed)
            }
            Measure::LabelledAccuracy => {
                let scores = series.scores;
                Self::share(scores.labelled_failed, scores.labelled_passed + scores.labelled_failed)
            }
            Measure::Brier | Measure::CalibrationError => {
                let calibration = series.calibration.clone();
                Self { n: calibration.count(), calibration, ..Self::default() }
            }
            // Who left without a byte was at risk of it too.
            Measure::ErrorRate { class: ErrorClass::ClientGone } => {
                Self::share(series.unanswered, blamable(series) + series.unanswered)
            }
            Measure::ErrorRate { class } => Self::share(failures(*class, series), blamable(series)),
            Measure::StageErrorRate { stage } => {
                let used = series.stage_use.get(stage).copied().unwrap_or_default();
                Self::share(used.errors, used.calls)
            }
            Measure::Latency { of, .. } => {
                let times = times_of(of, series).cloned().unwrap_or_default();
                let (bad, late) = match gate.limit {
                    Limit::Max(limit) => {
                        // Who left after the limit waited too long; who left before it may have
                        // been served in time, and says nothing.
                        let late = left_of(of, series).map_or(0, |it| it.count_above(limit.get()));
                        (times.count_above(limit.get()) + late, late)
                    }
                    _ => (0, 0),
                };
                Self { n: times.count() + late, bad, times, ..Self::default() }
            }
            Measure::TailRatio { of } => {
                let times = times_of(of, series).cloned().unwrap_or_default();
                Self { n: times.count(), times, ..Self::default() }
            }
            Measure::UsdPerRequest => {
                let moments = dollars(&series.cost_nanos);
                Self { n: series.cost_nanos.count(), moments, ..Self::default() }
            }
            // Reasoning is counted in the output already.
            Measure::TokensPerRequest => Self::tokens(series, |kind| kind != TokenKind::Reasoning),
            Measure::OutputTokensPerRequest => {
                Self::tokens(series, |kind| kind == TokenKind::Output)
            }
            Measure::DailyProjection
            | Measure::BurnRate { .. }
            | Measure::Spend { .. }
            | Measure::External(_) => Self::default(),
        }
    }

    /// The mean of the tokens of some kinds, over all requests.
    fn tokens(series: &Series, counts: impl Fn(TokenKind) -> bool) -> Self {
        let n = series.requests();
        let kinds = TokenKind::ALL.into_iter().filter(|kind| counts(*kind));
        let tokens: u64 = kinds.map(|kind| series.tokens[kind.index()]).sum();
        let mean = if n > 0 { tokens as f64 / n as f64 } else { 0.0 };
        let moments = Moments::of([(mean, n)]).unwrap_or_default();
        Self { n, moments, ..Self::default() }
    }

    fn share(bad: u64, n: u64) -> Self {
        Self { n, bad, ..Self::default() }
    }

    /// Bad values among all; what the tests of shares take.
    pub(super) fn tally(&self) -> Tally {
        Tally::of(self.bad.min(self.n), self.n).unwrap_or_default()
    }

    /// Bad values among all, in units that are worth one independent unit each.
    pub(super) fn independent(&self, effect: DesignEffect) -> Tally {
        self.tally().deflated(effect)
    }

    /// Share of bad values.
    pub(super) fn bad_share(&self) -> Option<f64> {
        (self.n > 0).then(|| self.bad as f64 / self.n as f64)
    }

    /// The estimate in the measure's unit; none without enough values to say anything.
    pub(super) fn estimate(&self, measure: &Measure) -> Option<f64> {
        match measure {
            Measure::Accuracy | Measure::LabelledAccuracy => self.bad_share().map(|bad| 1.0 - bad),
            Measure::ErrorRate { .. } | Measure::StageErrorRate { .. } => self.bad_share(),
            Measure::Brier => self.calibration.brier(),
            Measure::CalibrationError => self.calibration.error(),
            Measure::Latency { quantile, .. } => self.quantile(*quantile),
            Measure::TailRatio { .. } => {
                let tail = self.quantile(Quantile::P99)?;
                self.quantile(Quantile::P50).filter(|median| *median > 0.0).map(|m| tail / m)
            }
            Measure::UsdPerRequest
            | Measure::TokensPerRequest
            | Measure::OutputTokensPerRequest => self.moments.mean(),
            Measure::DailyProjection
            | Measure::BurnRate { .. }
            | Measure::Spend { .. }
            | Measure::External(_) => None,
        }
    }

    fn quantile(&self, quantile: Quantile) -> Option<f64> {
        let enough = self.times.count() >= quantile.least_values();
        let value = self.times.quantile(quantile.rank()).filter(|_| enough)?;
        Some(value as f64)
    }
}

/// Dollars of a histogram of nano-dollars.
fn dollars(nanos: &Histogram) -> Moments {
    let values = nanos.buckets().map(|(nanos, n)| (nanos as f64 / NANOS, n));
    // Buckets round by a per cent; the sum is exact.
    Moments::of(values).unwrap_or_default().with_sum(nanos.sum() as f64 / NANOS)
}

/// The requests that a failure rate is a share of. Requests whose client left are not counted.
pub(super) fn blamable(series: &Series) -> u64 {
    series.requests() - series.outcomes[Outcome::ClientGone.index()]
}

fn failures(class: ErrorClass, series: &Series) -> u64 {
    class.outcome().map_or(series.rejected, |outcome| series.outcomes[outcome.index()])
}

fn times_of<'a>(of: &Timing, series: &'a Series) -> Option<&'a Histogram> {
    match of {
        Timing::Total => Some(&series.duration_us),
        Timing::FirstByte => Some(&series.first_byte_us),
        Timing::BetweenChunks => Some(&series.between_chunks_us),
        Timing::Stage(name) => series.stages.get(name),
    }
}

/// How long those waited who left before the time was over.
const fn left_of<'a>(of: &Timing, series: &'a Series) -> Option<&'a Histogram> {
    match of {
        Timing::Total => Some(&series.abandoned_us),
        Timing::FirstByte => Some(&series.unanswered_us),
        Timing::BetweenChunks | Timing::Stage(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::Counts;
    use crate::policy::{Amount, Gate, Limit, Measure, Policy};
    use crate::{Series, StageUse, TokenKind};

    #[test]
    fn the_failures_of_a_stage_are_a_share_of_its_calls() {
        let mut series = Series::default();
        let used = StageUse { calls: 40, errors: 3, ..StageUse::default() };
        series.stage_use.insert("tool:search".into(), used);
        let share = |stage: &str| {
            let measure = Measure::StageErrorRate { stage: stage.into() };
            let gate = Gate::new(measure.clone(), Limit::Max(Amount::ONE));
            Counts::of(&gate, &series).estimate(&measure)
        };
        assert_eq!((share("tool:search"), share("tool:other")), (Some(0.075), None));
    }

    #[test]
    fn tokens_are_counted_once_and_those_of_the_output_apart() {
        let mut series = Series::default();
        series.outcomes[0] = 2;
        for (kind, tokens) in [
            (TokenKind::Input, 100),
            (TokenKind::CacheRead, 60),
            (TokenKind::Output, 40),
            (TokenKind::Reasoning, 30),
        ] {
            series.tokens[kind.index()] = tokens;
        }
        let gates = Policy::builtin().gates;
        let gate = gates.into_iter().find(|gate| gate.measure == Measure::UsdPerRequest);
        let gate = gate.expect("the built-in policy has a cost gate");
        let mean = |measure: Measure| {
            let gate = Gate { measure: measure.clone(), ..gate.clone() };
            Counts::of(&gate, &series).estimate(&measure)
        };
        assert_eq!(mean(Measure::TokensPerRequest), Some(100.0));
        assert_eq!(mean(Measure::OutputTokensPerRequest), Some(20.0));
    }
}
