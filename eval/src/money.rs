//! Money as integers: one nano-dollar is a billionth of a US dollar.

use serde::{Deserialize, Serialize};

/// Nano-dollars.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Nanos(pub u64);

impl Nanos {
    /// Nano-dollars of an amount in US dollars, rounded to the nearest; `None` for what is no
    /// amount: negative, not finite, or over 18 billion.
    #[must_use]
    pub fn of_usd(usd: f64) -> Option<Self> {
        let nanos = (usd * 1e9).round();
        (usd >= 0.0 && nanos < u64::MAX as f64).then_some(Self(nanos as u64))
    }

    /// The amount in US dollars.
    #[must_use]
    pub fn usd(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// The sum, or the largest amount there is.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The difference, or nothing where `other` is more.
    #[must_use]
    pub const fn less(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}
