//! A share of targeting keys, in steps of one thousandth of a per cent.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Share of targeting keys that go to the candidate, stored in 1/100000.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Default)]
#[serde(try_from = "String", into = "String")]
pub struct Weight(u32);

/// A share that is not a percentage from 0% to 100% in steps of 0.001%.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a share from 0% to 100% in steps of 0.001% (write `10%` or `0.5%`)")]
pub struct InvalidWeight(String);

impl Weight {
    /// The number of parts of the whole.
    pub const SCALE: u32 = 100_000;
    /// No keys.
    pub const ZERO: Self = Self(0);
    /// Everybody.
    pub const FULL: Self = Self(Self::SCALE);

    /// The share that is left without `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// The share in 1/100000.
    #[must_use]
    pub const fn parts(self) -> u32 {
        self.0
    }

    /// The share as a number from 0 to 1.
    #[must_use]
    pub fn ratio(self) -> f64 {
        f64::from(self.0) / f64::from(Self::SCALE)
    }

    /// Whole per cent; more than 100 is 100.
    #[must_use]
    pub const fn percent(percent: u32) -> Self {
        Self(if percent < 100 { percent * 1000 } else { Self::SCALE })
    }

    /// A share given in 1/100000.
    ///
    /// # Errors
    /// When `parts` is over [`Weight::SCALE`].
    pub fn from_parts(parts: u32) -> Result<Self, InvalidWeight> {
        if parts <= Self::SCALE {
            Ok(Self(parts))
        } else {
            Err(InvalidWeight(format!("{parts}/100000")))
        }
    }
}

impl FromStr for Weight {
    type Err = InvalidWeight;

    /// Reads `10%`, `0.5%`, `12.345 %`: decimal digits only, so that no rounding can happen.
    fn from_str(text: &str) -> Result<Self, InvalidWeight> {
        let invalid = || InvalidWeight(text.to_owned());
        let number = text.trim().strip_suffix('%').ok_or_else(invalid)?.trim_end();
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(fraction) || whole.len() > 3 || fraction.len() > 3 {
            return Err(invalid());
        }
        let whole: u32 = whole.parse().map_err(|_| invalid())?;
        let thousandths: u32 = format!("{fraction:0<3}").parse().map_err(|_| invalid())?;
        Self::from_parts(whole * 1000 + thousandths).map_err(|_| invalid())
    }
}

impl TryFrom<String> for Weight {
    type Error = InvalidWeight;

    fn try_from(text: String) -> Result<Self, InvalidWeight> {
        text.parse()
    }
}

impl From<Weight> for String {
    fn from(weight: Weight) -> Self {
        weight.to_string()
    }
}

impl fmt::Display for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0 / 1000, self.0 % 1000);
        if rest == 0 {
            return write!(f, "{whole}%");
        }
        let fraction = format!("{rest:03}");
        write!(f, "{whole}.{}%", fraction.trim_end_matches('0'))
    }
}

impl fmt::Debug for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Weight({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::Weight;
    use proptest::prelude::*;

    #[test]
    fn reads_percentages_exactly() {
        for (text, parts) in [
            ("0%", 0),
            ("1%", 1000),
            ("0.5%", 500),
            ("12.345%", 12345),
            ("100%", 100_000),
            (" 7 % ", 7000),
        ] {
            assert_eq!(text.parse::<Weight>().map(Weight::parts), Ok(parts), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_share() {
        for text in [
            "", "10", "%", "101%", "-1%", "1.2345%", "1e1%", "0x1%", "ten%", "100.001%", "1..0%",
            "٣%",
        ] {
            assert!(text.parse::<Weight>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn prints_what_it_reads(parts in 0..=Weight::SCALE) {
            let weight = Weight::from_parts(parts).expect("in range");
            prop_assert_eq!(weight.to_string().parse::<Weight>(), Ok(weight));
        }
    }
}
