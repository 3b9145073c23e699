//! Whole conversations as samples.

use crate::support::{chat, sample, scorer};
use serde_json::{Value, json};
use stagegate_eval::{
    CallFailure, Metrics, Outgoing, Post, Replied, Sample, SampleReason, Transcript, ask,
};
use std::sync::Mutex;

/// A turn of an agent that is sent the whole conversation each time.
fn turn(n: usize, history: &[(&str, &str)], answer: &Value) -> Sample {
    let messages: Vec<Value> =
        history.iter().map(|(role, text)| json!({ "role": role, "content": text })).collect();
    let asked = json!({ "model": "m-5", "messages": messages });
    let metrics = Metrics {
        status: Some(200),
        cost_usd: Some(0.5),
        tokens_in: Some(10),
        ..Metrics::default()
    };
    Sample { id: format!("req-{n}"), metrics, ..sample(&asked, &chat(answer, "stop")) }
}

fn conversation() -> Transcript {
    let says = |text: &str| json!({ "role": "assistant", "content": text });
    let call = json!({ "role": "assistant", "content": null, "tool_calls": [
        { "id": "t1", "type": "function", "function": { "name": "pay", "arguments": "{\"eur\":5}" } }] });
    let system = ("system", "be kind");
    let (hello, order) = (("user", "hello"), ("user", "my money"));
    let mut all = Transcript::begin(&turn(1, &[system, hello], &says("hi")));
    all.add(&turn(2, &[system, hello, ("assistant", "hi"), order], &call));
    let tool = ("tool", "paid");
    all.add(&turn(3, &[system, hello, ("assistant", "hi"), order, tool], &says("it is refunded")));
    all
}

#[test]
fn a_conversation_is_one_sample_with_what_was_new_in_every_turn() {
    let whole = conversation().into_sample(77, true);
    assert_eq!(
        (&*whole.id, whole.at_ms, whole.reason),
        ("req-1~conversation", 77, SampleReason::Random)
    );
    assert!(whole.is_conversation() && whole.unreadable().is_none());
    let turns = whole.input["turns"].as_array().expect("turns");
    let texts = |n: usize| -> Vec<&str> {
        let request = turns[n]["request"].as_array().expect("messages");
        request.iter().filter_map(|it| it["content"].as_str()).collect()
    };
    assert_eq!(turns.len(), 3);
    assert_eq!(texts(0), ["be kind", "hello"]);
    assert_eq!(texts(1), ["my money"], "neither what was known nor the answer");
    assert_eq!(texts(2), ["paid"]);
    assert_eq!(turns[1]["tool_calls"][0]["name"], "pay");
    assert_eq!(whole.text(), "hi\n\n\n\nit is refunded");
    assert_eq!(whole.metrics.cost_usd, Some(1.5));
    assert_eq!(whole.metrics.tokens_in, Some(30));
    assert_eq!(whole.metadata["turns"], 3);
}

#[test]
fn checks_see_all_answers_and_all_tools() {
    let whole = conversation().into_sample(77, true);
    for (definition, passes) in [
        (json!({ "type": "contains", "value": "refunded" }), true),
        (json!({ "type": "contains", "value": "hi" }), true),
        (json!({ "type": "tool-used", "value": "pay" }), true),
        (json!({ "type": "tool-used", "value": "search" }), false),
        (json!({ "type": "step-count", "max": 1 }), true),
        (json!({ "type": "cost", "threshold": 1 }), false),
    ] {
        let mut definition = definition;
        definition["unit"] = "conversation".into();
        let score = scorer(definition.clone()).score(&whole).expect("a check");
        assert_eq!(score.pass, Some(passes), "{definition}: {score:?}");
    }
}

#[test]
fn what_moved_to_another_release_or_began_before_does_not_count() {
    let first = turn(1, &[("user", "a")], &json!({ "role": "assistant", "content": "b" }));
    let mut moved = Transcript::begin(&first);
    moved.add(&Sample { release: "v44".to_owned(), ..first.clone() });
    assert_eq!(moved.into_sample(9, true).reason, SampleReason::Targeted);
    assert_eq!(Transcript::begin(&first).into_sample(9, false).reason, SampleReason::Targeted);
}

#[test]
fn turns_without_an_answer_are_told_and_a_conversation_without_any_is_unreadable() {
    let good = turn(1, &[("user", "a")], &json!({ "role": "assistant", "content": "b" }));
    let metrics = Metrics { status: Some(500), ..Metrics::default() };
    let bad = Sample { metrics, ..good.clone() };
    let mut mixed = Transcript::begin(&bad);
    mixed.add(&good);
    let mixed = mixed.into_sample(9, true);
    let first = &mixed.input["turns"][0];
    assert!(first["no_answer"].to_string().contains("status 500"), "{first}");
    assert_eq!((mixed.text().as_ref(), mixed.unreadable()), ("b", None));
    assert!(Transcript::begin(&bad).into_sample(9, true).unreadable().is_some());
}

#[test]
fn a_transcript_is_bounded() {
    let long = "x".repeat(100_000);
    let turn = turn(1, &[("user", "a")], &json!({ "role": "assistant", "content": long }));
    let mut all = Transcript::begin(&turn);
    for _ in 0..50 {
        all.add(&turn);
    }
    assert!(all.bytes() <= 256 << 10, "{}", all.bytes());
    let whole = all.into_sample(9, true);
    assert!(whole.truncated.request && whole.metadata["turns"] == 51);
}

struct Judge(Mutex<Vec<Outgoing>>);

impl Post for Judge {
    fn post(&self, outgoing: &Outgoing) -> Result<Replied, CallFailure> {
        self.0.lock().expect("not poisoned").push(outgoing.clone());
        Ok(Replied { status: 500, retry_after_ms: None, body: Vec::new() })
    }
}

#[test]
fn a_judge_reads_the_transcript() {
    let judge = Judge(Mutex::default());
    let rubric = json!({ "type": "llm-rubric", "unit": "conversation", "model": "j",
        "rubric": "the customer has the money", "url": "http://127.0.0.1:1/v1" });
    let whole = conversation().into_sample(77, true);
    ask(&scorer(rubric), &[&whole], 0, &judge);
    let sent = judge.0.lock().expect("not poisoned");
    let body: Value = serde_json::from_slice(&sent[0].body).expect("JSON");
    let system = body["messages"][0]["content"].as_str().expect("text");
    assert!(system.contains("whole conversation"), "{system}");
    let data: Value =
        serde_json::from_str(body["messages"][1]["content"].as_str().expect("text")).expect("JSON");
    let transcript = data["conversation"].as_str().expect("a transcript");
    for part in ["my money", "it is refunded", "pay"] {
        assert!(transcript.contains(part), "{part}: {transcript}");
    }
    assert!(data.get("answer").is_none(), "{data}");
}
