//! Measures the samples and scores per second of one core: chat completions go through decoding,
//! redaction, the store and built-in scorers at full speed, on one thread.
//!
//! Run with `cargo bench -p stagegate-scoring`. What counts is the time on the core, so that a busy
//! machine gives the same figure.
// A measurement says what it found, and panics where there is nothing to measure.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use serde_json::{Value, json};
use stagegate_eval::{
    Captured, Facts, Half, HealthLimits, Metrics, Redactor, Rule, Sample, SampleReason, ScorerSpec,
};
use stagegate_rollout::Arm;
use stagegate_scoring::{Limits, Rules, Scoring};
use stagegate_store::{SampleStore, SpendStore};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Samples that are accepted in one transaction, as the running program does.
const BATCH: u64 = 64;
const SAMPLES: u64 = 20_000;

/// A request of 1.5 KiB and an answer of 2 KiB, as an agent with a tool has them.
fn exchange() -> (Vec<u8>, Vec<u8>) {
    let system = "You are a support agent. Answer in JSON, be kind and short. ".repeat(12);
    let tool = json!({ "type": "function", "function": { "name": "find_order", "parameters": {
        "type": "object", "properties": { "id": { "type": "string" } }, "required": ["id"] } } });
    let request = json!({
        "model": "m", "tools": [tool], "messages": [
            { "role": "system", "content": system },
            { "role": "user", "content": "Where is order 1184-22-9 of jane.doe@example.com?" },
        ],
    });
    let said = json!({ "status": "shipped", "text": "It left our house on Monday. ".repeat(40) });
    let answer = json!({
        "id": "chatcmpl-1", "object": "chat.completion", "model": "m",
        "choices": [{ "index": 0, "finish_reason": "stop",
                      "message": { "role": "assistant", "content": said.to_string() } }],
        "usage": { "prompt_tokens": 412, "completion_tokens": 301 },
    });
    (request.to_string().into_bytes(), answer.to_string().into_bytes())
}

fn scorers() -> Vec<Arc<ScorerSpec>> {
    let definitions = [
        json!({ "name": "json", "type": "is-json", "gate": true }),
        json!({ "name": "shape", "type": "json-schema", "gate": true, "value": {
            "type": "object", "required": ["status", "text"] } }),
        json!({ "name": "words", "type": "keywords", "value": ["lawsuit", "guarantee"] }),
        json!({ "name": "ended", "type": "finish-reason", "value": "stop" }),
        json!({ "name": "short", "type": "length", "max": 4000 }),
    ];
    let no_files = |_: &str| Err("there are none".to_owned());
    let read = |it: &Value| Arc::new(ScorerSpec::read(it, &no_files).unwrap());
    definitions.iter().map(read).collect()
}

/// Seconds that this thread was on a core.
fn on_core() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e9
}

fn sample(n: u64, (request, answer): &(Vec<u8>, Vec<u8>), redactor: &Redactor) -> Sample {
    let facts = Facts {
        // A client's ids may be in no order at all.
        id: format!("{:016x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
        at_ms: n,
        workload: "agent".to_owned(),
        release: "v2".to_owned(),
        arm: Arm::Candidate,
        reason: SampleReason::Random,
        conversation: Some(format!("conversation-{n}")),
        tenant: Some("initech".to_owned()),
        trace_id: None,
        metrics: Metrics::default(),
        pair: None,
        metadata: BTreeMap::new(),
    };
    let half = |bytes| Half { bytes, content_type: "application/json", ..Half::default() };
    let captured = Captured {
        path: "/v1/chat/completions",
        request: half(request),
        response: half(answer),
        limit: 256 << 10,
        ..Captured::default()
    };
    Sample::of(facts, &captured, redactor)
}

fn main() {
    let dir = tempfile::tempdir().unwrap();
    let scorers = scorers();
    let rules = [
        Rule::Pattern(r"\b[0-9]{4}-[0-9]{2}-[0-9]\b".to_owned()),
        Rule::Pattern(r"[a-z.]+@[a-z.]+\.com".to_owned()),
    ];
    let redactor = Redactor::new(&rules).unwrap();
    let each = scorers.len() as u64;
    let rules = Rules {
        scorers,
        labelled: None,
        redactor: redactor.clone(),
        protocol: None,
        confidence: None,
        limit: 256 << 10,
        tenants: BTreeSet::new(),
    };
    let rules: HashMap<String, Arc<Rules>> = [("agent".to_owned(), Arc::new(rules))].into();
    let limits = Limits {
        memory: 64 << 20,
        max_age: Duration::from_secs(3600),
        max_samples: 100_000,
        judge: HealthLimits::default(),
    };
    let store = SampleStore::open(dir.path()).unwrap();
    let spend = SpendStore::open(dir.path()).unwrap();
    let scoring = Scoring::new(store, spend, limits, rules, Box::new(|_| {}), 0).unwrap();
    let exchange = exchange();
    let (began, busy) = (Instant::now(), on_core());
    let mut making = 0.0;
    for first in (0..SAMPLES).step_by(BATCH as usize) {
        let at = on_core();
        let batch = (first..(first + BATCH).min(SAMPLES)).map(|n| sample(n, &exchange, &redactor));
        let batch: Vec<Sample> = batch.collect();
        making += on_core() - at;
        scoring.accept(batch, first);
    }
    let (wall, busy) = (began.elapsed().as_secs_f64(), on_core() - busy);
    let figures = scoring.figures();
    let scored: u64 = figures.results.values().sum();
    assert_eq!((scored, figures.open), (SAMPLES * each, 0), "every sample by every scorer");
    println!("{SAMPLES} samples by {each} scorers: {wall:.2} s, {busy:.2} s on the core");
    println!(
        "  {:.0} samples/s and {:.0} scores/s of one core",
        SAMPLES as f64 / busy,
        scored as f64 / busy
    );
    println!(
        "  {:.0} us a sample: {:.0} decoding and redaction, {:.0} store and scorers",
        busy / SAMPLES as f64 * 1e6,
        making / SAMPLES as f64 * 1e6,
        (busy - making) / SAMPLES as f64 * 1e6
    );
}
