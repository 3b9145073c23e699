//! Prices as a request needs them: looked up once per model, then an addition and a few
//! multiplications in whole numbers.
//!
//! A price may depend on how long the input is (tiers) and on the time. So a model's rates are kept
//! by ranges of input length whose ends have the same rates, and forgotten every five minutes. A
//! length beyond the known ranges is asked for and widens one of them.

use crate::prices::Prices;
use crate::protocol::Protocol;
use crate::rates::{Rates, Wanted};
use crate::tier::Tier;
use foldhash::fast::FixedState;
use std::collections::HashMap;
use std::sync::Arc;

/// Seconds after which rates are asked for again.
const REFRESH_S: u64 = 300;
/// Models kept for each kind of question. Names come from backends: beyond this the memory of the
/// kind starts over.
const MAX_MODELS: usize = 1024;
/// Kinds of questions that are kept: beyond this the memory starts over.
const MAX_KINDS: usize = 64;
/// An input longer than any context: where the last tier certainly holds.
const LONG: u64 = 100_000_000;

/// One user's memory of a price list.
#[derive(Debug)]
pub struct Tariff {
    prices: Arc<Prices>,
    kinds: HashMap<Kind, HashMap<Box<str>, Entry, FixedState>, FixedState>,
    /// Of the hashes of model names.
    seed: u64,
}

/// The key of a query beside the model and the length: protocol, tier and priced parts.
type Kind = (Protocol, Tier, u32);

/// The cached prices of a model.
#[derive(Debug)]
struct Entry {
    /// Number of the five minutes it was learned in.
    period: u64,
    /// Ranges of input length, rising; empty for a model without prices.
    ranges: Vec<Range>,
}

#[derive(Clone, Copy, Debug)]
struct Range {
    first: u64,
    last: u64,
    rates: Rates,
}

impl Tariff {
    /// An empty memory of this list.
    #[must_use]
    pub fn new(prices: Arc<Prices>) -> Self {
        Self { prices, kinds: HashMap::default(), seed: 0 }
    }

    /// The same, with a seed that backends cannot know: they say the names that are hashed.
    #[must_use]
    pub fn seeded(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// Returns true if it caches this same list.
    #[must_use]
    pub fn is_of(&self, prices: &Arc<Prices>) -> bool {
        Arc::ptr_eq(&self.prices, prices)
    }

    /// The rates of a model at a time in Unix seconds; none if the list does not have it.
    pub fn rates(&mut self, wanted: &Wanted<'_>, at_s: u64) -> Option<Rates> {
        let period = at_s / REFRESH_S;
        let kind = (wanted.protocol, wanted.tier, wanted.parts);
        if self.kinds.len() >= MAX_KINDS && !self.kinds.contains_key(&kind) {
            self.kinds.clear();
        }
        let named = || HashMap::with_hasher(FixedState::with_seed(self.seed));
        let models = self.kinds.entry(kind).or_insert_with(named);
        if let Some(entry) = models.get_mut(wanted.model)
            && entry.period == period
        {
            return entry.rates(&self.prices, wanted, at_s);
        }
        if models.len() >= MAX_MODELS {
            models.clear();
        }
        let mut entry = Entry::learn(&self.prices, wanted, at_s);
        entry.period = period;
        let rates = entry.rates(&self.prices, wanted, at_s);
        models.insert(wanted.model.into(), entry);
        rates
    }
}

impl Entry {
    /// Asks for the shortest and the longest input: most models have one price for both.
    fn learn(prices: &Prices, wanted: &Wanted<'_>, at_s: u64) -> Self {
        let mut entry = Self { period: 0, ranges: Vec::new() };
        if let Some(short) = prices.rates(&Wanted { input: 1, ..*wanted }, at_s) {
            entry.ranges.push(Range { first: 0, last: 1, rates: short });
            if let Some(long) = prices.rates(&Wanted { input: LONG, ..*wanted }, at_s) {
                entry.put(LONG, long);
            }
        }
        entry
    }

    fn rates(&mut self, prices: &Prices, wanted: &Wanted<'_>, at_s: u64) -> Option<Rates> {
        let input = wanted.input.min(LONG);
        if self.ranges.is_empty() {
            return None;
        }
        let covers = |range: &&Range| (range.first..=range.last).contains(&input);
        if let Some(range) = self.ranges.iter().find(covers) {
            return Some(range.rates);
        }
        let rates = prices.rates(&Wanted { input, ..*wanted }, at_s)?;
        self.put(input, rates);
        Some(rates)
    }

    /// Widens a neighbouring range of the same rates up to `at`, or begins a new one.
    fn put(&mut self, at: u64, rates: Rates) {
        let after = self.ranges.partition_point(|range| range.last < at);
        if let Some(before) = after.checked_sub(1)
            && self.ranges[before].rates == rates
        {
            self.ranges[before].last = at;
            if self.ranges.get(after).is_some_and(|next| next.rates == rates) {
                self.ranges[before].last = self.ranges[after].last;
                self.ranges.remove(after);
            }
        } else if self.ranges.get(after).is_some_and(|next| next.rates == rates) {
            self.ranges[after].first = at;
        } else {
            self.ranges.insert(after, Range { first: at, last: at, rates });
        }
    }
}
