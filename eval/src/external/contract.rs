//! The contract `score/1`: what a scorer is sent, and what its answers mean.

use super::EVAL_HEADER;
use super::idempotency::idempotency_key;
use super::settings::HttpScorer;
use crate::{Metrics, Nanos, Outgoing, Output, Replied, Sample, Score, ScorerSpec, ToolCall};
use serde::Serialize;
use serde_json::{Map, Value};
use stagegate_sealed::{SIGNATURE_HEADER, signature};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

/// One sample as a scorer sees it. Neither arm nor release: a judge must not know whom it judges.
#[derive(Clone, Debug, Serialize)]
pub struct Item<'a> {
    id: &'a str,
    trace_id: Option<&'a str>,
    conversation_id: Option<&'a str>,
    workload: &'a str,
    input: &'a Value,
    output: Cow<'a, Value>,
    expected: Option<&'a Value>,
    tool_calls: &'a [ToolCall],
    confidence: Option<f64>,
    metrics: &'a Metrics,
    metadata: BTreeMap<&'a str, &'a Value>,
}

/// A request's body.
#[derive(Clone, Debug, Serialize)]
pub struct Ask<'a> {
    schema: &'static str,
    items: Vec<Item<'a>>,
}

impl<'a> Item<'a> {
    /// Builds the item that a scorer receives for a sample. `output` is the text of a message (its
    /// first alternative), or the body of another answer; null for bytes that cannot be read.
    #[must_use]
    pub fn of(sample: &'a Sample) -> Self {
        let output = match &sample.output {
            Output::Message(_) => Cow::Owned(Value::from(sample.text().as_ref())),
            Output::Json(value) => Cow::Borrowed(value),
            Output::Text(text) => Cow::Owned(Value::from(text.as_str())),
            Output::Opaque { .. } => Cow::Owned(Value::Null),
        };
        let open = |key: &&String| !key.starts_with("stagegate");
        let metadata = sample.metadata.iter().filter(|(key, _)| open(key));
        Self {
            id: &sample.id,
            trace_id: sample.trace_id.as_deref(),
            conversation_id: sample.conversation.as_deref(),
            workload: &sample.workload,
            input: &sample.input,
            output,
            expected: sample.expected.as_ref(),
            tool_calls: sample.tool_calls(),
            confidence: sample.confidence,
            metrics: &sample.metrics,
            metadata: metadata.map(|(key, value)| (key.as_str(), value)).collect(),
        }
    }
}

/// The body that is posted for these samples.
#[must_use]
pub fn request_body(samples: &[&Sample]) -> Vec<u8> {
    let ask = Ask { schema: "score/1", items: samples.iter().map(|s| Item::of(s)).collect() };
    // Maps with text keys and finite or null numbers: this cannot fail.
    serde_json::to_vec(&ask).unwrap_or_default()
}

pub(super) fn outgoing(
    http: &HttpScorer,
    spec: &ScorerSpec,
    samples: &[&Sample],
    now_s: u64,
) -> Outgoing {
    let body = request_body(samples);
    let mut headers = vec![
        ("content-type", "application/json".to_owned()),
        ("idempotency-key", idempotency_key(spec, samples)),
        (EVAL_HEADER, spec.name.clone()),
    ];
    if let Some(secret) = &http.secret {
        headers.push((SIGNATURE_HEADER, signature(secret, now_s, &body)));
    }
    Outgoing { url: http.url.clone(), headers, body, timeout_ms: http.timeout_ms }
}

/// The result of a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Sent {
    /// There is an answer for every sample that was asked about, in their order.
    Answered(Vec<ItemScores>),
    /// Scores will be posted to `/v1/scores`.
    Later,
    /// Nothing was scored; to be tried again.
    Again {
        /// The pause that the scorer asked for.
        after_ms: Option<u64>,
        /// The reason.
        why: String,
        /// True if the receiver may have done the work anyway and may charge for it.
        worked: bool,
    },
    /// Nothing was scored, and trying again would change nothing.
    Refused {
        /// The reason.
        why: String,
    },
}

/// The answer for one sample.
#[derive(Clone, Debug, PartialEq)]
pub enum ItemScores {
    /// It was judged, or its judge could not tell: see each score.
    Scored(Vec<Score>),
    /// It was not judged; to be tried again.
    Again(String),
    /// It was not judged, and trying again would change nothing.
    Unscored(String),
}

impl Sent {
    pub(super) fn again(after_ms: Option<u64>, why: impl Into<String>) -> Self {
        Self::Again { after_ms, why: why.into(), worked: false }
    }

    pub(super) fn refused(why: impl Into<String>) -> Self {
        Self::Refused { why: why.into() }
    }

    /// The meaning of a status other than 200, for any kind of scorer.
    pub(super) fn of_status(replied: &Replied) -> Option<Self> {
        let status = replied.status;
        match status {
            200 => None,
            202 => Some(Self::Later),
            408 | 409 | 425 | 429 | 500..=599 => {
                Some(Self::again(replied.retry_after_ms, format!("the scorer answered {status}")))
            }
            _ => Some(Self::refused(format!("the scorer answered {status}"))),
        }
    }
}

/// Reads a scorer's answer about the samples with these ids. `name` is the scorer's, `threshold`
/// from where on a bare number is a pass. Serves the late scores of `POST /v1/scores` too.
#[must_use]
pub fn answered(name: &str, threshold: f64, ids: &[&str], replied: &Replied) -> Sent {
    if let Some(sent) = Sent::of_status(replied) {
        return sent;
    }
    let Ok(body) = serde_json::from_slice::<Value>(&replied.body) else {
        return Sent::again(None, "the scorer's answer is not JSON");
    };
    let results = match (&body, ids) {
        (Value::Object(map), _) if map.contains_key("results") => map.get("results"),
        // One item, and a bare answer to it.
        (_, [_]) if !body.is_array() => return Sent::Answered(vec![item(name, threshold, &body)]),
        _ => Some(&body),
    };
    let Some(Value::Array(results)) = results else {
        return Sent::again(None, "the scorer's answer has no list of `results`");
    };
    let id = |result: &Value| Some(result.get("id")?.as_str()?.to_owned());
    let named: HashMap<String, &Value> =
        results.iter().filter_map(|result| Some((id(result)?, result))).collect();
    // Without ids the order tells, if there is one for each.
    let in_order = named.is_empty() && results.len() == ids.len();
    let one = |(n, asked): (usize, &&str)| {
        let found = if in_order { results.get(n) } else { named.get(*asked).copied() };
        found.map_or_else(
            || ItemScores::Again("the scorer's answer leaves it out".to_owned()),
            |result| item(name, threshold, result),
        )
    };
    Sent::Answered(ids.iter().enumerate().map(one).collect())
}

fn item(name: &str, threshold: f64, result: &Value) -> ItemScores {
    if let Some(error) = result.get("error").filter(|error| !error.is_null()) {
        let kind = error.get("type").and_then(Value::as_str).unwrap_or("error");
        let why = format!("the scorer says: {}", kind.chars().take(200).collect::<String>());
        let retryable = error.get("retryable").and_then(Value::as_bool) == Some(true);
        return if retryable { ItemScores::Again(why) } else { ItemScores::Unscored(why) };
    }
    match result.get("scores") {
        Some(Value::Array(scores)) => {
            let one = |score: &Value| {
                let own = score.get("name").and_then(Value::as_str).filter(|own| *own != name);
                // Several scores of one scorer are filed under it.
                let name = own.map_or_else(|| name.to_owned(), |own| format!("{name}.{own}"));
                score_of(&name, threshold, score)
            };
            ItemScores::Scored(scores.iter().map(one).collect())
        }
        Some(_) => ItemScores::Unscored("`scores` is not a list".to_owned()),
        None => ItemScores::Scored(vec![score_of(name, threshold, result)]),
    }
}

/// A bare `true`, `0.8` or null; `{value, label, explanation, cost_usd}`; promptfoo's `{pass,
/// score, reason}`.
fn score_of(name: &str, threshold: f64, given: &Value) -> Score {
    let Value::Object(map) = given else { return bare(name, threshold, given) };
    let text = |keys: [&str; 2]| {
        keys.iter()
            .find_map(|key| map.get(*key)?.as_str())
            .map(|text| text.chars().take(4000).collect())
    };
    let mut score = judged(name, threshold, map);
    if let Some(explanation) = text(["explanation", "reason"]) {
        score.explanation = Some(explanation);
    }
    score.label = text(["label", "label"]);
    score.cost =
        map.get("cost_usd").and_then(Value::as_f64).and_then(Nanos::of_usd).unwrap_or_default();
    score
}

fn judged(name: &str, threshold: f64, map: &Map<String, Value>) -> Score {
    let value = ["value", "score"].iter().find_map(|key| map.get(*key));
    match (map.get("pass"), value) {
        (Some(Value::Bool(pass)), value) => {
            let value =
                value.map_or_else(|| Score::binary(name, *pass, ""), |v| bare(name, threshold, v));
            match value.value {
                Some(_) => Score { pass: Some(*pass), ..value },
                // A verdict with a value that is none: the verdict counts.
                None => Score::binary(name, *pass, ""),
            }
        }
        (None | Some(Value::Null), Some(value)) => bare(name, threshold, value),
        _ => Score::unscored(name, "the scorer gave neither a value nor a verdict"),
    }
}

fn bare(name: &str, threshold: f64, value: &Value) -> Score {
    match value {
        Value::Bool(pass) => Score::binary(name, *pass, ""),
        Value::Number(number) => match number.as_f64().filter(|n| (0.0..=1.0).contains(n)) {
            Some(number) => Score::graded(name, number, threshold, ""),
            None => {
                Score::unscored(name, format!("the scorer gave {number}, which is not from 0 to 1"))
            }
        },
        Value::Null => Score::unscored(name, "the scorer gave no judgement"),
        _ => Score::unscored(name, "the scorer gave neither true or false nor a number"),
    }
}
