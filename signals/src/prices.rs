//! Price lists: what a million tokens of a model cost.
//!
//! Lists are those of the `genai-prices` project (about 2,500 models of 47 providers, with tiers and
//! prices that change with the date or the hour); the one that came with this build is built in, a
//! newer one can be loaded from a file of the same form. Asking a list takes tens of microseconds,
//! so that requests go through a [`crate::Tariff`].

use crate::protocol::Protocol;
use crate::tariff::Rates;
use genai_prices::{Calculator, PriceRequest, Usage, UsageKey};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A list of prices.
#[derive(Debug)]
pub struct Prices {
    list: List,
}

#[derive(Debug)]
enum List {
    Builtin,
    Own(Box<Calculator>),
}

/// A price list that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a price list in the form of genai-prices' `prices.json` (a list of providers, each with its models): {why}"
)]
pub struct PricesError {
    why: String,
}

impl Prices {
    /// The list that came with this build. Decoding it takes tens of milliseconds, the first time:
    /// not for the request path.
    #[must_use]
    pub fn builtin() -> Self {
        let _ = Calculator::bundled();
        Self { list: List::Builtin }
    }

    /// A list from the text of a file.
    ///
    /// # Errors
    /// When the text is not of that form; the message names the place.
    pub fn from_json(text: &[u8]) -> Result<Self, PricesError> {
        let list =
            Calculator::from_json(text).map_err(|why| PricesError { why: why.to_string() })?;
        Ok(Self { list: List::Own(Box::new(list)) })
    }

    fn calculator(&self) -> &Calculator {
        match &self.list {
            List::Builtin => Calculator::bundled(),
            List::Own(list) => list,
        }
    }

    /// What tokens of `model` cost in a request of `total_input` tokens (at least 1) at a time in
    /// Unix seconds; none if the list does not have the model.
    pub(crate) fn rates(
        &self,
        protocol: Protocol,
        model: &str,
        total_input: u64,
        at_s: u64,
    ) -> Option<Rates> {
        let (first, last) = protocol.providers();
        // A gateway's names begin with the provider: `anthropic/claude-…`.
        let gateway = model.contains('/').then_some(Some("litellm"));
        let tries = [first.map(Some), Some(None), gateway, last.map(Some)];
        tries.into_iter().flatten().find_map(|provider| {
            Probe { list: self.calculator(), provider, model, total_input, at_s }.rates()
        })
    }
}

/// One question to a list.
struct Probe<'a> {
    list: &'a Calculator,
    provider: Option<&'a str>,
    model: &'a str,
    total_input: u64,
    at_s: u64,
}

impl Probe<'_> {
    /// Prices of tokens that are all of one kind, so that each kind's own price shows.
    fn rates(&self) -> Option<Rates> {
        let plain = self.price(&[UsageKey::OUTPUT_TOKENS])?;
        let read = self.price(&[UsageKey::CACHE_READ_TOKENS])?;
        let written = self.price(&[UsageKey::CACHE_WRITE_TOKENS])?;
        let fee = plain.total - plain.input - plain.output;
        Some(Rates {
            input: self.per_million(plain.input),
            cache_read: self.per_million(read.input),
            cache_write: self.per_million(written.input),
            output: self.per_million(plain.output),
            request: (fee * 1e9).round() as u64,
        })
    }

    fn price(&self, keys: &[UsageKey]) -> Option<Price> {
        let tokens = self.total_input as f64;
        let mut usage = Usage::from([(UsageKey::INPUT_TOKENS, tokens)]);
        keys.iter().for_each(|key| {
            usage.insert(key.clone(), tokens);
        });
        let at: SystemTime = UNIX_EPOCH + Duration::from_secs(self.at_s);
        let mut request = PriceRequest::new(self.model, &usage).with_timestamp(at);
        if let Some(provider) = self.provider {
            request = request.with_provider_id(provider);
        }
        let price = self.list.calculate(&request).ok()?;
        Some(Price {
            input: price.input_price,
            output: price.output_price,
            total: price.total_price,
        })
    }

    /// Nano-dollars for a million tokens.
    fn per_million(&self, dollars: f64) -> u64 {
        (dollars / self.total_input as f64 * 1e15).round() as u64
    }
}

/// Dollars.
struct Price {
    input: f64,
    output: f64,
    total: f64,
}
