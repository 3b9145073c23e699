//! Counts of units and of their failures.

use crate::clustering::DesignEffect;
use crate::error::InvalidParameter;
use serde::{Deserialize, Serialize};

/// Failures among counted units.
///
/// A *unit* is independent of the other units: one conversation, or one request if requests are
/// independent. Both numbers are kept as floats, exact up to 2^53, because [`Tally::deflated`]
/// makes fractions of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct Tally {
    failures: f64,
    total: f64,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    failures: f64,
    total: f64,
}

impl Tally {
    /// `failures` of `total` units failed.
    ///
    /// # Errors
    /// When there are more failures than units, or a number is negative or not finite.
    pub fn new(failures: f64, total: f64) -> Result<Self, InvalidParameter> {
        let finite = total >= 0.0 && total.is_finite();
        InvalidParameter::unless(finite, "total", total, "a number from 0 on")?;
        let within = failures >= 0.0 && failures <= total;
        InvalidParameter::unless(within, "failures", failures, "from 0 to `total`")?;
        Ok(Self { failures, total })
    }

    /// `failures` of `total` units failed.
    ///
    /// # Errors
    /// When there are more failures than units.
    pub fn of(failures: u64, total: u64) -> Result<Self, InvalidParameter> {
        Self::new(failures as f64, total as f64)
    }

    /// Number of failures.
    #[must_use]
    pub const fn failures(self) -> f64 {
        self.failures
    }

    /// Number of units.
    #[must_use]
    pub const fn total(self) -> f64 {
        self.total
    }

    /// Number of passes.
    #[must_use]
    pub fn passes(self) -> f64 {
        self.total - self.failures
    }

    /// Failures per unit; `None` while nothing was counted.
    #[must_use]
    pub fn share(self) -> Option<f64> {
        (self.total > 0.0).then(|| self.failures / self.total)
    }

    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self { failures: self.failures + other.failures, total: self.total + other.total }
    }

    /// So many times as much, for a memory that fades.
    pub(crate) fn times(self, part: f64) -> Self {
        Self { failures: self.failures * part, total: self.total * part }
    }

    /// Converts the counts into independent units.
    ///
    /// An approximation: the variance becomes right, rare long runs of failures remain. With
    /// conversations of five turns a good candidate was rolled back in 1.3% of simulated steps
    /// instead of at most 1% (13% if every turn counts). One unit per conversation is exact.
    #[must_use]
    pub fn deflated(self, by: DesignEffect) -> Self {
        Self { failures: self.failures / by.get(), total: self.total / by.get() }
    }
}

impl TryFrom<Stored> for Tally {
    type Error = InvalidParameter;

    fn try_from(stored: Stored) -> Result<Self, InvalidParameter> {
        Self::new(stored.failures, stored.total)
    }
}

impl From<Tally> for Stored {
    fn from(tally: Tally) -> Self {
        Self { failures: tally.failures, total: tally.total }
    }
}

#[cfg(test)]
mod tests {
    use super::Tally;
    use crate::clustering::DesignEffect;

    #[test]
    fn more_failures_than_units_are_refused_by_name() {
        let error = Tally::of(3, 2).expect_err("too many").to_string();
        assert_eq!(error, "`failures` is 3: it must be from 0 to `total`");
        assert!(Tally::new(f64::NAN, 2.0).is_err());
        assert!(Tally::new(0.0, f64::INFINITY).is_err());
        assert!(serde_json::from_str::<Tally>(r#"{"failures":3,"total":2}"#).is_err());
    }

    #[test]
    fn five_turns_of_one_conversation_are_worth_less_than_five_conversations() {
        let effect = DesignEffect::of_clusters(5.0, 0.25).expect("a design effect");
        let counted = Tally::of(30, 500).expect("counts").deflated(effect);
        assert_eq!((counted.failures(), counted.total()), (15.0, 250.0));
        assert_eq!(counted.share(), Some(0.06));
    }
}
