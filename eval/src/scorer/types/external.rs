//! Scorers that are asked: their types and keys.

use super::declared::{Make, Type};
use crate::Nanos;
use crate::external::{HttpScorer, RubricScorer, TokenPrices};
use crate::scorer::form::{Form, Number, Secret, Span, Text, Whole, not_a};
use crate::scorer::keys::{Context, Fields, KeyShape, Keys, Spot, keys};
use crate::scorer::spec::ScorerKind;
use serde_json::{Value, json};

keys! {
    struct HttpKeys {
        /// Where items are posted, as docs/EVAL.md describes the contract `score/1`.
        url: Url = required, "http://127.0.0.1:8000/score";
        /// What requests are signed with. Without it, they are not signed.
        secret: Secret = optional, "${SCORER_SECRET}";
        /// How long an answer may take.
        timeout: Span<600_000> = default("10s"), "10s";
        /// Most items of a request.
        batch: Whole<1, 256> = default("16"), "16";
        /// Most requests at a time.
        concurrency: Whole<1, 64> = default("4"), "4";
        /// The score from which on a bare number is a pass.
        threshold: Number<1> = default("0.5"), "0.6";
    }
}

keys! {
    struct RubricKeys {
        /// Base URL of an OpenAI-compatible endpoint: requests go to `<url>/chat/completions`.
        url: Url = required, "https://api.openai.com/v1";
        /// The model's name. Pin a dated one, so that the judge stays the same.
        model: Text = required, "gpt-4.1-mini-2025-04-14";
        /// What makes an answer good, or `file:` with a file that says so.
        rubric: Text = required, "The answer is polite and names a date.";
        /// Bearer token of the endpoint.
        api_key: Secret = optional, "${OPENAI_API_KEY}";
        /// How long an answer may take.
        timeout: Span<600_000> = default("60s"), "60s";
        /// Most requests at a time.
        concurrency: Whole<1, 64> = default("4"), "4";
        /// Most tokens of an answer.
        max_tokens: Whole<1, 65_536> = default("512"), "512";
        /// The score from which on an answer passes. Without it, the judge's own `pass` counts.
        threshold: Number<1> = optional, "0.7";
        /// US dollars for a million tokens of input.
        input_price: Number<1_000_000> = optional, "0.4";
        /// US dollars for a million tokens of output.
        output_price: Number<1_000_000> = optional, "1.6";
        /// Most US dollars that may be spent in a day (UTC). It needs both prices.
        budget: DailyBudget = optional, "20/day";
    }
}

pub(super) const TYPES: &[Type] = &[
    Type {
        name: "http",
        doc: "Passes when a scorer of your own says so, over HTTP.",
        own: HttpKeys::keys,
        make: Make::Outside(|fields, cx| http(HttpKeys::read(fields, cx)).map(ScorerKind::Http)),
    },
    Type {
        name: "llm-rubric",
        doc: "Passes when a model says so that judges by a rubric.",
        own: RubricKeys::keys,
        make: Make::Outside(|fields, cx| {
            rubric(RubricKeys::read(fields, cx), fields, cx).map(ScorerKind::Rubric)
        }),
    },
];

fn http(keys: HttpKeys) -> Option<HttpScorer> {
    Some(HttpScorer {
        url: keys.url?.0,
        secret: keys.secret.map(|secret| secret.0),
        timeout_ms: keys.timeout?.0,
        batch: keys.batch?.0 as usize,
        concurrency: keys.concurrency?.0 as usize,
        threshold: keys.threshold?.0,
    })
}

fn rubric(keys: RubricKeys, fields: &Fields<'_>, cx: &mut Context<'_>) -> Option<RubricScorer> {
    let price = |price: Option<Number<1_000_000>>| Nanos::of_usd(price?.0);
    let prices = match (price(keys.input_price), price(keys.output_price)) {
        (Some(input), Some(output)) => Some(TokenPrices { input, output }),
        _ => None,
    };
    if keys.budget.is_some() && prices.is_none() {
        let hint = "add `input_price` and `output_price`, in US dollars for a million tokens";
        fields.problem("budget", "cannot be kept without prices", hint, cx);
    }
    Some(RubricScorer {
        url: keys.url?.0.trim_end_matches('/').to_owned(),
        api_key: keys.api_key.map(|key| key.0),
        model: keys.model?.0,
        rubric: keys.rubric?.0,
        timeout_ms: keys.timeout?.0,
        concurrency: keys.concurrency?.0 as usize,
        max_tokens: keys.max_tokens?.0,
        threshold: keys.threshold.map(|threshold| threshold.0),
        prices,
        daily_budget: keys.budget.map(|budget| budget.0),
    })
}

/// An absolute URL.
struct Url(String);

impl Form for Url {
    fn name() -> String {
        "URL".into()
    }

    fn shape() -> KeyShape {
        KeyShape::Schema(json!({ "type": "string", "pattern": "^(https?://[^/\\s]|file:)" }))
    }

    fn read(value: &Value, spot: &Spot, cx: &mut Context<'_>) -> Option<Self> {
        let text = Text::read(value, spot, cx)?.0;
        let host = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
        let good = host.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'))
            && !text.chars().any(|c| c.is_whitespace() || c.is_control());
        if good { Some(Self(text)) } else { not_a(value, spot, cx) }
    }
}

/// `20/day`, `20`, `"20"`.
struct DailyBudget(Nanos);

impl Form for DailyBudget {
    fn name() -> String {
        "amount a day".into()
    }

    fn shape() -> KeyShape {
        KeyShape::Schema(json!({ "anyOf": [
            { "type": "number", "exclusiveMinimum": 0 },
            { "type": "string", "pattern": "^[0-9]+(\\.[0-9]+)?(/day)?$" },
        ] }))
    }

    fn read(value: &Value, spot: &Spot, cx: &mut Context<'_>) -> Option<Self> {
        let usd = match value.as_str() {
            Some(text) => text.strip_suffix("/day").unwrap_or(text).trim().parse().ok(),
            None => value.as_f64(),
        };
        let budget = usd.and_then(Nanos::of_usd).filter(|budget| budget.0 > 0);
        if budget.is_none() {
            spot.wrong(value, "is not an amount a day", cx);
        }
        budget.map(Self)
    }
}
