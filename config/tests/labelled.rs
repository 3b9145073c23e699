//! Tests of labelled sets: they are read with the configuration, and problems are reported at their
//! place.

use serde_json::json;
use stagegate_config::{Config, Loaded, Problem, Problems};
use std::path::Path;
use tempfile::TempDir;

/// A file with one workload whose `labelled` is this, read beside `cases.jsonl`.
fn parse(dir: &Path, labelled: &str) -> Result<Loaded, Problems> {
    let text = format!(
        "listeners: [{{ address: '127.0.0.1:0' }}]
admin: {{ tokens: [] }}
workloads:
  agent:
    match: [{{}}]
    releases: {{ v1: {{ endpoints: ['http://127.0.0.1:1'] }} }}
    stable: v1
    redact: [{{ pointer: /customer }}]
    scorers: [{{ name: in-json, type: is-json }}, {{ name: right, type: equals }}]
    labelled: {labelled}
"
    );
    Config::parse(&text, "stagegate.yaml", dir, &|_| None)
}

fn problems(dir: &Path, labelled: &str) -> Vec<Problem> {
    parse(dir, labelled).expect_err("it is wrong").0
}

#[test]
fn a_set_is_read_and_redacted_and_its_file_watched() {
    let dir = TempDir::new().expect("a directory");
    let cases = "{\"input\":{\"customer\":\"jo\",\"q\":1},\"expected\":\"one\"}\n";
    std::fs::write(dir.path().join("cases.jsonl"), cases).expect("written");
    let loaded = parse(dir.path(), "{ file: cases.jsonl }").unwrap_or_else(|it| panic!("{it}"));
    let labelled = loaded.config.workloads[0].eval.labelled.as_ref().expect("there");
    let asked = json!({ "customer": "[redacted]", "q": 1 });
    assert_eq!(labelled.set.expected(&asked), Some(json!("one")));
    assert_eq!(labelled.by.name, "labelled");
    assert!(loaded.config.files.contains(&dir.path().join("cases.jsonl")));
    let loaded = parse(dir.path(), "{ file: cases.jsonl, scorer: right }").expect("right");
    assert_eq!(loaded.config.workloads[0].eval.labelled.as_ref().expect("there").by.name, "right");
}

#[test]
fn what_is_wrong_with_a_set_is_told_where_it_is() {
    let dir = TempDir::new().expect("a directory");
    let missing = problems(dir.path(), "{ file: cases.jsonl }");
    assert_eq!(missing.len(), 1, "{missing:?}");
    assert_eq!(missing[0].key, "workloads.agent.labelled.file");
    let path = dir.path().join("cases.jsonl");
    std::fs::write(&path, "{\"input\":1,\"expected\":2}\n\nnope\n{\"input\":3}\n")
        .expect("written");
    let bad = problems(dir.path(), "{ file: cases.jsonl }");
    let places: Vec<(&str, u32)> = bad.iter().map(|it| (&*it.file, it.line)).collect();
    let file = path.to_str().expect("a path");
    assert_eq!(places, [(file, 3), (file, 4)], "{bad:?}");
    assert!(bad.iter().all(|it| !it.hint.is_empty()));
    std::fs::write(&path, "{\"input\":1,\"expected\":2}\n").expect("written");
    let unknown = problems(dir.path(), "{ file: cases.jsonl, scorer: rihgt }");
    assert_eq!(unknown[0].key, "workloads.agent.labelled.scorer");
    assert!(unknown[0].hint.contains("in-json, right"), "{unknown:?}");
}
