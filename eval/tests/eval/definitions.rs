//! Tests of the messages for wrong definitions.

use crate::support::no_files;
use serde_json::{Value, json};
use stagegate_eval::{KeyNeed, ScorerKind, ScorerSpec, scorer_types};

fn problems(definition: &Value) -> String {
    ScorerSpec::read(definition, &no_files).expect_err("wrong").to_string()
}

#[test]
fn every_problem_names_its_key_its_value_and_what_would_be_right() {
    for (definition, told) in [
        (json!([]), "scorer: is not a scorer"),
        (json!({"type": "is-json"}), "name: is missing"),
        (json!({"name": "-", "type": "is-json"}), "name: `-` is not a name"),
        (json!({"name": "s"}), "type: is missing"),
        (
            json!({"name": "s", "type": "contain"}),
            "type: `contain` is not a type of scorer; did you mean `contains`? (one of equals",
        ),
        (
            json!({"name": "s", "type": "contains"}),
            "value: is missing; add `value`: the text to look for, like `refund`",
        ),
        (json!({"name": "s", "type": "contains", "value": 4}), "value: `4` is not a text"),
        (
            json!({"name": "s", "type": "contains-any", "value": []}),
            "value: `[]` holds an empty text, or nothing",
        ),
        (
            json!({"name": "s", "type": "regex", "value": "("}),
            "value: `(` is not a regular expression",
        ),
        (
            json!({"name": "s", "type": "is-json", "gate": "yes"}),
            "gate: `yes` is neither true nor false; write it like `gate: true`",
        ),
        (
            json!({"name": "s", "type": "is-json", "wieght": 2}),
            "wieght: is not a key of `is-json`; did you mean `weight`?",
        ),
        (
            json!({"name": "s", "type": "not-is-json", "not": true}),
            "not: negates a type that begins with `not-`",
        ),
        (
            json!({"name": "s", "type": "length"}),
            "scorer: has neither `min` nor `max`; add at least one of them",
        ),
        (json!({"name": "s", "type": "length", "min": 4, "max": 2}), "min: `4` is over `max`, 2"),
        (
            json!({"name": "s", "type": "json-schema"}),
            "value: is missing; add `value`: the JSON Schema that the answer must have",
        ),
        (
            json!({"name": "s", "type": "json-schema", "value": {"type": "nix"}}),
            r#"value: `{"type":"nix"}` is not a JSON Schema"#,
        ),
        (
            json!({"name": "s", "type": "json-schema", "value": "file:a.json"}),
            "value: `file:a.json` cannot be read: a.json is not read in this test",
        ),
        (json!({"name": "s", "type": "json-path", "path": "$["}), "path: `$[` is not a path"),
        (
            json!({"name": "s", "type": "latency"}),
            "threshold: is missing; add `threshold`: the most milliseconds that the answer may take",
        ),
        (
            json!({"name": "s", "type": "cost", "threshold": -1}),
            "threshold: `-1` is not a number from 0",
        ),
        (
            json!({"name": "s", "type": "assert-set"}),
            "assert: is missing; add `assert`: the checks",
        ),
        (
            json!({"name": "s", "type": "assert-set", "assert": [{"type": "is-json"}, {"type": "regex"}]}),
            "assert/1/value: is missing",
        ),
        (
            json!({"name": "s", "type": "assert-set", "assert": [{"type": "is-json", "weight": 0}]}),
            "assert: has no weight at all",
        ),
        (
            json!({"name": "s", "type": "assert-set", "assert": "is-json"}),
            "assert: `is-json` is not a list of checks",
        ),
        (
            json!({"name": "s", "type": "assert-set", "assert": [{"type": "http"}]}),
            "assert/0/type: `http` is not a type of scorer",
        ),
        (json!({"name": "s", "type": "not-http"}), "type: `not-http` is not a type of scorer"),
        (json!({"name": "s", "type": "http"}), "url: is missing"),
        (json!({"name": "s", "type": "http", "url": "ftp://x"}), "url: `ftp://x` is not a URL"),
        (
            json!({"name": "s", "type": "http", "url": "http://x", "timeout": "soon"}),
            "timeout: `soon` is not a duration from 1ms to 600s; write it like `timeout: 10s`",
        ),
        (json!({"name": "s", "type": "llm-rubric", "url": "http://x/v1"}), "model: is missing"),
        (
            json!({"name": "s", "type": "llm-rubric", "url": "http://x/v1", "model": "m", "rubric": "r", "budget": "20/day"}),
            "budget: cannot be kept without prices",
        ),
        (
            json!({"name": "s", "type": "llm-rubric", "url": "http://x/v1", "model": "m", "rubric": "r", "budget": "much"}),
            "budget: `much` is not an amount a day",
        ),
    ] {
        let problems = problems(&definition);
        assert!(problems.contains(told), "{definition}: {problems}");
    }
    let many = problems(&json!({"name": "s", "type": "contains", "vlaue": "x", "gate": 1}));
    assert_eq!(many.lines().count(), 3, "{many}");
}

#[test]
fn a_schema_reads_nothing_from_anywhere() {
    for place in ["http://127.0.0.1:1/s.json", "file:///etc/passwd", "other.json"] {
        let definition = json!({"name": "s", "type": "json-schema", "value": {"$ref": place}});
        assert!(problems(&definition).contains("is not a JSON Schema"), "{place}");
    }
}

#[test]
fn definitions_hold_files_and_versions_and_no_secrets() {
    let files = |name: &str| match name {
        "rubric.md" => Ok("Be kind.".to_owned()),
        "words.txt" => Ok("damn\n\nheck\n".to_owned()),
        other => Err(format!("{other} is not there")),
    };
    let read = |definition: Value| ScorerSpec::read(&definition, &files).expect("good");
    let rubric = json!({
        "name": "rubric", "type": "llm-rubric", "url": "http://judge:8000/v1/", "model": "j-1",
        "rubric": "file:rubric.md", "budget": "20/day", "input_price": 0.25, "output_price": 2,
        "api_key": "sk-very-secret", "gate": true,
    });
    let spec = read(rubric.clone());
    let ScorerKind::Rubric(judge) = &spec.kind else { panic!("{spec:?}") };
    assert_eq!((judge.rubric.as_str(), judge.url.as_str()), ("Be kind.", "http://judge:8000/v1"));
    assert_eq!(judge.daily_budget.map(stagegate_eval::Nanos::usd), Some(20.0));
    assert!(spec.gate && !format!("{spec:?}").contains("very-secret"));
    let mut other = rubric.clone();
    other["api_key"] = json!("another");
    assert_eq!(read(other).version, spec.version, "a new key is not a new judge");
    let mut other = rubric;
    other["model"] = json!("j-2");
    assert_ne!(read(other).version, spec.version);
    let pinned =
        read(json!({"name": "s", "version": "7", "type": "keywords", "value": "file:words.txt"}));
    assert_eq!(pinned.version, "7");
    let said = |text| pinned.score(&crate::support::says(text)).expect("built in").pass;
    assert_eq!((said("Oh heck!"), said("Oh well.")), (Some(false), Some(true)));
}

#[test]
fn the_example_of_every_type_is_read_and_every_default_is_what_its_reader_takes() {
    for kind in scorer_types() {
        let example = kind.example();
        let read = |definition: &Value| ScorerSpec::read(definition, &no_files);
        read(&example).unwrap_or_else(|problems| panic!("{example}: {problems}"));
        for key in &kind.keys {
            let mut written = example.clone();
            match key.need {
                KeyNeed::Default(text) => {
                    let text = serde_json::from_str(text).unwrap_or_else(|_| json!(text));
                    written[key.name] = text;
                    read(&written).unwrap_or_else(|problems| panic!("{written}: {problems}"));
                }
                KeyNeed::Required => {
                    written.as_object_mut().expect("a mapping").remove(key.name);
                    let told = read(&written).expect_err("incomplete").to_string();
                    assert!(told.contains(&format!("{}: is missing; add", key.name)), "{told}");
                }
                KeyNeed::Optional => {}
            }
        }
    }
}

#[test]
fn a_variable_gives_a_text_and_numbers_and_switches_take_it() {
    let read = |definition: Value| ScorerSpec::read(&definition, &no_files);
    let http = json!({"name": "s", "type": "http", "url": "http://x", "batch": "8",
        "threshold": "0.7", "gate": "true"});
    let spec = read(http.clone()).expect("good");
    let ScorerKind::Http(asked) = &spec.kind else { panic!("{spec:?}") };
    assert!(spec.gate && asked.batch == 8 && (asked.threshold - 0.7).abs() < 1e-9);
    for wrong in [json!("1e0"), json!("1.5"), json!(""), json!("inf")] {
        let mut http = http.clone();
        http["threshold"] = wrong;
        assert!(read(http).expect_err("wrong").to_string().contains("number from 0 to 1"));
    }
}
