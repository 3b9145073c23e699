//! One stream of units against a limit on the share that fails.
//!
//! For odds ratios `g_j`, every failure multiplies the wealth of alternative j by `g_j`, every
//! unit divides it by `1 + p0 (g_j - 1)`. That is the likelihood ratio `q/p0` or
//! `(1-q)/(1-p0)` of the failure share `q` whose odds are `g_j` times those of `p0`, and it pays
//! at most 1 on average for every `p <= p0` (for `g > 1`), whatever `p` does from unit to unit.

use crate::Cusum;
use crate::alpha::Alpha;
use crate::error::InvalidParameter;
use crate::process::{Accumulator, EProcess};
use crate::tally::Tally;
use serde::{Deserialize, Serialize};

/// The claim that a test can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Claim {
    /// More than the limit: rejects "at most". What a rollback needs.
    Above,
    /// Less than the limit: rejects "at least". What a proof of health needs.
    Below,
}

impl Claim {
    /// Number of alternatives to the rejected hypothesis.
    pub(crate) const ALTERNATIVES: usize = 12;

    /// The j-th alternative's odds ratio and the logarithm of it: geometric from 1.1 to 4, or from
    /// 1/1.1 down to 1/4.
    fn ln_ratio(self, j: usize) -> f64 {
        let (first, last) = (1.1f64.ln(), 4.0f64.ln());
        let ln_ratio = first + (last - first) * j as f64 / (Self::ALTERNATIVES - 1) as f64;
        match self {
            Self::Above => ln_ratio,
            Self::Below => -ln_ratio,
        }
    }

    /// The logarithms of all odds ratios.
    pub(crate) fn ln_ratios(self) -> [f64; Self::ALTERNATIVES] {
        std::array::from_fn(|j| self.ln_ratio(j))
    }
}

/// The odds ratio that most is staked on: near a doubling, the least that is worth a rollback at
/// once. Smaller ones are found in the long run anyway, larger ones in a few failures.
const LIKELIEST: f64 = 1.9;
/// How fast the stake falls off around it, in logarithms.
const SPREAD: f64 = 0.35;
/// The minimum stake of every alternative, as a part of the likeliest one's stake.
const FLOOR: f64 = 0.1;

/// The alternatives' parts of the stake. Chosen by simulation: against equal parts the median
/// delays of a doubled failure rate are 3 to 5% shorter.
pub(crate) fn priors() -> [f64; Claim::ALTERNATIVES] {
    let stakes = Claim::Above.ln_ratios().map(|ln_ratio| {
        let off = (ln_ratio - LIKELIEST.ln()) / SPREAD;
        FLOOR + (-0.5 * off * off).exp()
    });
    let all: f64 = stakes.iter().sum();
    stakes.map(|stake| stake / all)
}

/// Tests if the share of failing units is above (or below) a limit; may be checked at any time.
///
/// "p99 below the SLO" is such a share too: requests slower than the SLO, limit 1%.
pub type ShareTest = Share<EProcess>;

/// The same without an end: see [`Cusum`].
pub type ShareCusum = Share<Cusum>;

/// A share against a limit, with evidence that adds up in the way of `A`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(
    try_from = "Stored<A>",
    into = "Stored<A>",
    bound(
        serialize = "A: Accumulator + Clone + Serialize",
        deserialize = "A: Accumulator + Deserialize<'de>"
    )
)]
pub struct Share<A> {
    limit: f64,
    claim: Claim,
    /// Per alternative: what a failure adds and what every unit takes off.
    ln_steps: [(f64, f64); Claim::ALTERNATIVES],
    evidence: A,
}

#[derive(Serialize, Deserialize)]
struct Stored<A> {
    limit: f64,
    claim: Claim,
    evidence: A,
}

impl<A: Accumulator> Share<A> {
    /// A test that can show that the share is above (below) `limit`.
    ///
    /// # Errors
    /// When `limit` is not strictly between 0 and 1.
    pub fn new(limit: f64, claim: Claim) -> Result<Self, InvalidParameter> {
        Self::with(limit, claim, A::begin(&priors()))
    }

    fn with(limit: f64, claim: Claim, evidence: A) -> Result<Self, InvalidParameter> {
        let limit = InvalidParameter::unless_inside_unit("limit", limit)?;
        evidence.check(Claim::ALTERNATIVES)?;
        let ln_steps = claim.ln_ratios().map(|g| (g, (limit * g.exp_m1()).ln_1p()));
        Ok(Self { limit, claim, ln_steps, evidence })
    }

    /// Counts units that were not counted before.
    pub fn update(&mut self, counted: Tally) {
        if counted.total() > 0.0 {
            let of =
                |(failure, unit): (f64, f64)| counted.failures() * failure - counted.total() * unit;
            self.evidence.multiply(&self.ln_steps.map(of));
        }
    }

    /// Counts units that failed by degrees, as `(how far from 0 to 1, how many)`: a score's distance
    /// from the best, or the share of a conversation's turns that failed. The test then is about
    /// their mean.
    ///
    /// Every unit's factor is the straight line between those of a pass and of a failure, so what
    /// holds of the latter holds of all (Waudby-Smith and Ramdas 2024). [`Share::update`] with the
    /// degrees added up would be valid too, but hardly ever find anything.
    ///
    /// # Errors
    /// When a degree is not from 0 to 1; then nothing was counted.
    pub fn update_graded(
        &mut self,
        units: impl IntoIterator<Item = (f64, u64)>,
    ) -> Result<(), InvalidParameter> {
        let mut ln_factors = [0.0; Claim::ALTERNATIVES];
        let mut counted = false;
        for (degree, count) in units {
            let valid = (0.0..=1.0).contains(&degree);
            InvalidParameter::unless(valid, "degree", degree, "from 0 to 1")?;
            for (ln_factor, (failure, unit)) in ln_factors.iter_mut().zip(self.ln_steps) {
                *ln_factor += count as f64 * ((degree * failure.exp_m1()).ln_1p() - unit);
            }
            counted |= count > 0;
        }
        if counted {
            self.evidence.multiply(&ln_factors);
        }
        Ok(())
    }

    /// The limit.
    #[must_use]
    pub const fn limit(&self) -> f64 {
        self.limit
    }

    /// Returns the claim that the test can show.
    #[must_use]
    pub const fn claim(&self) -> Claim {
        self.claim
    }

    /// The evidence.
    #[must_use]
    pub const fn evidence(&self) -> &A {
        &self.evidence
    }

    /// The logarithm of the evidence: [`Alpha::ln_threshold`] or more rejects.
    #[must_use]
    pub fn ln_value(&self) -> f64 {
        self.evidence.ln_value()
    }
}

impl ShareTest {
    /// Begins a block: see [`EProcess::begin_block`].
    pub fn begin_block(&mut self) {
        self.evidence.begin_block();
    }

    /// Returns true if the claim is shown at `alpha`: see [`EProcess::rejects`].
    #[must_use]
    pub fn rejects(&self, alpha: Alpha) -> bool {
        self.evidence.rejects(alpha)
    }
}

impl ShareCusum {
    /// Returns true if the evidence is at least `level`: see [`Cusum::alarms`].
    #[must_use]
    pub fn alarms(&self, level: f64) -> bool {
        self.evidence.alarms(level)
    }

    /// Forgets everything: see [`Cusum::reset`].
    pub fn reset(&mut self) {
        self.evidence.reset();
    }
}

impl<A: Accumulator> TryFrom<Stored<A>> for Share<A> {
    type Error = InvalidParameter;

    fn try_from(stored: Stored<A>) -> Result<Self, InvalidParameter> {
        Self::with(stored.limit, stored.claim, stored.evidence)
    }
}

impl<A> From<Share<A>> for Stored<A> {
    fn from(test: Share<A>) -> Self {
        Self { limit: test.limit, claim: test.claim, evidence: test.evidence }
    }
}
