//! May it be promoted? Fixed-sample tests of "not worse than", at looks registered beforehand.
//!
//! A promotion is not urgent, so it can wait for its sample and use the stronger tests: at 5,000
//! scored units and no drift they pass 94% of the time with a margin of one percentage point; an
//! e-process passes 69%. The price is that they may be looked at only when [`Looks`] says so.

mod cost;
mod looks;
mod shares;

pub use cost::{Moments, mean_ratio};
pub use looks::{Look, Looks};
pub use shares::{against_limit, against_stable};

use crate::alpha::Alpha;

/// The result of a look.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct NonInferiority {
    /// How likely data at least this good would be if the candidate were worse by the whole margin.
    pub p_value: f64,
}

impl NonInferiority {
    /// Returns true if "worse by the whole margin" is ruled out at `alpha`.
    #[must_use]
    pub fn passes(self, alpha: Alpha) -> bool {
        self.p_value <= alpha.get()
    }
}
