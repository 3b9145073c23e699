//! From a targeting key to a bucket.
//!
//! `bucket = (murmur3_x86_32(salt ++ key, seed 0) * 100000) >> 32`: the `fractional` operator of
//! flagd (v2) with the candidate listed first, so that anyone with a flagd can recompute it.

use crate::Weight;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// The salt that is hashed before the key. Every kind of decision has its own salt, and every
/// rollout another: with one salt for two decisions, a 1% sample *is* the 1% candidate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Salt(Arc<str>);

impl Salt {
    /// A salt with this text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// The text that is hashed before the key.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The bucket of `key` under this salt.
    #[must_use]
    pub fn bucket(&self, key: &str) -> Bucket {
        let mut hash = Murmur3::default();
        hash.update(self.0.as_bytes());
        hash.update(key.as_bytes());
        Bucket(((u64::from(hash.finish()) * u64::from(Weight::SCALE)) >> 32) as u32)
    }
}

impl fmt::Display for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The bucket of a key: 0 to 99999. A key belongs to the candidate exactly if its bucket is below
/// the weight, so a larger weight only adds keys and a smaller one only removes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Bucket(u32);

impl Bucket {
    /// True if the bucket lies below `weight`.
    #[must_use]
    pub const fn is_below(self, weight: Weight) -> bool {
        self.0 < weight.parts()
    }

    /// The bucket's number, 0 to 99999.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }
}

/// MurmurHash3 x86 32-bit of `bytes` with seed 0 (Austin Appleby's public-domain definition).
#[must_use]
pub fn murmur3_x86_32(bytes: &[u8]) -> u32 {
    let mut hash = Murmur3::default();
    hash.update(bytes);
    hash.finish()
}

/// The hash over several pieces, so that salt and key need not be joined in memory.
#[derive(Default)]
struct Murmur3 {
    state: u32,
    len: u32,
    /// Bytes of an unfinished four-byte block, little endian, and how many there are.
    tail: u32,
    tail_len: u32,
}

impl Murmur3 {
    fn update(&mut self, mut bytes: &[u8]) {
        self.len = self.len.wrapping_add(bytes.len() as u32);
        while self.tail_len != 0 {
            let Some((&first, rest)) = bytes.split_first() else { return };
            self.push(first);
            bytes = rest;
        }
        let (blocks, rest) = bytes.as_chunks::<4>();
        for block in blocks {
            self.mix(u32::from_le_bytes(*block));
        }
        for &byte in rest {
            self.push(byte);
        }
    }

    fn push(&mut self, byte: u8) {
        self.tail |= u32::from(byte) << (8 * self.tail_len);
        self.tail_len += 1;
        if self.tail_len == 4 {
            self.mix(self.tail);
            self.tail = 0;
            self.tail_len = 0;
        }
    }

    fn mix(&mut self, block: u32) {
        self.state ^= Self::scramble(block);
        self.state = self.state.rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64);
    }

    const fn scramble(block: u32) -> u32 {
        block.wrapping_mul(0xcc9e_2d51).rotate_left(15).wrapping_mul(0x1b87_3593)
    }

    fn finish(&self) -> u32 {
        let mut h = self.state ^ Self::scramble(self.tail);
        h ^= self.len;
        h ^= h >> 16;
        h = h.wrapping_mul(0x85eb_ca6b);
        h ^= h >> 13;
        h = h.wrapping_mul(0xc2b2_ae35);
        h ^ (h >> 16)
    }
}

#[cfg(test)]
mod tests {
    use super::{Salt, murmur3_x86_32};
    use crate::Weight;
    use proptest::prelude::*;

    #[test]
    fn agrees_with_flagd() {
        assert_eq!(murmur3_x86_32(b"fractional-flagjack"), 0x9fe8_43e0);
    }

    #[test]
    fn two_salts_choose_independently() {
        let weight: Weight = "10%".parse().expect("valid");
        let (a, b) = (Salt::new("rollout-1:"), Salt::new("sample:"));
        let keys = (0..100_000).map(|n| format!("user-{n}"));
        let (mut in_a, mut in_both) = (0, 0);
        for key in keys {
            let chosen = a.bucket(&key).is_below(weight);
            in_a += u32::from(chosen);
            in_both += u32::from(chosen && b.bucket(&key).is_below(weight));
        }
        let share = f64::from(in_both) / f64::from(in_a);
        assert!(
            (0.08..0.12).contains(&share),
            "10% of the candidate's keys are sampled, not {share}"
        );
    }

    proptest! {
        #[test]
        fn agrees_with_the_reference_however_it_is_cut(bytes: Vec<u8>, cut: prop::sample::Index) {
            let reference = murmur3::murmur3_32(&mut std::io::Cursor::new(&bytes), 0).expect("in memory");
            prop_assert_eq!(murmur3_x86_32(&bytes), reference);
            let cut = if bytes.is_empty() { 0 } else { cut.index(bytes.len()) };
            let mut hash = super::Murmur3::default();
            hash.update(&bytes[..cut]);
            hash.update(&bytes[cut..]);
            prop_assert_eq!(hash.finish(), reference);
        }

        #[test]
        fn a_growing_weight_only_adds_keys(key: String, salt: String, low in 0u32..=100_000, more in 0u32..=100_000) {
            let low_weight = Weight::from_parts(low).expect("in range");
            let high_weight = Weight::from_parts((low + more).min(100_000)).expect("in range");
            let bucket = Salt::new(&salt).bucket(&key);
            prop_assert!(!bucket.is_below(low_weight) || bucket.is_below(high_weight));
        }
    }
}
