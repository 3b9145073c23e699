//! Tests of each built-in scorer.

use crate::support::{chat, judged, sample, says};
use serde_json::{Value, json};
use stagegate_eval::Sample;

/// The outcome of each definition on an answer that says this.
fn each(text: &str, cases: &[(Value, &str)]) {
    on(&says(text), cases);
}

fn on(sample: &Sample, cases: &[(Value, &str)]) {
    for (definition, wanted) in cases {
        let score = judged(definition.clone(), sample);
        assert_eq!(score.outcome(), *wanted, "{definition}: {score:?}");
        assert!(score.pass != Some(false) || score.explanation.is_some(), "{definition}");
        let opposite = match *wanted {
            "pass" => "fail",
            "fail" => "pass",
            other => other,
        };
        let mut negated = definition.clone();
        negated["not"] = json!(true);
        assert_eq!(judged(negated, sample).outcome(), opposite, "not {definition}");
        let mut negated = definition.clone();
        negated["type"] = json!(format!("not-{}", definition["type"].as_str().expect("a type")));
        assert_eq!(judged(negated, sample).outcome(), opposite, "not- {definition}");
    }
}

#[test]
fn text() {
    each(
        "The Answer is 42.",
        &[
            (json!({"type": "equals", "value": "The Answer is 42."}), "pass"),
            (json!({"type": "equals", "value": "The answer is 42."}), "fail"),
            (json!({"type": "equals"}), "unscored"),
            (json!({"type": "contains", "value": "Answer"}), "pass"),
            (json!({"type": "contains", "value": "answer"}), "fail"),
            (json!({"type": "icontains", "value": "ANSWER"}), "pass"),
            (json!({"type": "contains-any", "value": ["41", "42"]}), "pass"),
            (json!({"type": "contains-all", "value": ["41", "42"]}), "fail"),
            (json!({"type": "icontains-all", "value": ["ANSWER", "IS"]}), "pass"),
            (json!({"type": "icontains-any", "value": ["x", "y"]}), "fail"),
            (json!({"type": "regex", "value": "\\b\\d+\\.$"}), "pass"),
            (json!({"type": "regex", "value": "^\\d"}), "fail"),
            (json!({"type": "starts-with", "value": "The "}), "pass"),
            (json!({"type": "starts-with", "value": "the "}), "fail"),
            (json!({"type": "keywords", "value": ["damn", "answers"]}), "pass"),
            (json!({"type": "keywords", "value": ["ANSWER"]}), "fail"),
            (json!({"type": "length", "min": 17, "max": 17}), "pass"),
            (json!({"type": "length", "max": 16}), "fail"),
            (json!({"type": "is-refusal"}), "fail"),
        ],
    );
    let mut labelled = says("Grüezi");
    labelled.expected = Some(json!("Grüezi"));
    on(
        &labelled,
        &[(json!({"type": "equals"}), "pass"), (json!({"type": "length", "max": 6}), "pass")],
    );
}

#[test]
fn refusals() {
    let refusal = (json!({"type": "is-refusal"}), "pass");
    for text in ["I can't help with that.", "  I’m sorry, but no.", "As an AI, I have no opinion."]
    {
        each(text, std::slice::from_ref(&refusal));
    }
    each(
        "You can do it; I can't think of a reason not to.",
        &[(json!({"type": "is-refusal"}), "fail")],
    );
    let said = json!({ "role": "assistant", "content": null, "refusal": "No." });
    on(&sample(&json!({}), &chat(&said, "stop")), std::slice::from_ref(&refusal));
    let filtered = json!({ "role": "assistant", "content": "" });
    on(&sample(&json!({}), &chat(&filtered, "content_filter")), &[refusal]);
}

#[test]
fn structure() {
    let schema =
        json!({"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}});
    let stricter = json!({"type": "object", "required": ["m"]});
    each(
        r#" {"n": 4, "list": [{"name": "a"}, {"name": "b"}]} "#,
        &[
            (json!({"type": "is-json"}), "pass"),
            (json!({"type": "is-json", "value": schema}), "pass"),
            (json!({"type": "json-schema", "value": schema}), "pass"),
            (json!({"type": "json-schema", "value": stricter}), "fail"),
            (json!({"type": "json-path", "path": "$.list[*].name"}), "pass"),
            (json!({"type": "json-path", "path": "$.list[*].name", "value": "b"}), "pass"),
            (json!({"type": "json-path", "path": "$.list[0].name", "value": "b"}), "fail"),
            (json!({"type": "json-path", "path": "$.nothing"}), "fail"),
            (
                json!({"type": "equals", "value": {"list": [{"name": "a"}, {"name": "b"}], "n": 4}}),
                "pass",
            ),
            (json!({"type": "finish-reason", "value": "stop"}), "pass"),
            (json!({"type": "finish-reason", "value": ["length", "tool_calls"]}), "fail"),
        ],
    );
    each(
        "Sure: {not} ```json\n{\"n\": 4}\n``` done",
        &[
            (json!({"type": "is-json"}), "fail"),
            (json!({"type": "json-schema", "value": schema}), "fail"),
            (json!({"type": "json-path", "path": "$.n"}), "fail"),
            (json!({"type": "contains-json"}), "pass"),
            (json!({"type": "contains-json", "value": schema}), "pass"),
            (json!({"type": "contains-json", "value": stricter}), "fail"),
        ],
    );
    let anthropic = json!({ "type": "message", "content": [{ "type": "text", "text": "cut" }], "stop_reason": "max_tokens" });
    on(
        &sample(&json!({}), &anthropic),
        &[
            (json!({"type": "finish-reason", "value": "length"}), "pass"),
            (json!({"type": "finish-reason", "value": "max_tokens"}), "pass"),
            (json!({"type": "finish-reason", "value": "stop"}), "fail"),
        ],
    );
    on(
        &sample(&json!({}), &json!({"plain": 1})),
        &[(json!({"type": "finish-reason", "value": "stop"}), "unscored")],
    );
}

/// An answer that calls these tools, to a request that offers `search` in each protocol's way.
fn calling(calls: &[(&str, &str)], tools: &Value) -> Sample {
    let call = |(name, arguments): &(&str, &str)| json!({ "id": "c", "type": "function", "function": { "name": name, "arguments": arguments } });
    let calls: Vec<Value> = calls.iter().map(call).collect();
    let said = json!({ "role": "assistant", "content": null, "tool_calls": calls });
    sample(&json!({ "messages": [], "tools": tools }), &chat(&said, "tool_calls"))
}

#[test]
fn tools() {
    let schema =
        json!({"type": "object", "required": ["q"], "properties": {"q": {"type": "string"}}});
    let capitals =
        json!({"type": "OBJECT", "required": ["q"], "properties": {"q": {"type": "STRING"}}});
    let valid = |wanted| [(json!({"type": "valid-tool-call"}), wanted)];
    for tools in [
        json!([{ "type": "function", "function": { "name": "search", "parameters": schema } }]),
        json!([{ "type": "function", "name": "search", "parameters": schema }]),
        json!([{ "name": "search", "input_schema": schema }]),
        json!([{ "functionDeclarations": [{ "name": "search", "parameters": capitals }] }]),
    ] {
        on(&calling(&[("search", r#"{"q": "trains"}"#)], &tools), &valid("pass"));
        on(&calling(&[("search", r#"{"q": 4}"#)], &tools), &valid("fail"));
        on(&calling(&[("search", r#"{"q": "tra"#)], &tools), &valid("fail"));
        on(&calling(&[("search", "{}")], &tools), &valid("fail"));
        on(&calling(&[("fly", "{}")], &tools), &valid("fail"));
        on(&calling(&[], &tools), &valid("fail"));
    }
    let nonsense = json!([{ "name": "search", "input_schema": { "type": "nonsense" } }]);
    on(&calling(&[("search", "{}")], &nonsense), &valid("unscored"));

    let two = calling(&[("search", "{}"), ("book", "{}")], &json!([]));
    on(
        &two,
        &[
            (json!({"type": "tool-used", "value": "book"}), "pass"),
            (json!({"type": "tool-used", "value": ["book", "pay"]}), "fail"),
            (json!({"type": "tool-sequence", "value": ["search", "book"]}), "pass"),
            (json!({"type": "tool-sequence", "value": ["book", "search"]}), "fail"),
            (json!({"type": "tool-sequence", "value": ["book"]}), "pass"),
            (json!({"type": "tool-sequence", "value": ["book"], "exact": true}), "fail"),
            (json!({"type": "step-count", "max": 2}), "pass"),
            (json!({"type": "step-count", "min": 3}), "fail"),
        ],
    );
}

#[test]
fn what_is_not_known_is_not_judged() {
    let mut sample = says("fine");
    on(
        &sample,
        &[
            (json!({"type": "latency", "threshold": 500}), "unscored"),
            (json!({"type": "cost", "threshold": 0.01}), "unscored"),
        ],
    );
    sample.metrics.latency_s = Some(0.5);
    sample.metrics.cost_usd = Some(0.02);
    on(
        &sample,
        &[
            (json!({"type": "latency", "threshold": 500}), "pass"),
            (json!({"type": "latency", "threshold": 499}), "fail"),
            (json!({"type": "cost", "threshold": 0.01}), "fail"),
        ],
    );
    sample.truncated.response = true;
    on(
        &sample,
        &[
            (json!({"type": "contains", "value": "fine"}), "unscored"),
            (json!({"type": "latency", "threshold": 500}), "pass"),
        ],
    );
}

#[test]
fn a_set_is_decided_as_soon_as_it_can_be() {
    let yes = json!({"type": "contains", "value": "fine"});
    let no = json!({"type": "contains", "value": "bad", "weight": 3});
    let open = json!({"type": "cost", "threshold": 1});
    let set = |members: &[&Value], threshold: Option<f64>| json!({"type": "assert-set", "assert": members, "threshold": threshold});
    each(
        "fine",
        &[
            (set(&[&yes, &yes], None), "pass"),
            (set(&[&yes, &no], None), "fail"),
            (set(&[&yes, &open], None), "unscored"),
            (set(&[&no, &open], None), "fail"),
            (set(&[&yes, &no], Some(0.25)), "pass"),
            (set(&[&yes, &no], Some(0.26)), "fail"),
            (set(&[&yes, &open], Some(0.5)), "pass"),
            (set(&[&yes, &open], Some(0.6)), "unscored"),
            (set(&[&no, &open], Some(0.5)), "fail"),
        ],
    );
    assert_eq!(judged(set(&[&yes, &no], Some(0.25)), &says("fine")).value, Some(0.25));
    let nested = set(&[&set(&[&yes], None), &json!({"type": "not-is-json"})], None);
    each("fine", &[(nested, "pass")]);
}
