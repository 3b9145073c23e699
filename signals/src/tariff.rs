//! Prices as a request needs them: looked up once per model, then an addition and a few
//! multiplications in whole numbers.
//!
//! A price may depend on how long the input is (tiers) and on the time. So a model's rates are kept
//! by ranges of input length whose ends have the same rates, and forgotten every five minutes. A
//! length beyond the known ranges is asked for and widens one of them.

use crate::prices::Prices;
use crate::protocol::Protocol;
use crate::usage::Usage;
use foldhash::fast::FixedState;
use std::collections::HashMap;
use std::sync::Arc;

/// Seconds after which rates are asked for again.
const REFRESH_S: u64 = 300;
/// Models kept per protocol. Names come from backends: beyond this the memory starts over.
const MAX_MODELS: usize = 1024;
/// An input longer than any context: where the last tier certainly holds.
const LONG: u64 = 100_000_000;

/// What tokens of a model cost, in nano-dollars per million; `request` in nano-dollars each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    /// Input that is not cached.
    pub input: u64,
    /// Input read from a cache.
    pub cache_read: u64,
    /// Input written to a cache.
    pub cache_write: u64,
    /// Output.
    pub output: u64,
    /// A request, whatever its length.
    pub request: u64,
}

impl Rates {
    /// Nano-dollars of a usage, rounded half up.
    #[must_use]
    pub fn cost(&self, usage: &Usage) -> u64 {
        const MILLION: u128 = 1_000_000;
        let part = |tokens: u64, rate: u64| u128::from(tokens) * u128::from(rate);
        let sum = part(usage.input, self.input)
            + part(usage.cache_read, self.cache_read)
            + part(usage.cache_write, self.cache_write)
            + part(usage.output, self.output);
        let nanos = (sum + MILLION / 2) / MILLION + u128::from(self.request);
        u64::try_from(nanos).unwrap_or(u64::MAX)
    }
}

/// One user's memory of a price list.
#[derive(Debug)]
pub struct Tariff {
    prices: Arc<Prices>,
    models: HashMap<Protocol, HashMap<Box<str>, Entry, FixedState>, FixedState>,
}

/// What is known of a model.
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
        Self { prices, models: HashMap::default() }
    }

    /// Whether it is about this very list.
    #[must_use]
    pub fn is_of(&self, prices: &Arc<Prices>) -> bool {
        Arc::ptr_eq(&self.prices, prices)
    }

    /// The rates of a model for a request of `total_input` tokens at a time in Unix seconds; none
    /// if the list does not have it.
    pub fn rates(
        &mut self,
        protocol: Protocol,
        model: &str,
        total_input: u64,
        at_s: u64,
    ) -> Option<Rates> {
        let period = at_s / REFRESH_S;
        let models = self.models.entry(protocol).or_default();
        if let Some(entry) = models.get_mut(model)
            && entry.period == period
        {
            return entry.rates(&self.prices, protocol, model, total_input, at_s);
        }
        if models.len() >= MAX_MODELS {
            models.clear();
        }
        let mut entry = Entry::learn(&self.prices, protocol, model, at_s);
        entry.period = period;
        let rates = entry.rates(&self.prices, protocol, model, total_input, at_s);
        models.insert(model.into(), entry);
        rates
    }
}

impl Entry {
    /// Asks for the shortest and the longest input: most models have one price for both.
    fn learn(prices: &Prices, protocol: Protocol, model: &str, at_s: u64) -> Self {
        let mut entry = Self { period: 0, ranges: Vec::new() };
        if let Some(short) = prices.rates(protocol, model, 1, at_s) {
            entry.ranges.push(Range { first: 0, last: 1, rates: short });
            if let Some(long) = prices.rates(protocol, model, LONG, at_s) {
                entry.put(LONG, long);
            }
        }
        entry
    }

    fn rates(
        &mut self,
        prices: &Prices,
        protocol: Protocol,
        model: &str,
        total_input: u64,
        at_s: u64,
    ) -> Option<Rates> {
        let total_input = total_input.min(LONG);
        if self.ranges.is_empty() {
            return None;
        }
        let covers = |range: &&Range| (range.first..=range.last).contains(&total_input);
        if let Some(range) = self.ranges.iter().find(covers) {
            return Some(range.rates);
        }
        let rates = prices.rates(protocol, model, total_input, at_s)?;
        self.put(total_input, rates);
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
