//! The contract `score/1`, from both sides.

use crate::support::{says, scorer};
use serde_json::{Value, json};
use stagegate_eval::{
    CallFailure, ItemScores, Outgoing, Post, Replied, Sample, Score, Sent, answered, ask,
    idempotency_key, request_body,
};
use std::sync::Mutex;

fn replied(status: u16, body: &str) -> Replied {
    Replied { status, retry_after_ms: None, body: body.as_bytes().to_vec() }
}

/// Returns the scores of one item's result.
fn one(result: &Value) -> ItemScores {
    let body = json!({ "results": [result] }).to_string();
    match answered("s", 0.5, &["a"], &replied(200, &body)) {
        Sent::Answered(mut items) => items.pop().expect("one"),
        other => panic!("{other:?}"),
    }
}

fn score(result: &Value) -> Score {
    match one(result) {
        ItemScores::Scored(mut scores) if scores.len() == 1 => scores.remove(0),
        other => panic!("{result}: {other:?}"),
    }
}

#[test]
fn the_ways_to_answer() {
    for (result, value, outcome) in [
        (json!({"id": "a", "scores": [{"name": "s", "value": true}]}), Some(1.0), "pass"),
        (json!({"id": "a", "scores": [{"name": "s", "value": false}]}), Some(0.0), "fail"),
        (json!({"id": "a", "scores": [{"name": "s", "value": 0.8}]}), Some(0.8), "pass"),
        (json!({"id": "a", "scores": [{"name": "s", "value": 0.4}]}), Some(0.4), "fail"),
        (json!({"id": "a", "scores": [{"name": "s", "value": null}]}), None, "unscored"),
        (json!({"id": "a", "scores": [{"name": "s", "value": 7}]}), None, "unscored"),
        (json!({"id": "a", "scores": [{"name": "s", "value": "good"}]}), None, "unscored"),
        (json!({"id": "a", "scores": [true]}), Some(1.0), "pass"),
        (json!({"id": "a", "pass": true, "score": 0.2, "reason": "r"}), Some(0.2), "pass"),
        (json!({"id": "a", "pass": false, "score": 1}), Some(1.0), "fail"),
        (json!({"id": "a", "pass": true}), Some(1.0), "pass"),
        (json!({"id": "a", "score": 0.6}), Some(0.6), "pass"),
        (json!({"id": "a"}), None, "unscored"),
        (json!(true), Some(1.0), "pass"),
        (json!(0.8), Some(0.8), "pass"),
        (json!(null), None, "unscored"),
    ] {
        let score = score(&result);
        assert_eq!((score.value, score.outcome()), (value, outcome), "{result}");
    }
    let told = score(
        &json!({"id": "a", "scores": [{"value": 1, "label": "good", "explanation": "e", "cost_usd": 0.002}]}),
    );
    assert_eq!((told.label.as_deref(), told.explanation.as_deref()), (Some("good"), Some("e")));
    assert_eq!(told.cost.0, 2_000_000);
    let two = one(
        &json!({"id": "a", "scores": [{"name": "tone", "value": 1}, {"name": "s", "value": 0}]}),
    );
    let ItemScores::Scored(two) = two else { panic!("{two:?}") };
    assert_eq!(two.iter().map(|score| score.name.as_str()).collect::<Vec<_>>(), ["s.tone", "s"]);
}

#[test]
fn what_goes_wrong_is_never_a_failure_of_the_sample() {
    let retry = json!({"id": "a", "error": {"type": "busy", "retryable": true}});
    assert_eq!(one(&retry), ItemScores::Again("the scorer says: busy".to_owned()));
    let never = json!({"id": "a", "error": {"type": "too long", "retryable": false}});
    assert_eq!(one(&never), ItemScores::Unscored("the scorer says: too long".to_owned()));
    for (status, body) in [(500, ""), (503, "{}"), (429, ""), (200, "not json"), (200, "{}x")] {
        let sent = answered("s", 0.5, &["a"], &replied(status, body));
        assert!(matches!(sent, Sent::Again { .. }), "{status} {body}: {sent:?}");
    }
    assert!(matches!(answered("s", 0.5, &["a"], &replied(400, "")), Sent::Refused { .. }));
    assert_eq!(answered("s", 0.5, &["a"], &replied(202, "")), Sent::Later);
    let busy = Replied { retry_after_ms: Some(2000), ..replied(429, "") };
    assert!(matches!(answered("s", 0.5, &["a"], &busy), Sent::Again { after_ms: Some(2000), .. }));
}

#[test]
fn answers_find_their_items_by_id_or_by_order() {
    let pass = |sent: Sent| match sent {
        Sent::Answered(items) => items
            .into_iter()
            .map(|item| match item {
                ItemScores::Scored(scores) => {
                    scores[0].pass.map_or('?', |p| if p { '+' } else { '-' })
                }
                ItemScores::Again(_) => 'a',
                ItemScores::Unscored(_) => 'u',
            })
            .collect::<String>(),
        other => format!("{other:?}"),
    };
    let read = |body: &str| pass(answered("s", 0.5, &["a", "b"], &replied(200, body)));
    assert_eq!(read(r#"{"results":[{"id":"b","pass":true},{"id":"a","pass":false}]}"#), "-+");
    assert_eq!(read(r#"{"results":[{"id":"b","pass":true},{"id":"z","pass":false}]}"#), "a+");
    assert_eq!(read(r#"{"results":[true,0.1]}"#), "+-");
    assert_eq!(read("[0.9,null]"), "+?");
    assert_eq!(read("[true]"), "aa", "one answer for two items is nobody's");
    assert!(read("true").starts_with("Again"));
    assert_eq!(pass(answered("s", 0.5, &["a"], &replied(200, "true"))), "+");
}

/// Keeps what was posted, and answers.
struct Fake(Mutex<Vec<Outgoing>>, Result<Replied, CallFailure>);

impl Post for Fake {
    fn post(&self, outgoing: &Outgoing) -> Result<Replied, CallFailure> {
        self.0.lock().expect("not poisoned").push(outgoing.clone());
        self.1.clone()
    }
}

#[test]
fn a_request_is_signed_named_and_blind() {
    let definition = json!({"type": "http", "url": "http://scorer/x", "secret": "a secret of ours", "version": "3"});
    let spec = scorer(definition);
    let mut sample = says("fine");
    sample.expected = Some(json!("fine"));
    sample.metadata.insert("stagegate.arm".to_owned(), json!("candidate"));
    sample.metadata.insert("plan".to_owned(), json!("gold"));
    let fake = Fake(Mutex::new(Vec::new()), Ok(replied(200, "true")));
    let sent = ask(&spec, &[&sample], 1_700_000_000, &fake);
    assert!(matches!(sent, Sent::Answered(items) if matches!(&items[..], [ItemScores::Scored(_)])));
    let posted = fake.0.lock().expect("not poisoned").remove(0);
    let header = |name: &str| {
        posted.headers.iter().find(|(n, _)| *n == name).map(|(_, value)| value.clone())
    };
    assert_eq!(header("idempotency-key").as_deref(), Some("req-1:s:3"));
    let signature = header("stagegate-signature").expect("signed");
    assert!(signature.starts_with("t=1700000000,v1=") && signature.len() == 80, "{signature}");
    let body: Value = serde_json::from_slice(&posted.body).expect("JSON");
    assert_eq!(body["schema"], "score/1");
    let item = &body["items"][0];
    assert_eq!((&item["output"], &item["expected"]), (&json!("fine"), &json!("fine")));
    assert_eq!(item["metadata"], json!({"plan": "gold"}));
    let text = String::from_utf8_lossy(&posted.body);
    assert!(!text.contains("candidate") && !text.contains("v43"), "{text}");
    assert!(!format!("{posted:?}").contains("fine"));

    let other = Sample { id: "req-2".to_owned(), ..sample.clone() };
    let (one, two) =
        (idempotency_key(&spec, &[&sample, &other]), idempotency_key(&spec, &[&other]));
    assert_eq!(two, "req-2:s:3");
    assert_eq!((one.len(), one.ends_with(":s:3")), (36, true));
    assert_eq!(request_body(&[&sample]), posted.body);

    let dead = Fake(
        Mutex::new(Vec::new()),
        Err(CallFailure { why: "no answer in time".to_owned(), arrived: true }),
    );
    assert!(
        matches!(ask(&spec, &[&sample], 0, &dead), Sent::Again { why, .. } if why == "no answer in time")
    );
}
