//! Seeded mutations of known inputs. The same seed makes the same inputs on every machine.

use crate::Target;

/// Longest input made.
const LONGEST: usize = 8 * 1024;

/// Makes inputs for one target.
#[derive(Debug)]
pub struct Mutator {
    target: &'static Target,
    state: u64,
    /// Inputs to begin from; grows a little, so that mutations pile up.
    pool: Vec<Vec<u8>>,
}

impl Mutator {
    /// A mutator that begins from the target's seeds.
    #[must_use]
    pub fn new(target: &'static Target, seed: u64) -> Self {
        let pool = target.seeds.iter().map(|seed| seed.to_vec()).collect();
        Self { target, state: seed, pool }
    }

    /// The next input.
    pub fn next_input(&mut self) -> Vec<u8> {
        let at = self.below(self.pool.len());
        let mut input = self.pool[at].clone();
        for _ in 0..=self.below(4) {
            self.mutate(&mut input);
        }
        input.truncate(LONGEST);
        if self.below(16) == 0 {
            let seeds = self.target.seeds.len();
            if self.pool.len() < seeds + 256 {
                self.pool.push(input.clone());
            } else {
                let at = seeds + self.below(256);
                self.pool[at].clone_from(&input);
            }
        }
        input
    }

    fn mutate(&mut self, input: &mut Vec<u8>) {
        let at = self.below(input.len() + 1);
        match self.below(7) {
            0 if at < input.len() => input[at] ^= 1 << self.below(8),
            1 if at < input.len() => input[at] = self.next_u64() as u8,
            2 => {
                let end = (at + 1 + self.below(16)).min(input.len());
                input.drain(at.min(end)..end);
            }
            3 => {
                let end = (at + 1 + self.below(64)).min(input.len());
                let again = input[at.min(end)..end].to_vec();
                input.splice(at..at, again);
            }
            4 => {
                let other = self.below(self.pool.len());
                let from = self.below(self.pool[other].len() + 1);
                let tail = self.pool[other][from..].to_vec();
                input.truncate(at);
                input.extend(tail);
            }
            _ if !self.target.dictionary.is_empty() => {
                let word = self.target.dictionary[self.below(self.target.dictionary.len())];
                let over = if self.below(2) == 0 { word.len() } else { 0 };
                let end = (at + over).min(input.len());
                input.splice(at..end, word.iter().copied());
            }
            _ => input.insert(at, self.next_u64() as u8),
        }
    }

    /// `SplitMix64` (Steele, Lea, Flood 2014).
    fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        let bound = bound.max(1) as u128;
        ((u128::from(self.next_u64()) * bound) >> 64) as usize
    }
}
