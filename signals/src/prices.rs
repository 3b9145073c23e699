//! Price lists: what a million tokens of a model cost.
//!
//! Lists are those of the `genai-prices` project (about 2,500 models of 47 providers, with tiers and
//! prices that change with the date or the hour); the one that came with this build is built in, a
//! newer one can be loaded from a file of the same form. Asking a list takes tens of microseconds,
//! so that requests go through a [`crate::Tariff`].

use crate::model_name::{Candidate, candidates};
use crate::rates::{Rates, Wanted};
use crate::usage::{Part, Whole};
use genai_prices::{Calculator, PriceCalculation, PriceRequest, Usage, UsageKey};
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

    /// Returns the rates of a model at a time in Unix seconds; `None` if the list does not have it.
    pub(crate) fn rates(&self, wanted: &Wanted<'_>, at_s: u64) -> Option<Rates> {
        self.find(wanted, at_s).map(|listed| listed.rates)
    }

    /// The entry of the list that has the model, and its rates.
    pub(crate) fn find(&self, wanted: &Wanted<'_>, at_s: u64) -> Option<Listed> {
        candidates(wanted.protocol, wanted.model).into_iter().find_map(|candidate| {
            Probe { list: self.calculator(), candidate: &candidate, wanted, at_s }.listed()
        })
    }

    /// The names that are looked up for a model, in their order, each once.
    pub(crate) fn names_of(wanted: &Wanted<'_>) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for candidate in candidates(wanted.protocol, wanted.model) {
            if !names.iter().any(|name| *name == candidate.name) {
                names.push(candidate.name.into_owned());
            }
        }
        names
    }
}

/// The entry of a model in a price list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    /// The name that was looked up.
    pub(crate) name: String,
    /// The list's name of the provider.
    pub(crate) provider: String,
    /// The list's name of the model.
    pub(crate) model: String,
    pub(crate) rates: Rates,
}

/// One question to a list.
struct Probe<'a> {
    list: &'a Calculator,
    candidate: &'a Candidate<'a>,
    wanted: &'a Wanted<'a>,
    at_s: u64,
}

impl Probe<'_> {
    /// Prices of tokens that are all of one kind, so that each kind's own price shows.
    fn listed(&self) -> Option<Listed> {
        let plain = self.price(&["output_tokens"])?;
        let read = self.price(&["cache_read_tokens"])?;
        let written = self.price(&["cache_write_tokens"])?;
        let fee = plain.total_price - plain.input_price - plain.output_price;
        let mut rates = Rates {
            input: self.per_million(plain.input_price),
            cache_read: self.per_million(read.input_price),
            cache_write: self.per_million(written.input_price),
            output: self.per_million(plain.output_price),
            request: (fee * 1e9).round() as u64,
            ..Rates::default()
        };
        for part in Part::ALL.into_iter().filter(|part| self.wanted.parts & 1 << *part as u32 != 0)
        {
            let price = self.price(keys(part))?;
            rates.parts[part as usize] = self.per_million(match part.whole() {
                Whole::Input | Whole::CacheRead | Whole::CacheWrite => price.input_price,
                Whole::Output => price.output_price,
                Whole::Calls => price.total_price - price.input_price - price.output_price - fee,
            });
        }
        let name = self.candidate.name.to_string();
        Some(Listed { name, provider: plain.provider_id, model: plain.model_id, rates })
    }

    fn price(&self, keys: &[&str]) -> Option<PriceCalculation> {
        let tokens = self.tokens();
        let mut usage = Usage::from([(UsageKey::INPUT_TOKENS, tokens)]);
        keys.iter().for_each(|key| {
            usage.insert(*key, tokens);
        });
        let at: SystemTime = UNIX_EPOCH + Duration::from_secs(self.at_s);
        let mut request = PriceRequest::new(&self.candidate.name, &usage).with_timestamp(at);
        if let Some(provider) = self.candidate.provider {
            request = request.with_provider_id(provider);
        }
        if let Some((key, value)) = self.wanted.tier.context() {
            request = request.with_price_context(key, value);
        }
        self.list.calculate(&request).ok()
    }

    fn tokens(&self) -> f64 {
        self.wanted.input.max(1) as f64
    }

    /// Nano-dollars for a million tokens or calls.
    fn per_million(&self, dollars: f64) -> u64 {
        (dollars / self.tokens() * 1e15).round() as u64
    }
}

/// The list's keys of tokens that are all of a part: its own and those of all that it is a part of.
const fn keys(part: Part) -> &'static [&'static str] {
    match part {
        Part::CacheWrite5m => &["cache_write_tokens", "cache_write_5m_tokens"],
        Part::CacheWrite1h => &["cache_write_tokens", "cache_write_1h_tokens"],
        Part::AudioInput => &["input_audio_tokens"],
        Part::ImageInput => &["input_image_tokens"],
        Part::VideoInput => &["input_video_tokens"],
        Part::AudioRead => &["cache_read_tokens", "input_audio_tokens", "cache_audio_read_tokens"],
        Part::ImageRead => &["cache_read_tokens", "input_image_tokens", "cache_image_read_tokens"],
        Part::VideoRead => &["cache_read_tokens", "input_video_tokens", "cache_video_read_tokens"],
        Part::Reasoning => &["output_tokens", "output_reasoning_tokens"],
        Part::Citation => &["output_tokens", "output_citation_tokens"],
        Part::AudioOutput => &["output_tokens", "output_audio_tokens"],
        Part::ImageOutput => &["output_tokens", "output_image_tokens"],
        Part::VideoOutput => &["output_tokens", "output_video_tokens"],
        Part::WebSearches => &["web_searches"],
        Part::FileSearches => &["storage_searches"],
        Part::SocialSearches => &["social_searches"],
        Part::CodeRuns => &["code_executions"],
    }
}
