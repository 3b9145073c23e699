//! Measures the scores per second of a core. The figure is printed; what must hold is far below it.

use crate::support::{chat, sample, scorer};
use serde_json::json;
use std::time::Instant;

#[test]
fn built_in_scorers_are_no_bottleneck() {
    let schema = json!({"type": "object", "required": ["answer", "sources"], "properties": {
        "answer": {"type": "string"}, "sources": {"type": "array", "items": {"type": "string"}}}});
    let scorers: Vec<_> = [
        json!({"type": "json-schema", "value": schema}),
        json!({"type": "json-path", "path": "$.sources[*]", "value": "b"}),
        json!({"type": "regex", "value": "\\b(?:refund|return)s?\\b"}),
        json!({"type": "icontains-any", "value": ["sorry", "refund"]}),
        json!({"type": "keywords", "value": ["damn", "idiot", "guarantee", "lawsuit"]}),
        json!({"type": "not-is-refusal"}),
        json!({"type": "valid-tool-call"}),
        json!({"type": "step-count", "max": 4}),
    ]
    .into_iter()
    .map(scorer)
    .collect();
    let text = json!({"answer": "The refund takes five days. ".repeat(70), "sources": ["a", "b"]});
    let tool = json!({"name": "lookup", "parameters": {"type": "object", "required": ["id"],
        "properties": {"id": {"type": "integer"}}}});
    let said = json!({"role": "assistant", "content": text.to_string(), "tool_calls": [
        {"id": "c", "type": "function", "function": {"name": "lookup", "arguments": "{\"id\": 7}"}}]});
    let ask = json!({"messages": [{"role": "user", "content": "refund?"}],
        "tools": [{"type": "function", "function": tool}]});
    let sample = sample(&ask, &chat(&said, "tool_calls"));
    let began = Instant::now();
    let rounds = 500;
    let mut passed = 0;
    for _ in 0..rounds {
        passed += scorers
            .iter()
            .filter(|s| s.score(&sample).is_some_and(|s| s.pass == Some(true)))
            .count();
    }
    let took = began.elapsed().as_secs_f64();
    let rate = (rounds * scorers.len()) as f64 / took;
    println!("{rate:.0} built-in scores a second on one core, answers of 2 KB");
    assert_eq!(passed, rounds * scorers.len());
}
