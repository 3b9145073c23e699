//! The test suites of flagd's testbed, as data: `flags/tests/data/testbed/README.md`.

use crate::{Bucketing, FlagFile, FlagSet, Scratch, file};
use serde_json::{Map, Value};

/// A set from a file that does not follow the schema: the testbed has rules that must fail.
fn lenient(texts: &[&str], bucketing: Bucketing) -> FlagSet {
    let nothing = Map::new();
    let files = texts.iter().enumerate().map(|(number, text)| {
        let value: Value = serde_json::from_str(text).expect("JSON");
        let object = |name: &str| value.get(name).and_then(Value::as_object).unwrap_or(&nothing);
        let flags = object("flags").iter();
        let flags = flags.map(|(key, definition)| {
            (file::flag(key, definition, object("$evaluators"), object("metadata")), 1)
        });
        FlagFile { name: format!("{number}.json"), flags: flags.collect(), ..FlagFile::default() }
    });
    FlagSet::of(files.collect(), bucketing).expect("no flag twice")
}

/// Runs the rows of a suite and returns how many there were, and what went wrong.
fn run(rows: &str, texts: &[&str], default: Bucketing) -> (usize, Vec<String>) {
    let rows: Vec<Value> = serde_json::from_str(rows).expect("JSON");
    let sets = Bucketing::ALL.map(|bucketing| lenient(texts, bucketing));
    let mut scratch = Scratch::new();
    let mut wrong = Vec::new();
    for row in &rows {
        let tags: Vec<&str> =
            row["tags"].as_array().expect("tags").iter().filter_map(Value::as_str).collect();
        let bucketing = if tags.contains(&"fractional-v1") {
            Bucketing::V1
        } else if tags.contains(&"fractional-v3") {
            Bucketing::V3
        } else if tags.contains(&"fractional-v2") {
            Bucketing::V2
        } else {
            default
        };
        let context =
            scratch.of_json(row["context"].as_object().expect("a context")).expect("small");
        let key = row["flag"].as_str().expect("a key");
        // The suite has a time in the future of 2100 and one in 1970.
        let evaluation = sets[bucketing as usize].evaluate(key, &context, 1_700_000_000);
        let mut value = evaluation.value().unwrap_or(&row["fallback"]).clone();
        let mut error = evaluation.failure().map(|failure| failure.code().label());
        if error.is_none() && kind(&value) != kind(&row["fallback"]) {
            // Types are the client's business.
            error = Some("TYPE_MISMATCH");
            value = row["fallback"].clone();
        }
        let expect = &row["expect"];
        let mut differs = |what: &str, got: Value| {
            if expect.get(what).is_some_and(|wanted| !same(wanted, &got)) {
                wrong.push(format!("{what} {got}, not {}: {row}", expect[what]));
            }
        };
        differs("value", value);
        differs("reason", evaluation.reason().label().into());
        differs("error", error.into());
        differs("metadata", evaluation.metadata().cloned().map_or(Value::Null, Value::Object));
    }
    (rows.len(), wrong)
}

fn kind(value: &Value) -> u8 {
    match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Number(_) => 2,
        Value::String(_) => 3,
        Value::Array(_) | Value::Object(_) => 4,
    }
}

/// Equal, where `0` and `0.0` are.
fn same(left: &Value, right: &Value) -> bool {
    match (left.as_f64(), right.as_f64()) {
        (Some(left), Some(right)) => left == right,
        _ => left == right,
    }
}

#[test]
fn every_row_of_the_evaluator_suite_passes() {
    let rows = include_str!("../tests/data/testbed/evaluator.json");
    let flags = include_str!("../tests/data/testbed/testkit-flags.json");
    let (count, wrong) = run(rows, &[flags], Bucketing::V2);
    assert_eq!(count, 140);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_row_of_the_targeting_suite_passes() {
    let rows = include_str!("../tests/data/testbed/targeting.json");
    let flags = [
        include_str!("../tests/data/testbed/flags/custom-ops.json"),
        include_str!("../tests/data/testbed/flags/edge-case-flags.json"),
        include_str!("../tests/data/testbed/flags/evaluator-refs.json"),
        include_str!("../tests/data/testbed/flags/testing-flags.json"),
    ];
    let (count, wrong) = run(rows, &flags, Bucketing::V2);
    assert_eq!(count, 245);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
