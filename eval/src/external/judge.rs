//! A model as a judge: what it is sent, and what its answers mean.
//!
//! A judge that answers anything but a grade leaves the sample unscored. A sentence that happens to
//! hold the word "fail" is not a failure.

use super::contract::{ItemScores, Sent};
use super::idempotency::idempotency_key;
use super::settings::RubricScorer;
use super::{EVAL_HEADER, prompt};
use crate::{Finish, Message, Nanos, Outgoing, Protocol, Replied, Sample, Score, ScorerSpec};
use serde_json::Value;

/// The answer of a judge.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// The grade.
    pub score: Score,
    /// Tokens it read and wrote, where the answer says so.
    pub tokens: Option<(u64, u64)>,
}

pub(super) fn outgoing(rubric: &RubricScorer, spec: &ScorerSpec, sample: &Sample) -> Outgoing {
    let body = prompt::body(rubric, sample).to_string().into_bytes();
    let mut headers = vec![
        ("content-type", "application/json".to_owned()),
        ("idempotency-key", idempotency_key(spec, &[sample])),
        (EVAL_HEADER, spec.name.clone()),
    ];
    if let Some(key) = &rubric.api_key {
        headers.push(("authorization", format!("Bearer {}", key.expose())));
    }
    let url = format!("{}/chat/completions", rubric.url);
    Outgoing { url, headers, body, timeout_ms: rubric.timeout_ms }
}

impl RubricScorer {
    /// The most that judging this sample can cost, for the reservation: three bytes of the request
    /// to a token, and an answer of full length. `None` without prices.
    #[must_use]
    pub fn dearest(&self, sample: &Sample) -> Option<Nanos> {
        let bytes = prompt::body(self, sample).to_string().len() as u64;
        Some(self.prices?.of(bytes.div_ceil(3), self.max_tokens))
    }
}

pub(super) fn sent(rubric: &RubricScorer, name: &str, id: &str, replied: &Replied) -> Sent {
    debug_assert!(!id.is_empty(), "a sample has an id");
    match Sent::of_status(replied) {
        // A model's endpoint has no "later".
        Some(Sent::Later) => Sent::again(None, "the judge answered 202"),
        Some(sent) => sent,
        None => {
            let judged = judge(name, rubric.threshold, &replied.body);
            let cost = rubric.prices.zip(judged.tokens).map(|(p, (i, o))| p.of(i, o));
            let score = Score { cost: cost.unwrap_or_default(), ..judged.score };
            Sent::Answered(vec![ItemScores::Scored(vec![score])])
        }
    }
}

/// Reads the body of a judge's answer (an OpenAI chat completion).
#[must_use]
pub fn judge(name: &str, threshold: Option<f64>, body: &[u8]) -> Judged {
    let Ok(body) = serde_json::from_slice::<Value>(body) else {
        return Judged {
            score: Score::unscored(name, "the judge's answer is not JSON"),
            tokens: None,
        };
    };
    let message = Message::of_body(Protocol::OpenAiChat, &body);
    let used = |key: &str| message.usage.as_ref()?.get(key)?.as_u64();
    let tokens = used("prompt_tokens").zip(used("completion_tokens"));
    Judged { score: grade(name, threshold, &message), tokens }
}

fn grade(name: &str, threshold: Option<f64>, message: &Message) -> Score {
    let unscored = |why: &str| Score::unscored(name, why);
    let Some(choice) = message.first() else { return unscored("the judge said nothing") };
    if choice.refusal.is_some() || choice.finish() == Some(Finish::ContentFilter) {
        return unscored("the judge refused");
    }
    if choice.finish() == Some(Finish::Length) {
        return unscored("the judge's answer was cut; raise `max_tokens`");
    }
    let Some(grade) = object_in(&choice.text) else {
        return unscored("the judge's answer holds no JSON object");
    };
    let pass = grade.get("pass").and_then(truth);
    let value = grade.get("score").and_then(Value::as_f64);
    if value.is_some_and(|value| !(0.0..=1.0).contains(&value)) {
        return unscored("the judge's `score` is not from 0 to 1");
    }
    if grade.get("pass").is_some_and(|given| truth(given).is_none()) {
        return unscored("the judge's `pass` is neither true nor false");
    }
    let reason = grade.get("reason").and_then(Value::as_str).unwrap_or("");
    let reason: String = reason.chars().take(4000).collect();
    match (pass, value, threshold) {
        (_, Some(value), Some(threshold)) => Score::graded(name, value, threshold, reason),
        (Some(pass), Some(value), None) => {
            Score { value: Some(value), ..Score::binary(name, pass, reason) }
        }
        (Some(pass), None, None) => Score::binary(name, pass, reason),
        _ => unscored("the judge gave no `pass`, or no `score` where a threshold wants one"),
    }
}

fn truth(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(truth) => Some(*truth),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// The one JSON object in a text: bare, in a fence, or in a sentence. Two of them are none.
fn object_in(text: &str) -> Option<Value> {
    let (mut rest, mut found) = (text, None);
    while let Some(at) = rest.find('{') {
        let mut values = serde_json::Deserializer::from_str(&rest[at..]).into_iter::<Value>();
        match values.next() {
            Some(Ok(value)) => {
                rest = &rest[at + values.byte_offset()..];
                let graded = value.get("pass").is_some() || value.get("score").is_some();
                if graded && found.replace(value).is_some() {
                    return None;
                }
            }
            _ => rest = &rest[at + 1..],
        }
    }
    found
}
