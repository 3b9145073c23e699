//! Do promotion looks pass as often as `plan` says, and a candidate that is worse by the margin
//! at most as often as alpha allows?

use crate::rng::Rng;
use crate::scenario::NORMAL;
use anyhow::Result;
use stagegate_sequential::{Alpha, Tally, interval, plan, promotion};

const MARGIN: f64 = 0.01;
/// Stable's scored responses per candidate's.
const STABLE: u64 = 10;
/// The accepted error of the normal approximation, in the probability to pass.
const APPROXIMATION: f64 = 0.02;

/// One row of the table: candidates of one drift at one size.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Scored candidate responses.
    pub units: u64,
    /// The difference of its failure share to stable's.
    pub drift: f64,
    /// Counts of looks that pass.
    pub passed: Tally,
    /// Counts of looks that pass the naive rule "observed drift below the margin".
    pub naive: Tally,
    /// The probability that the plan predicts.
    pub planned: f64,
}

/// Simulates all rows.
///
/// # Errors
/// Never with these constants.
pub fn simulate(runs: u64, seed: u64) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for units in [250, 1000, 5000, 20_000] {
        for drift in [0.0, 0.005, MARGIN, 0.02] {
            let mut rng = Rng::new(seed, 1000 + units, (drift * 1e6) as u64);
            let (mut passed, mut naive) = (0, 0);
            for _ in 0..runs {
                let candidate = Tally::of(rng.binomial(units, NORMAL + drift), units)?;
                let stable = Tally::of(rng.binomial(units * STABLE, NORMAL), units * STABLE)?;
                let look = promotion::against_stable(candidate, stable, MARGIN)?;
                passed += u64::from(look.passes(Alpha::PROMOTION));
                let observed = candidate.share().zip(stable.share()).map(|(c, s)| c - s);
                naive += u64::from(observed.is_some_and(|drift| drift < MARGIN));
            }
            let stable_units = (units * STABLE) as f64;
            let planned = plan::chance_against_stable(
                (NORMAL + drift, units as f64),
                (NORMAL, stable_units),
                MARGIN,
                Alpha::PROMOTION,
            )?;
            let (passed, naive) = (Tally::of(passed, runs)?, Tally::of(naive, runs)?);
            rows.push(Row { units, drift, passed, naive, planned });
        }
    }
    Ok(rows)
}

impl Row {
    /// The heading of [`Self::row`]'s columns.
    pub const HEADING: &str = "| scored candidate responses | true drift | look passes | plan said | \"observed drift < 1 pp\" passes |\n\
                               |---:|---:|---:|---:|---:|";

    /// One row of a Markdown table.
    #[must_use]
    pub fn row(&self) -> String {
        let share = |tally: Tally| tally.share().unwrap_or(0.0) * 100.0;
        format!(
            "| {} | {:.1} pp | {:.1}% | {:.1}% | {:.1}% |",
            self.units,
            self.drift * 100.0,
            share(self.passed),
            self.planned * 100.0,
            share(self.naive)
        )
    }

    /// The promise that this breaks, if it does.
    #[must_use]
    pub fn broken_promise(&self) -> Option<String> {
        let bounds = interval::at_one_look(self.passed, Alpha::ROLLBACK);
        let what = format!("promotion at {} units, drift {}", self.units, self.drift);
        // The score test is approximate; half a point over alpha is its known error here.
        if self.drift >= MARGIN && bounds.low > Alpha::PROMOTION.get() + 0.005 {
            return Some(format!("{what}: passes {:.1}%, 5% promised", bounds.low * 100.0));
        }
        let far =
            self.planned < bounds.low - APPROXIMATION || self.planned > bounds.high + APPROXIMATION;
        far.then(|| format!("{what}: the plan said {:.1}%", self.planned * 100.0))
    }
}
