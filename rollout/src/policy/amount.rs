//! A number of a policy: never negative, never infinite, and the same after every restart.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A limit, margin or ratio in billionths. Its unit is that of what it limits: shares from 0 to 1,
/// microseconds, dollars, tokens, or a plain ratio.
///
/// Whole billionths and not a float, so that a stored policy equals the one that was stored.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Amount(u64);

/// A number that is no [`Amount`].
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("`{0}` is not a number from 0 to 10000000000")]
pub struct InvalidAmount(f64);

impl Amount {
    const SCALE: f64 = 1e9;
    /// Ten billion: nearly three hours in microseconds.
    const LARGEST: f64 = 1e10;
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// One: all of a share, or a ratio that asks for no difference.
    pub const ONE: Self = Self(1_000_000_000);

    /// An amount, to the nearest billionth.
    ///
    /// # Errors
    /// When `number` is negative, not finite or over ten billion.
    pub fn new(number: f64) -> Result<Self, InvalidAmount> {
        if (0.0..=Self::LARGEST).contains(&number) {
            Ok(Self((number * Self::SCALE).round() as u64))
        } else {
            Err(InvalidAmount(number))
        }
    }

    /// `count` thousandths.
    #[must_use]
    pub const fn thousandths(count: u32) -> Self {
        Self(count as u64 * 1_000_000)
    }

    /// `count` whole units.
    #[must_use]
    pub const fn whole(count: u32) -> Self {
        Self(count as u64 * 1_000_000_000)
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> f64 {
        self.0 as f64 / Self::SCALE
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.get())
    }
}

impl fmt::Debug for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Amount({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::Amount;
    use proptest::prelude::*;

    #[test]
    fn refuses_what_is_no_amount() {
        for number in [-1e-9, f64::NAN, f64::INFINITY, 1.1e10] {
            assert!(Amount::new(number).is_err(), "{number}");
        }
    }

    proptest! {
        #[test]
        fn gives_back_what_it_was_given(thousandths in 0u32..=100_000_000) {
            let number = f64::from(thousandths) / 1000.0;
            let amount = Amount::new(number).expect("in range");
            prop_assert_eq!(amount, Amount::thousandths(thousandths));
            prop_assert_eq!(amount.get(), number);
            let stored = serde_json::to_string(&amount).expect("serialises");
            prop_assert_eq!(serde_json::from_str::<Amount>(&stored).expect("reads back"), amount);
        }
    }
}
