//! Helpers of these tests.

use serde_json::{Value, json};
use stagegate_eval::{
    Captured, Facts, Half, Metrics, Redactor, Sample, SampleReason, Score, ScorerSpec,
};
use stagegate_rollout::Arm;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

pub(crate) fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus")
}

pub(crate) fn facts() -> Facts {
    Facts {
        id: "req-1".to_owned(),
        at_ms: 1_760_000_000_000,
        workload: "agent".to_owned(),
        release: "v43".to_owned(),
        arm: Arm::Candidate,
        reason: SampleReason::Random,
        conversation: Some("conv-1".to_owned()),
        tenant: Some("acme".to_owned()),
        trace_id: None,
        metrics: Metrics { status: Some(200), ..Metrics::default() },
        pair: None,
        metadata: BTreeMap::new(),
    }
}

pub(crate) fn half<'a>(bytes: &'a [u8], content_type: &'a str) -> Half<'a> {
    Half { bytes, content_type, ..Half::default() }
}

/// The redactor without rules of its own; made once, since compiling the shapes takes a while.
pub(crate) fn no_rules() -> &'static Redactor {
    static REDACTOR: OnceLock<Redactor> = OnceLock::new();
    REDACTOR.get_or_init(|| Redactor::new(&[]).expect("no rule is wrong"))
}

/// A sample of this request and JSON answer.
pub(crate) fn sample(request: &Value, answer: &Value) -> Sample {
    let (request, answer) = (request.to_string(), answer.to_string());
    let captured = Captured {
        path: "/v1/chat/completions",
        request: half(request.as_bytes(), "application/json"),
        response: half(answer.as_bytes(), "application/json"),
        limit: 1 << 20,
        ..Captured::default()
    };
    Sample::of(facts(), &captured, no_rules())
}

/// An OpenAI chat answer with this message.
pub(crate) fn chat(message: &Value, finish: &str) -> Value {
    json!({
        "id": "c-1", "object": "chat.completion", "model": "m-5",
        "choices": [{ "index": 0, "message": message, "finish_reason": finish }],
    })
}

/// A sample whose answer says this.
pub(crate) fn says(text: &str) -> Sample {
    let ask = json!({ "model": "m-5", "messages": [{ "role": "user", "content": "well?" }] });
    sample(&ask, &chat(&json!({ "role": "assistant", "content": text }), "stop"))
}

pub(crate) fn no_files(name: &str) -> Result<String, String> {
    Err(format!("{name} is not read in this test"))
}

/// A scorer from its definition; `name` is put in.
pub(crate) fn scorer(mut definition: Value) -> ScorerSpec {
    definition["name"] = json!("s");
    ScorerSpec::read(&definition, &no_files).unwrap_or_else(|e| panic!("{definition}: {e}"))
}

/// Scores a sample with a built-in scorer.
pub(crate) fn judged(definition: Value, sample: &Sample) -> Score {
    scorer(definition).score(sample).expect("a built-in scorer")
}
