//! The candidate against stable beside it, with a margin: is it worse by more than that?
//!
//! A ratio cannot say "0.5 percentage points": where stable hardly ever fails, ten times as often is
//! still nothing. So what is rejected is `p_c <= p_s + m`, for any `p_s`, another one every tick.
//!
//! For one alternative `(q_c, q_s)` with `q_c > q_s + m` and a tick of `n_c` and `n_s` units, `x` is
//! the point at which `n_c KL(q_c || x + m) + n_s KL(q_s || x)` is least. A candidate's unit counts
//! `q_c / (x + m)` if it fails and `(1 - q_c) / (1 - x - m)` if not, a unit of stable `q_s / x` and
//! `(1 - q_s) / (1 - x)`: the likelihood ratio against the null's nearest point (Grünwald, de Heide
//! and Koolen 2024; two samples: Turner, Ly and Grünwald 2024).
//!
//! **Why it is fair.** A factor is a straight line in its arm's failure share, `A(p)` and `B(p)`, and
//! both are 1 at the nearest point. The tick's product is on average at most
//! `exp(n_c (A(p_c) - 1) + n_s (B(p_s) - 1))`, with the mean shares of the tick's units. That `x` is the
//! least point says exactly that the bracket does not change along `p_c = p_s + m`; it is 0 there, and
//! below 0 for a better candidate, because `A` rises. So an outage of both arms is no evidence, and
//! units of one tick may differ as they like.
//!
//! Nothing of this asks for values of 0 or 1. A unit may fail in part: a conversation of eight turns
//! of which two failed counts `x = 1/4`, and its factor is the same straight line at `x`. Such values
//! spread less than 0 and 1 do, so that larger bets pay; [`Margin::for_parts`] stakes on these.

use crate::Cusum;
use crate::alpha::Alpha;
use crate::error::InvalidParameter;
use crate::process::{Accumulator, EProcess};
use crate::tally::Tally;
use serde::{Deserialize, Serialize};

/// Counts are held until both arms have this many units of a slice: see the coin.
const TOGETHER: f64 = 5.0;
/// How many slices are kept apart; further ones share the last place.
const SLICES: usize = 16;
/// Odds of the alternatives, as a multiple of those at the margin. The last ones are for candidates
/// that are broken.
const RATIOS: [f64; 14] = [1.1, 1.25, 1.4, 1.6, 1.8, 2.0, 2.3, 2.6, 3.0, 3.5, 4.5, 8.0, 20.0, 60.0];
/// The ratio that most is staked on, and how fast the stake falls off, in logarithms.
const LIKELIEST: (f64, f64) = (1.9, 0.4);
/// The same for units that may fail in part.
const LIKELIEST_OF_PARTS: (f64, f64) = (3.5, 0.6);
/// What every alternative gets in addition, in parts of the likeliest one's stake.
const FLOOR: f64 = 0.1;
/// Units of stable that are remembered to say what its share is likely to be.
const REMEMBERED: f64 = 5000.0;
/// What is assumed of stable before anything was seen: failures and units.
const ASSUMED: (f64, f64) = (0.2, 20.0);
/// Shares stay this far away from 0 and 1.
const EDGE: f64 = 1e-6;

/// Whether the candidate's failure share exceeds stable's by more than a margin; looked at at any
/// time.
pub type MarginTest = Margin<EProcess>;

/// The same without an end: see [`Cusum`].
pub type MarginCusum = Margin<Cusum>;

/// Candidate against stable with a margin, with evidence that adds up in the way of `A`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(
    try_from = "Stored<A>",
    into = "Stored<A>",
    bound(
        serialize = "A: Accumulator + Clone + Serialize",
        deserialize = "A: Accumulator + Deserialize<'de>"
    )
)]
pub struct Margin<A> {
    margin: f64,
    evidence: A,
    slices: Vec<Slice>,
}

/// What waits for the other arm, and what stable did before.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Slice {
    candidate: Units,
    stable: Units,
    before: Tally,
}

/// Units by the part of each that failed: `(part, how many)`, every part once.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Units(Vec<(f64, f64)>);

impl Units {
    fn of(tally: Tally) -> Self {
        let mut units = Self::default();
        units.add(1.0, tally.failures());
        units.add(0.0, tally.passes());
        units
    }

    fn add(&mut self, part: f64, count: f64) {
        if count > 0.0 {
            match self.0.iter_mut().find(|(own, _)| own.to_bits() == part.to_bits()) {
                Some((_, sum)) => *sum += count,
                None => self.0.push((part, count)),
            }
        }
    }

    fn merge(&mut self, other: &Self) {
        other.0.iter().for_each(|(part, count)| self.add(*part, *count));
    }

    fn total(&self) -> f64 {
        self.0.iter().map(|(_, count)| count).sum()
    }

    fn tally(&self) -> Tally {
        let failures = self.0.iter().map(|(part, count)| part * count).sum();
        Tally::new(failures, self.total()).unwrap_or_default()
    }

    /// The logarithm of the product of all units' factors: a line that is `q/p` for a failure and
    /// `(1 - q)/(1 - p)` for a pass.
    fn ln_factor(&self, q: f64, p: f64) -> f64 {
        let (failed, passed) = (q / p, (1.0 - q) / (1.0 - p));
        self.0.iter().map(|(x, count)| count * (x * failed + (1.0 - x) * passed).ln()).sum()
    }
}

#[derive(Serialize, Deserialize)]
struct Stored<A> {
    margin: f64,
    evidence: A,
    slices: Vec<Slice>,
}

fn priors((likeliest, spread): (f64, f64)) -> [f64; RATIOS.len()] {
    let stakes = RATIOS.map(|ratio| {
        let off = (ratio.ln() - likeliest.ln()) / spread;
        FLOOR + (-0.5 * off * off).exp()
    });
    let all: f64 = stakes.iter().sum();
    stakes.map(|stake| stake / all)
}

impl<A: Accumulator> Margin<A> {
    /// A test that can show that the candidate fails more often than stable by more than `margin`, a
    /// difference of shares: 0.005 is half a percentage point.
    ///
    /// # Errors
    /// When `margin` is not strictly between 0 and 1.
    pub fn new(margin: f64) -> Result<Self, InvalidParameter> {
        Self::with(margin, A::begin(&priors(LIKELIEST)), Vec::new())
    }

    /// The same for units that may fail in part: see [`Margin::update_parts`].
    ///
    /// # Errors
    /// When `margin` is not strictly between 0 and 1.
    pub fn for_parts(margin: f64) -> Result<Self, InvalidParameter> {
        Self::with(margin, A::begin(&priors(LIKELIEST_OF_PARTS)), Vec::new())
    }

    fn with(margin: f64, evidence: A, mut slices: Vec<Slice>) -> Result<Self, InvalidParameter> {
        let margin = InvalidParameter::unless_inside_unit("margin", margin)?;
        evidence.check(RATIOS.len())?;
        slices.truncate(SLICES);
        Ok(Self { margin, evidence, slices })
    }

    /// Counts both arms' units of one slice of the same time. Slices are numbered from 0; the claim is
    /// about each of them.
    pub fn update_slice(&mut self, slice: usize, candidate: Tally, stable: Tally) {
        self.update(slice, &Units::of(candidate), &Units::of(stable));
    }

    /// Counts both arms' units of the same time, as `(part that failed, how many units)`.
    ///
    /// # Errors
    /// When a part is not from 0 to 1; then nothing was counted.
    pub fn update_parts(
        &mut self,
        candidate: impl IntoIterator<Item = (f64, u64)>,
        stable: impl IntoIterator<Item = (f64, u64)>,
    ) -> Result<(), InvalidParameter> {
        fn units(parts: impl IntoIterator<Item = (f64, u64)>) -> Result<Units, InvalidParameter> {
            let mut units = Units::default();
            for (part, count) in parts {
                units.add(InvalidParameter::unless_unit("part", part)?, count as f64);
            }
            Ok(units)
        }
        let (candidate, stable) = (units(candidate)?, units(stable)?);
        self.update(0, &candidate, &stable);
        Ok(())
    }

    fn update(&mut self, slice: usize, candidate: &Units, stable: &Units) {
        let slice = slice.min(SLICES - 1);
        if slice >= self.slices.len() {
            self.slices.resize(slice + 1, Slice::default());
        }
        let Some(place) = self.slices.get_mut(slice) else { return };
        place.candidate.merge(candidate);
        place.stable.merge(stable);
        if place.candidate.total() < TOGETHER || place.stable.total() < TOGETHER {
            return;
        }
        let Slice { candidate, stable, before } = std::mem::take(place);
        let known = before.plus(stable.tally());
        place.before = known.times((REMEMBERED / known.total()).min(1.0));
        let (failures, units) = ASSUMED;
        let expected = (before.failures() + failures) / (before.total() + units);
        self.evidence.multiply(
            &RATIOS.map(|ratio| ln_factor(self.margin, ratio, expected, &candidate, &stable)),
        );
    }

    /// The margin that is tested.
    #[must_use]
    pub const fn margin(&self) -> f64 {
        self.margin
    }

    /// The logarithm of the evidence: [`Alpha::ln_threshold`] or more rejects.
    #[must_use]
    pub fn ln_value(&self) -> f64 {
        self.evidence.ln_value()
    }
}

/// The logarithm of a tick's likelihood ratio for the alternative whose odds are `ratio` times those
/// of stable's `expected` share plus the margin.
fn ln_factor(margin: f64, ratio: f64, expected: f64, candidate: &Units, stable: &Units) -> f64 {
    let of_stable = expected.min(1.0 - margin - 2.0 * EDGE).max(EDGE);
    let at = (of_stable + margin).min(1.0 - EDGE);
    let odds = at / (1.0 - at) * ratio;
    let of_candidate = (odds / (1.0 + odds)).min(1.0 - EDGE);
    if of_candidate - margin <= of_stable {
        return 0.0;
    }
    let (n_c, n_s) = (candidate.total(), stable.total());
    let slope = |x: f64| {
        let c = x + margin;
        n_c * (c - of_candidate) / (c * (1.0 - c)) + n_s * (x - of_stable) / (x * (1.0 - x))
    };
    let x = nearest(of_stable, of_candidate - margin, slope);
    candidate.ln_factor(of_candidate, x + margin) + stable.ln_factor(of_stable, x)
}

/// The place between `low` and `high` where a rising slope is 0.
fn nearest(mut low: f64, mut high: f64, slope: impl Fn(f64) -> f64) -> f64 {
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if high - low < 1e-13 {
            return middle;
        }
        if slope(middle) < 0.0 { low = middle } else { high = middle }
    }
    f64::midpoint(low, high)
}

impl MarginTest {
    /// Begins a block: see [`EProcess::begin_block`].
    pub fn begin_block(&mut self) {
        self.evidence.begin_block();
    }

    /// Whether the claim is shown at `alpha`: see [`EProcess::rejects`].
    #[must_use]
    pub fn rejects(&self, alpha: Alpha) -> bool {
        self.evidence.rejects(alpha)
    }
}

impl<A: Accumulator> TryFrom<Stored<A>> for Margin<A> {
    type Error = InvalidParameter;

    fn try_from(stored: Stored<A>) -> Result<Self, InvalidParameter> {
        Self::with(stored.margin, stored.evidence, stored.slices)
    }
}

impl<A> From<Margin<A>> for Stored<A> {
    fn from(test: Margin<A>) -> Self {
        Self { margin: test.margin, evidence: test.evidence, slices: test.slices }
    }
}

#[cfg(test)]
mod tests;
