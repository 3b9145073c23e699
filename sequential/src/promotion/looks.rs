//! When a promotion may look at its data, and how much of alpha each look may use.

use crate::alpha::Alpha;
use crate::error::InvalidParameter;
use serde::{Deserialize, Serialize};

/// The part of alpha that the first look uses.
const FIRST: f64 = 0.9;

/// The schedule of a promotion's looks.
///
/// The first is at the planned number of units and uses nine tenths of alpha. If it does not pass,
/// each further one comes when the units have doubled since, and uses half of what is left. All
/// looks together stay within alpha however many there are (union bound), and a rollout whose
/// first look was unlucky is not lost.
///
/// Looks happen by the number of units alone, so take them when they are due, before anyone has
/// seen the estimate, and keep the answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Looks {
    alpha: Alpha,
    taken: u32,
    next_at: u64,
}

/// One look that is due.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Look {
    /// The how-manieth it is, from 0 on.
    pub index: u32,
    /// The part of alpha that it may use.
    pub alpha: Alpha,
}

impl Looks {
    /// Looks from `first_at` units on that together use `alpha`.
    ///
    /// # Errors
    /// When `first_at` is 0.
    pub fn new(first_at: u64, alpha: Alpha) -> Result<Self, InvalidParameter> {
        let (value, expected) = (first_at as f64, "a number of units from 1 on");
        InvalidParameter::unless(first_at > 0, "first_at", value, expected)?;
        Ok(Self { alpha, taken: 0, next_at: first_at })
    }

    /// The next look comes at this many units.
    #[must_use]
    pub const fn next_at(&self) -> u64 {
        self.next_at
    }

    /// Number of looks taken.
    #[must_use]
    pub const fn taken(&self) -> u32 {
        self.taken
    }

    /// Returns the alpha of the next look, due or not.
    #[must_use]
    pub fn next(&self) -> Look {
        // 0.9, 0.05, 0.025, ...; after 1000 halvings a float has none left, which passes nothing.
        let part = match i32::try_from(self.taken) {
            Ok(0) => FIRST,
            Ok(later) => (1.0 - FIRST) * 0.5f64.powi(later.min(1000)),
            Err(_) => (1.0 - FIRST) * 0.5f64.powi(1000),
        };
        Look { index: self.taken, alpha: self.alpha.scaled(part) }
    }

    /// Takes the look that is due at `units`, if one is. It then is used up: the caller decides by
    /// it and keeps the answer.
    pub fn take(&mut self, units: u64) -> Option<Look> {
        if units < self.next_at {
            return None;
        }
        let look = self.next();
        self.taken = self.taken.saturating_add(1);
        self.next_at = units.saturating_mul(2);
        Some(look)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_look_uses_most_and_all_together_stay_within_alpha() {
        let mut looks = Looks::new(5000, Alpha::PROMOTION).expect("a schedule");
        assert_eq!(looks.take(4999), None);
        let first = looks.take(5200).expect("due");
        assert_eq!(first.index, 0);
        assert!((first.alpha.get() - 0.045).abs() < 1e-12);
        assert_eq!(looks.take(10_399), None, "doubled since the look that was taken");
        let second = looks.take(10_400).expect("due").alpha.get();
        assert!((second - 0.0025).abs() < 1e-12);
        let mut spent = first.alpha.get() + second;
        while let Some(look) = looks.take(looks.next_at()) {
            spent += look.alpha.get();
            if look.index > 60 {
                break;
            }
        }
        assert!(spent <= 0.05 + 1e-12, "{spent}");
    }

    #[test]
    fn a_schedule_survives_being_stored() {
        let mut looks = Looks::new(250, Alpha::PROMOTION).expect("a schedule");
        looks.take(300);
        let text = serde_json::to_string(&looks).expect("text");
        assert_eq!(serde_json::from_str::<Looks>(&text).expect("a schedule"), looks);
    }

    #[test]
    fn no_units_are_no_sample() {
        let error = Looks::new(0, Alpha::PROMOTION).expect_err("none").to_string();
        assert_eq!(error, "`first_at` is 0: it must be a number of units from 1 on");
    }
}
