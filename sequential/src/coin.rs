//! The candidate against stable beside it: whose failure is it?
//!
//! Of units that fail at the same rate in both arms, a failure is the candidate's with
//! probability `w`, its share among the units. If the candidate fails `r` times as often, it is
//! `w r / (w r + 1 - w)`. So every failure is the throw of a coin with a known bias, and whatever
//! moves both arms alike (an outage of the provider, the hour of the day) cancels.

use crate::Cusum;
use crate::alpha::Alpha;
use crate::error::InvalidParameter;
use crate::process::{Accumulator, EProcess};
use crate::share::{Claim, priors};
use crate::tally::Tally;
use serde::{Deserialize, Serialize};

/// Counts are held until both arms have this many units of a slice. A tick with one arm only has
/// nothing to compare, and at one request a tick no tick would ever have both. Only numbers of
/// units decide, never outcomes, so the hold does not bias.
const TOGETHER: f64 = 5.0;

/// How many slices are kept apart; further ones share the last place.
const SLICES: usize = 64;

/// Tests if the candidate fails more (or less) than `r0` times as often as stable; may be checked
/// at any time.
pub type CoinTest = Coin<EProcess>;

/// The same without an end: see [`Cusum`].
pub type CoinCusum = Coin<Cusum>;

/// Candidate against stable, with evidence that adds up in the way of `A`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(
    try_from = "Stored<A>",
    into = "Stored<A>",
    bound(
        serialize = "A: Accumulator + Clone + Serialize",
        deserialize = "A: Accumulator + Deserialize<'de>"
    )
)]
pub struct Coin<A> {
    r0: f64,
    claim: Claim,
    /// Per alternative, the odds ratio and its logarithm.
    ratios: [(f64, f64); Claim::ALTERNATIVES],
    evidence: A,
    /// Per slice, what waits for the other arm.
    held: Vec<Pair>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Pair {
    candidate: Tally,
    stable: Tally,
}

#[derive(Serialize, Deserialize)]
struct Stored<A> {
    r0: f64,
    claim: Claim,
    evidence: A,
    held: Vec<Pair>,
}

impl<A: Accumulator> Coin<A> {
    /// A test that can show that the candidate's failure rate is above (below) `r0` times that of
    /// stable. A rollback asks for above 1.
    ///
    /// # Errors
    /// When `r0` is not a number above 0.
    pub fn new(r0: f64, claim: Claim) -> Result<Self, InvalidParameter> {
        Self::with(r0, claim, A::begin(&priors()), Vec::new())
    }

    fn with(
        r0: f64,
        claim: Claim,
        evidence: A,
        mut held: Vec<Pair>,
    ) -> Result<Self, InvalidParameter> {
        let r0 = InvalidParameter::unless_positive("r0", r0)?;
        evidence.check(Claim::ALTERNATIVES)?;
        held.truncate(SLICES);
        Ok(Self { r0, claim, ratios: claim.ln_ratios().map(|g| (g.exp(), g)), evidence, held })
    }

    /// Counts both arms' units of the same time that were not counted before.
    pub fn update(&mut self, candidate: Tally, stable: Tally) {
        self.update_slice(0, candidate, stable);
    }

    /// Counts both arms' units of one slice (a tenant class, a kind of task). Each slice has its
    /// own `w`, so that a mix that differs between the arms is no evidence. Slices are numbered
    /// from 0; those from 63 on are one.
    pub fn update_slice(&mut self, slice: usize, candidate: Tally, stable: Tally) {
        let slice = slice.min(SLICES - 1);
        if slice >= self.held.len() {
            self.held.resize(slice + 1, Pair::default());
        }
        let Some(place) = self.held.get_mut(slice) else { return };
        place.candidate = place.candidate.plus(candidate);
        place.stable = place.stable.plus(stable);
        let Pair { candidate, stable } = *place;
        if candidate.total() < TOGETHER || stable.total() < TOGETHER {
            return;
        }
        *place = Pair::default();
        let failures = candidate.failures() + stable.failures();
        // Rates in units of stable's failure rate: the candidate's at r0, and all.
        let expected = candidate.total() * self.r0;
        let all = expected + stable.total();
        let of = |(g, ln_g): (f64, f64)| {
            candidate.failures() * ln_g - failures * (expected / all * (g - 1.0)).ln_1p()
        };
        self.evidence.multiply(&self.ratios.map(of));
    }

    /// The ratio of failure rates that is tested.
    #[must_use]
    pub const fn r0(&self) -> f64 {
        self.r0
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

impl CoinTest {
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

impl CoinCusum {
    /// Returns true if the evidence is at least `level`: see [`Cusum::alarms`].
    #[must_use]
    pub fn alarms(&self, level: f64) -> bool {
        self.evidence.alarms(level)
    }

    /// Forgets everything: see [`Cusum::reset`].
    pub fn reset(&mut self) {
        self.evidence.reset();
        self.held.clear();
    }
}

impl<A: Accumulator> TryFrom<Stored<A>> for Coin<A> {
    type Error = InvalidParameter;

    fn try_from(stored: Stored<A>) -> Result<Self, InvalidParameter> {
        Self::with(stored.r0, stored.claim, stored.evidence, stored.held)
    }
}

impl<A> From<Coin<A>> for Stored<A> {
    fn from(test: Coin<A>) -> Self {
        Self { r0: test.r0, claim: test.claim, evidence: test.evidence, held: test.held }
    }
}
