//! Settings of the two kinds of external scorer.

use crate::{Hidden, Nanos};

/// A scorer behind the contract `score/1`.
#[derive(Clone, Debug)]
pub struct HttpScorer {
    /// The URL that items are posted to.
    pub url: String,
    /// The key that signs requests, if they are signed.
    pub secret: Option<Hidden>,
    /// The time limit of a response, in milliseconds.
    pub timeout_ms: u64,
    /// Most items of a request.
    pub batch: usize,
    /// Most requests at a time.
    pub concurrency: usize,
    /// The lowest number that is a pass.
    pub threshold: f64,
}

/// A model that judges by a rubric, behind an OpenAI-compatible endpoint.
#[derive(Clone, Debug)]
pub struct RubricScorer {
    /// The base URL: requests go to `<url>/chat/completions`.
    pub url: String,
    /// Bearer token, if one is needed.
    pub api_key: Option<Hidden>,
    /// The model's name, pinned.
    pub model: String,
    /// The rubric that the model judges by.
    pub rubric: String,
    /// The time limit of a response, in milliseconds.
    pub timeout_ms: u64,
    /// Most requests at a time.
    pub concurrency: usize,
    /// Most tokens of an answer.
    pub max_tokens: u64,
    /// The lowest score that is a pass; without it the judge's own `pass` counts.
    pub threshold: Option<f64>,
    /// The prices of tokens; needed for a budget.
    pub prices: Option<TokenPrices>,
    /// Most that may be spent in a day (UTC).
    pub daily_budget: Option<Nanos>,
}

/// Prices of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenPrices {
    /// A million tokens of input.
    pub input: Nanos,
    /// A million tokens of output.
    pub output: Nanos,
}

impl TokenPrices {
    /// Returns the cost of so many tokens, rounded up.
    #[must_use]
    pub fn of(&self, input: u64, output: u64) -> Nanos {
        let cost = |price: Nanos, tokens: u64| u128::from(price.0) * u128::from(tokens);
        let sum = (cost(self.input, input) + cost(self.output, output)).div_ceil(1_000_000);
        Nanos(u64::try_from(sum).unwrap_or(u64::MAX))
    }
}
