//! What the two kinds of external scorer are told.

use crate::scorer::Fields;
use crate::{Hidden, Nanos};

/// A scorer behind the contract `score/1`.
#[derive(Clone, Debug)]
pub struct HttpScorer {
    /// Where items are posted.
    pub url: String,
    /// What requests are signed with, if they are.
    pub secret: Option<Hidden>,
    /// How long an answer may take, in milliseconds.
    pub timeout_ms: u64,
    /// Most items of a request.
    pub batch: usize,
    /// Most requests at a time.
    pub concurrency: usize,
    /// From where on a bare number is a pass.
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
    /// What is judged by.
    pub rubric: String,
    /// How long an answer may take, in milliseconds.
    pub timeout_ms: u64,
    /// Most requests at a time.
    pub concurrency: usize,
    /// Most tokens of an answer.
    pub max_tokens: u64,
    /// From where on a score is a pass; without it the judge's own `pass` counts.
    pub threshold: Option<f64>,
    /// What tokens cost; needed for a budget.
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
    /// What so many tokens cost, rounded up.
    #[must_use]
    pub fn of(&self, input: u64, output: u64) -> Nanos {
        let cost = |price: Nanos, tokens: u64| u128::from(price.0) * u128::from(tokens);
        let sum = (cost(self.input, input) + cost(self.output, output)).div_ceil(1_000_000);
        Nanos(u64::try_from(sum).unwrap_or(u64::MAX))
    }
}

const URL: &str = "write an absolute URL like `http://127.0.0.1:8000/score`";
const SECRET: &str = "write the secret's variable, like `${SCORER_SECRET}`";
const MONEY: &str = "write US dollars for a million tokens, like `0.25`";
const BUDGET: &str = "write US dollars a day, like `20/day`";

fn url(fields: &mut Fields<'_>) -> Option<String> {
    let text = fields.needed("url", URL)?;
    let host = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    let good = host.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'))
        && !text.chars().any(|c| c.is_whitespace() || c.is_control());
    if !good {
        fields.problem("url", format!("`{text}` is not a URL"), URL);
    }
    good.then_some(text)
}

fn hidden(key: &'static str, fields: &mut Fields<'_>) -> Option<Hidden> {
    let text = fields.secret(key, SECRET)?;
    if text.is_empty() || text.chars().any(char::is_control) {
        fields.problem(key, "is empty, or has control characters", SECRET);
        return None;
    }
    Some(Hidden::new(text))
}

fn small(key: &'static str, most: u64, default: u64, fields: &mut Fields<'_>) -> usize {
    fields.whole(key, 1..=most, "write a small number").unwrap_or(default) as usize
}

impl HttpScorer {
    pub(crate) fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let secret = hidden("secret", fields);
        let timeout_ms = fields.span("timeout", 600_000).unwrap_or(10_000);
        let batch = small("batch", 256, 16, fields);
        let concurrency = small("concurrency", 64, 4, fields);
        let threshold = fields.number("threshold", 0.0..=1.0, "write a share from 0 to 1");
        let threshold = threshold.unwrap_or(0.5);
        Some(Self { url: url(fields)?, secret, timeout_ms, batch, concurrency, threshold })
    }
}

impl RubricScorer {
    pub(crate) fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let api_key = hidden("api_key", fields);
        let timeout_ms = fields.span("timeout", 600_000).unwrap_or(60_000);
        let concurrency = small("concurrency", 64, 4, fields);
        let max_tokens = small("max_tokens", 65_536, 512, fields) as u64;
        let threshold = fields.number("threshold", 0.0..=1.0, "write a share from 0 to 1");
        let input = fields.number("input_price", 0.0..=1e6, MONEY);
        let output = fields.number("output_price", 0.0..=1e6, MONEY);
        let prices = match (input.and_then(Nanos::of_usd), output.and_then(Nanos::of_usd)) {
            (Some(input), Some(output)) => Some(TokenPrices { input, output }),
            _ => None,
        };
        let daily_budget = budget(fields);
        if daily_budget.is_some() && prices.is_none() {
            let hint = "write `input_price` and `output_price`, in US dollars for a million tokens";
            fields.problem("budget", "cannot be kept without prices", hint);
        }
        let model = fields.needed("model", "write the model's name");
        let rubric =
            fields.needed("rubric", "write what makes an answer good, or `file:rubric.md`");
        let url = url(fields)?.trim_end_matches('/').to_owned();
        let (model, rubric) = (model?, rubric?);
        Some(Self {
            url,
            api_key,
            model,
            rubric,
            timeout_ms,
            concurrency,
            max_tokens,
            threshold,
            prices,
            daily_budget,
        })
    }
}

/// `20/day`, `20`, `"20"`.
fn budget(fields: &mut Fields<'_>) -> Option<Nanos> {
    let value = fields.any("budget")?;
    let usd = match value.as_str() {
        Some(text) => text.strip_suffix("/day").unwrap_or(text).trim().parse().ok(),
        None => value.as_f64(),
    };
    let budget = usd.and_then(Nanos::of_usd).filter(|budget| budget.0 > 0);
    if budget.is_none() {
        fields.problem("budget", format!("`{value}` is not an amount a day"), BUDGET);
    }
    budget
}
