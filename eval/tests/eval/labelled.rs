//! Tests of labelled sets: correct responses by request.

use crate::support::{no_rules, says};
use serde_json::{Value, json};
use stagegate_eval::dataset::{Dataset, Record, ReviewStatus};
use stagegate_eval::{LabelledSet, Redactor, Rule, Score};

fn read(lines: &[Value]) -> Result<LabelledSet, Vec<(u32, String)>> {
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    LabelledSet::read(&text, no_rules())
        .map_err(|bad| bad.into_iter().map(|it| (it.line, it.message)).collect())
}

fn ask(text: &str) -> Value {
    json!({ "model": "m", "messages": [{ "role": "user", "content": text }] })
}

#[test]
fn a_question_finds_its_answer_however_it_is_delivered() {
    let set = read(&[
        json!({ "input": ask("2+2?"), "expected": "4", "id": "x", "tags": ["sums"] }),
        json!({ "input": "plain", "expected": { "ok": true } }),
        json!({ "input": ask("2+2?"), "expected": "4" }),
    ])
    .expect("a set");
    assert_eq!(set.len(), 2);
    let mut streamed = ask("2+2?");
    streamed["stream"] = json!(true);
    assert_eq!(set.expected(&streamed), Some(json!("4")));
    assert_eq!(set.expected(&json!("plain")), Some(json!({ "ok": true })));
    assert_eq!(set.expected(&ask("2+3?")), None);
    let none = LabelledSet::read("\u{feff}\n  \n", no_rules()).expect("nothing");
    assert!(none.is_empty() && none.expected(&ask("2+2?")).is_none());
}

#[test]
fn lines_that_cannot_be_used_are_named() {
    let text = "{\"input\":1,\"expected\":2}\n\nnot json\n[1]\n{\"input\":2}\n\
                {\"expected\":2}\n{\"input\":3,\"expected\":null}\n{\"input\":1,\"expected\":3}\n";
    let bad = LabelledSet::read(text, no_rules()).expect_err("bad lines");
    let lines: Vec<u32> = bad.iter().map(|it| it.line).collect();
    assert_eq!(lines, [3, 4, 5, 6, 7, 8]);
    assert!(bad[2].message.contains("no `expected`"), "{bad:?}");
    assert!(bad[5].message.contains("line 1"), "{bad:?}");
    let many = "x\n".repeat(1000);
    assert_eq!(LabelledSet::read(&many, no_rules()).expect_err("bad").len(), 10, "and no flood");
}

#[test]
fn a_dataset_labels_with_what_reviewers_said_last() {
    let case = |id: &str, text: &str| {
        let mut sample = says("wrong");
        (sample.id, sample.input) = (id.to_owned(), ask(text));
        Record::of(&sample, &[Score::binary("tone", false, "")]).expect("a case")
    };
    let mut set = Dataset::default();
    set.append(vec![case("a", "one?"), case("b", "two?"), case("c", "three?")]);
    let mut review = |id: &str, status, expected: Option<&str>| {
        set.review(id, status, expected.map(Value::from), "ann", 1).expect("there");
    };
    review("a", ReviewStatus::Approved, Some("first"));
    review("a", ReviewStatus::Approved, Some("better"));
    review("b", ReviewStatus::Approved, Some("two"));
    review("b", ReviewStatus::Rejected, None);
    let text = set.write();
    let labelled = LabelledSet::read(&text, no_rules()).expect("a set");
    assert_eq!(labelled.len(), 1, "nobody said what is right of the third");
    assert_eq!(labelled.expected(&ask("one?")), Some(json!("better")));
    let forged = text.replacen("better", "forged", 1);
    let bad = LabelledSet::read(&forged, no_rules()).expect_err("changed");
    assert!(bad[0].message.contains("changed in place"), "{bad:?}");
}

#[test]
fn secrets_of_a_set_are_redacted_as_those_of_traffic_are() {
    let redactor = Redactor::new(&[Rule::Pointer("/customer".to_owned())]).expect("a rule");
    let mut asked = ask("my key is sk-abcdefghijklmnopqrstuvwx0123");
    asked["customer"] = json!("jo");
    let line = json!({ "input": asked, "expected": "use sk-abcdefghijklmnopqrstuvwx0123" });
    let set = LabelledSet::read(&line.to_string(), &redactor).expect("a set");
    let mut seen = ask("my key is [redacted]");
    seen["customer"] = json!("[redacted]");
    assert_eq!(set.expected(&seen), Some(json!("use [redacted]")));
}

#[test]
fn a_hundred_thousand_lines_are_read() {
    let line = |n: u32| format!("{{\"input\":{{\"q\":{n}}},\"expected\":\"{n}\"}}\n");
    let text: String = (0..100_000).map(line).collect();
    let set = LabelledSet::read(&text, no_rules()).expect("a set");
    assert_eq!(set.len(), 100_000);
    assert_eq!(set.expected(&json!({ "q": 4711 })), Some(json!("4711")));
}
