//! The three ways in which flagd's implementations divide keys by percentage.

use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// How `fractional` turns a key into a bucket.
///
/// The implementations of flagd differ, and a change of the way gives most keys another variant. So
/// it is said for each set of flags.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Bucketing {
    /// As flagd before 0.15: the absolute value of the hash as a share of 2^31, in per cent.
    V1,
    /// As flagd 0.16 (Go) and `@openfeature/flagd-core` 4 (JavaScript):
    /// `(murmur3_x86_32(text) * total weight) >> 32`.
    #[default]
    V2,
    /// As `openfeature-flagd-core` 2 (Python): as v2, and the hash is taken over the key in canonical CBOR.
    V3,
}

impl Bucketing {
    /// Every way, the oldest first.
    pub const ALL: [Self; 3] = [Self::V1, Self::V2, Self::V3];

    /// The word used in files.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::V2 => "v2",
            Self::V3 => "v3",
        }
    }
}

impl fmt::Display for Bucketing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

/// A word that names no bucketing.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("`{0}` is no bucketing: write v1, v2 or v3")]
pub struct UnknownBucketing(String);

impl FromStr for Bucketing {
    type Err = UnknownBucketing;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let all = Self::ALL.into_iter();
        all.into_iter()
            .find(|bucketing| bucketing.label() == text)
            .ok_or_else(|| UnknownBucketing(text.to_owned()))
    }
}
