//! Where the time of the answers goes: stage by stage, on both arms.

use super::blame::Blame;
use super::named::named;
use crate::{Histogram, Series};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Stages that are kept apart.
const MOST: usize = 32;
/// Answers of an arm before its mean says anything.
const LEAST: f64 = 30.0;

/// Sums of one arm over a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Sum {
    /// Microseconds, and their squares.
    us: f64,
    squares: f64,
}

impl Sum {
    fn add(&mut self, times: &Histogram) {
        self.us += times.sum() as f64;
        let squares = times.buckets().map(|(us, n)| (us as f64).powi(2) * n as f64);
        self.squares += squares.sum::<f64>();
    }

    /// The mean of `n` answers, and the variance of that mean. Answers without the stage took none of it.
    fn mean(&self, n: f64) -> (f64, f64) {
        let mean = self.us / n;
        (mean, (self.squares / n - mean * mean).max(0.0) / n)
    }
}

/// The times of one gate's step, by stage.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Stages {
    /// Of stable, and of the candidate.
    each: Vec<(Arc<str>, [Sum; 2])>,
    whole: [Sum; 2],
    answers: [u64; 2],
}

impl Stages {
    pub(super) fn is_empty(&self) -> bool {
        self.answers == [0; 2]
    }

    pub(super) fn update(&mut self, stable: &Series, candidate: &Series) {
        if stable.stages.is_empty() && candidate.stages.is_empty() {
            // Without stages there is nothing to tell apart.
            return;
        }
        for (arm, series) in [stable, candidate].into_iter().enumerate() {
            self.whole[arm].add(&series.duration_us);
            self.answers[arm] += series.duration_us.count();
            for (stage, times) in &series.stages {
                if let Some(sums) = named(&mut self.each, stage, MOST) {
                    sums[arm].add(times);
                }
            }
        }
    }

    /// The stages that explain most of a longer mean.
    pub(super) fn blame(&self) -> Vec<Blame> {
        let [stable, candidate] = self.answers.map(|n| n as f64);
        if stable < LEAST || candidate < LEAST {
            return Vec::new();
        }
        let longer = |sums: &[Sum; 2]| {
            let (own, other) = (sums[1].mean(candidate), sums[0].mean(stable));
            (own.0 - other.0, (own.1 + other.1).sqrt())
        };
        let (whole, error) = longer(&self.whole);
        if whole < 2.0 * error {
            return Vec::new();
        }
        let each = self.each.iter();
        Blame::most(
            each.filter_map(|(it, sums)| Blame::of_stage(it, longer(sums), whole)).collect(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::Stages;
    use crate::Series;

    fn series(retrieve_ms: u64, plan_ms: u64) -> Series {
        let mut series = Series::default();
        for n in 0..100 {
            let (retrieve, plan) = (1000 * retrieve_ms + n, 1000 * plan_ms + 10 * n);
            series.duration_us.record(retrieve + plan);
            series.stages.entry("retrieve".into()).or_default().record(retrieve);
            series.stages.entry("plan".into()).or_default().record(plan);
        }
        series
    }

    #[test]
    fn the_stage_that_takes_longer_is_blamed() {
        let mut stages = Stages::default();
        assert!(stages.is_empty());
        stages.update(&series(50, 20), &series(150, 22));
        let blame = stages.blame();
        assert_eq!(blame.len(), 1, "{blame:?}");
        assert_eq!(blame[0].what, "stage retrieve");
        assert!((0.9..=1.0).contains(&blame[0].share), "{blame:?}");
        let mut alike = Stages::default();
        alike.update(&series(50, 20), &series(50, 20));
        assert!(alike.blame().is_empty());
    }
}
