//! The query for a price and its result.

use crate::protocol::Protocol;
use crate::tier::Tier;
use crate::usage::{Part, Usage, Whole};

/// The facts that a price depends on, except the time.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The protocol. It determines the provider if the model's name does not.
    pub protocol: Protocol,
    /// The model, as it was named.
    pub model: &'a str,
    /// The service tier that served it.
    pub tier: Tier,
    /// The parts whose prices matter, as [`Usage::parts_used`] gives them.
    pub parts: u32,
    /// Tokens of all input: long inputs may cost more.
    pub input: u64,
}

impl<'a> Wanted<'a> {
    /// An ordinary answer of a model, without parts of their own price.
    #[must_use]
    pub const fn new(protocol: Protocol, model: &'a str, input: u64) -> Self {
        Self { protocol, model, tier: Tier::Standard, parts: 0, input }
    }

    /// The query for a usage of a model.
    #[must_use]
    pub fn of(protocol: Protocol, model: &'a str, tier: Tier, usage: &Usage) -> Self {
        Self { protocol, model, tier, parts: usage.parts_used(), input: usage.total_input() }
    }
}

/// Prices of a million tokens or tool calls, in nano-dollars; `request` is the price of one
/// request, in nano-dollars.
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
    /// By [`Part`]; only those that were asked for.
    pub parts: [u64; Part::ALL.len()],
}

impl Rates {
    /// Nano-dollars of a usage, rounded half up.
    #[must_use]
    pub fn cost(&self, usage: &Usage) -> u64 {
        const MILLION: u128 = 1_000_000;
        let sum: u128 =
            self.lines(usage).map(|(_, count, rate)| u128::from(count) * u128::from(rate)).sum();
        let nanos = (sum + MILLION / 2) / MILLION + u128::from(self.request);
        u64::try_from(nanos).unwrap_or(u64::MAX)
    }

    /// A usage in lines that do not overlap: what, how many, and what a million of it costs.
    pub(crate) fn lines<'u>(
        &'u self,
        usage: &'u Usage,
    ) -> impl Iterator<Item = (&'static str, u64, u64)> + 'u {
        let rest = |whole: Whole, count: u64| {
            let parts = Part::ALL.into_iter().filter(move |part| part.whole() == whole);
            count.saturating_sub(parts.map(|part| usage.part(part)).sum())
        };
        let wholes = [
            ("input", rest(Whole::Input, usage.input), self.input),
            ("cache read", rest(Whole::CacheRead, usage.cache_read), self.cache_read),
            ("cache write", rest(Whole::CacheWrite, usage.cache_write), self.cache_write),
            ("output", rest(Whole::Output, usage.output), self.output),
        ];
        let part = move |part: Part| (part.label(), usage.part(part), self.parts[part as usize]);
        wholes.into_iter().chain(Part::ALL.into_iter().map(part))
    }
}

#[cfg(test)]
mod tests {
    use super::Rates;
    use crate::usage::{Part, Parts, Usage};

    #[test]
    fn parts_cost_their_own_price_and_the_rest_the_wholes() {
        let mut rates = Rates { cache_write: 4_000_000, output: 2_000_000, ..Rates::default() };
        rates.parts[Part::CacheWrite1h as usize] = 6_000_000;
        rates.parts[Part::Reasoning as usize] = 3_000_000;
        rates.parts[Part::WebSearches as usize] = 10_000_000;
        let parts = Parts::NONE.with(Part::CacheWrite1h, 10).with(Part::WebSearches, 2);
        let usage = Usage { cache_write: 15, output: 7, reasoning: 3, parts, ..Usage::default() };
        assert_eq!(rates.cost(&usage), 5 * 4 + 10 * 6 + 4 * 2 + 3 * 3 + 2 * 10);
    }
}
