//! A price line by line: what an answer said it used, whose prices it was given, and what each line
//! costs.

use crate::cost::{Cost, Passed};
use crate::failure::Failure;
use crate::prices::Prices;
use crate::protocol::Protocol;
use crate::rates::Wanted;
use crate::scanner::Signals;
use crate::tier::Tier;
use stagegate_rollout::{CostTruth, Unpriced};

/// The explanation of a response's price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The protocol.
    pub protocol: Protocol,
    /// The model, as the answer or the path named it.
    pub model: Option<String>,
    /// The service tier that served it.
    pub tier: Tier,
    /// The names that were looked up; the last one is the one that was found, if any was.
    pub looked_up: Vec<String>,
    /// The provider and the model whose prices hold, by the list's names.
    pub listed: Option<(String, String)>,
    /// The usage, one line for each price; lines with no usage are left out.
    pub lines: Vec<Line>,
    /// The fixed price of one request in nano-dollars.
    pub request: u64,
    /// The sum in nano-dollars; none if it is not known.
    pub nanos: Option<u64>,
    /// The way in which it is known; `None` if no cost can be expected.
    pub truth: Option<CostTruth>,
    /// The reason why it is not known.
    pub unpriced: Option<Unpriced>,
    /// The name of the failure, if the response failed.
    pub failure: Option<String>,
}

/// One line of a price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The kind of tokens or calls.
    pub what: &'static str,
    /// Number of tokens or calls.
    pub count: u64,
    /// Nano-dollars for a million of them.
    pub rate: u64,
    /// Nano-dollars for these, rounded half up. The sum is rounded once, so that it may differ from
    /// the sum of the lines by less than a nano-dollar a line.
    pub nanos: u64,
}

/// Explains the price of an answer of a good status at a time in Unix seconds.
#[must_use]
pub fn explain(signals: &Signals, passed: Passed, prices: &Prices, at_s: u64) -> Explanation {
    let mut listed = None;
    let mut looked_up = Vec::new();
    let cost = Cost::of(Some(signals), None, 200, passed, |wanted: &Wanted<'_>| {
        listed = prices.find(wanted, at_s);
        looked_up = Prices::names_of(wanted);
        if let Some(listed) = &listed
            && let Some(at) = looked_up.iter().position(|name| *name == listed.name)
        {
            looked_up.truncate(at + 1);
        }
        listed.as_ref().map(|listed| listed.rates)
    });
    let usage = signals.usage.unwrap_or_default();
    let lines = listed.as_ref().map(|listed| {
        let of = |(what, count, rate): (&'static str, u64, u64)| {
            let nanos = (u128::from(count) * u128::from(rate) + 500_000) / 1_000_000;
            Line { what, count, rate, nanos: u64::try_from(nanos).unwrap_or(u64::MAX) }
        };
        listed.rates.lines(&usage).map(of).filter(|line| line.count > 0).collect()
    });
    let first_name = |failure: Failure| {
        failure.names().next().map_or_else(|| "unnamed".to_owned(), str::to_owned)
    };
    Explanation {
        protocol: signals.protocol,
        model: signals.model().map(str::to_owned),
        tier: signals.tier,
        looked_up,
        lines: lines.unwrap_or_default(),
        request: listed.as_ref().map_or(0, |listed| listed.rates.request),
        listed: listed.map(|listed| (listed.provider, listed.model)),
        nanos: cost.and_then(|cost| cost.nanos),
        truth: cost.map(|cost| cost.truth),
        unpriced: cost.and_then(|cost| cost.unpriced),
        failure: signals.failure.map(first_name),
    }
}
