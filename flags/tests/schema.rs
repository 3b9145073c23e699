//! The check of files agrees with flagd's own JSON schema.

use proptest::prelude::*;
use serde_json::{Value, json};
use stagegate_flags::{FlagFile, Problem, Severity};
use std::sync::LazyLock;

fn schema() -> &'static jsonschema::Validator {
    static SCHEMA: LazyLock<jsonschema::Validator> = LazyLock::new(|| {
        let text = include_str!("data/schema/flagd.json");
        let schema: Value = serde_json::from_str(text).expect("JSON");
        jsonschema::validator_for(&schema).expect("a schema")
    });
    &SCHEMA
}

fn errors(problems: &[Problem]) -> Vec<String> {
    let errors = problems.iter().filter(|problem| problem.severity == Severity::Error);
    errors.map(ToString::to_string).collect()
}

#[test]
fn examples_are_judged_as_the_schema_judges_them() {
    let examples: Vec<Value> =
        serde_json::from_str(include_str!("data/schema/examples.json")).expect("JSON");
    let schema = schema();
    let mut wrong = Vec::new();
    for example in &examples {
        let (name, file) = (&example["name"], &example["file"]);
        let valid = example["valid"] == true;
        assert_eq!(schema.is_valid(file), valid, "{name}: the carried schema");
        match FlagFile::read("example.json", &file.to_string()) {
            Ok(_) if valid => {}
            Err(problems) if !valid && !errors(&problems).is_empty() => {}
            Ok(_) => wrong.push(format!("{name}: taken")),
            Err(problems) => wrong.push(format!("{name}: {}", errors(&problems).join("; "))),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_problem_is_named_with_line_and_path() {
    let text = r#"{
  "flags": {
    "new-prompt": {
      "state": "On",
      "variants": {"on": true, "off": "no"},
      "defaultVariant": "of",
      "targeting": {"if": [
        {"==": [{"var": "tenant"}]},
        "on",
        {"$ref": "nobody"}
      ]},
      "metadata": {"owner": ["ann"]}
    },
    "other": {
      "state": "ENABLED",
      "variants": {"a": 1},
      "state": "DISABLED",
      "targeting": {"fractional": [["a", 1.5], ["b", 10]]},
      "colour": "red"
    }
  },
  "$evaluators": {"x": {"and": [{"$ref": "x"}]}}
}"#;
    let problems = FlagFile::read("flags.json", text).expect_err("wrong");
    let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
    let expected = [
        "flags.json:4: $.flags.new-prompt.state: is \"On\"; write \"ENABLED\" or \"DISABLED\"",
        "flags.json:5: $.flags.new-prompt.variants.on: is a boolean, and another variant is a text; all variants of a flag have one type",
        "flags.json:6: $.flags.new-prompt.defaultVariant: is `of`, which is no variant; the variants are off, on",
        "flags.json:8: $.flags.new-prompt.targeting.if[0].==: has 1 arguments; write a list of 2",
        "flags.json:10: $.flags.new-prompt.targeting.if[2]: refers to `nobody`, and `$evaluators` has no such rule; known are x",
        "flags.json:12: $.flags.new-prompt.metadata.owner: is a list; metadata are booleans, texts and numbers by name",
        "flags.json:17: $.flags.other.state: is there twice; keep one of them",
        "flags.json:18: $.flags.other.targeting.fractional[0][1]: is 1.5; write an integer from 0, or a rule",
        "flags.json:18: warning: $.flags.other.targeting.fractional[1][0]: is \"b\", which is no variant: it makes the evaluation fail; the variants are a",
        "flags.json:19: warning: $.flags.other.colour: has no meaning here; known are state, variants, defaultVariant, targeting, metadata",
        "flags.json:22: $.$evaluators.x: leads back to `x` by its `$ref`; cut the circle",
    ];
    let shown: Vec<String> = shown.iter().map(|line| line.replace("['==']", ".==")).collect();
    assert_eq!(shown.join("\n"), expected.join("\n"));
}

#[test]
fn no_json_has_its_line() {
    let problems = FlagFile::read("flags.json", "{\n\"flags\": {},\n}").expect_err("wrong");
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].line, 3);
}

#[test]
fn rules_that_run_away_are_refused() {
    let deep = (0..60).fold(json!(true), |rule, _| json!({"!": [rule]}));
    let shared = (0..14).fold(json!({"r0": {"==": [1, 1]}}), |mut shared, number| {
        let before = json!({"$ref": format!("r{number}")});
        shared[format!("r{}", number + 1)] = json!({"and": [before, before]});
        shared
    });
    let loops = json!({"reduce": [{"var": "a"}, {"cat": [{"var": "accumulator"}, {"var": "accumulator"}]}, "x"]});
    let nested = json!({"some": [{"var": "a"}, {"some": [{"var": "b"}, {"some": [{"var": "c"}, {"var": ""}]}]}]});
    for (rule, why) in [
        (json!({"if": [deep, "on"]}), "deeper than 96 levels"),
        (json!({"if": [{"$ref": "r14"}, "on"]}), "more than 4096 operators and values"),
        (json!({"if": [loops, "on"]}), "`cat` inside `reduce` may grow without bound"),
        (json!({"if": [nested, "on"]}), "steps, more than 500000"),
    ] {
        let file = json!({
            "flags": {"f": {"state": "ENABLED", "variants": {"on": true}, "targeting": rule}},
            "$evaluators": shared,
        });
        let problems = FlagFile::read("flags.json", &file.to_string()).expect_err("refused");
        assert!(errors(&problems).join("\n").contains(why), "{why}: {problems:?}");
    }
}

/// Any change of a good file at one place.
fn damaged() -> impl Strategy<Value = Value> {
    let texts = [
        include_str!("data/testbed/testkit-flags.json"),
        include_str!("data/testbed/flags/custom-ops.json"),
        include_str!("data/testbed/flags/edge-case-flags.json"),
    ];
    let good: Vec<Value> =
        texts.iter().map(|text| serde_json::from_str(text).expect("JSON")).collect();
    let spare = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        Just(json!(0.5)),
        Just(json!("on")),
        Just(json!([])),
        Just(json!({})),
        Just(json!({"var": "email"})),
        Just(json!({"$ref": "is_ballmer"})),
        Just(json!([["on", 1]])),
        Just(json!({"==": [1, 1], "!=": [1]})),
    ];
    (0..good.len(), any::<prop::sample::Index>(), spare, any::<bool>()).prop_map(
        move |(file, at, spare, remove)| {
            let mut value = good[file].clone();
            // One flag at a time: the suites have flags that no schema takes.
            let keys: Vec<String> =
                value["flags"].as_object().expect("flags").keys().cloned().collect();
            let key = &keys[at.index(keys.len())];
            let flag = value["flags"][key].clone();
            value["flags"] = json!({ key: flag });
            let count = count(&value);
            damage(&mut value, &mut at.index(count), &spare, remove);
            value
        },
    )
}

fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(members) => members.values().map(count).sum(),
        _ => 0,
    }
}

fn damage(value: &mut Value, at: &mut usize, spare: &Value, remove: bool) -> bool {
    if *at == 0 {
        *value = spare.clone();
        return true;
    }
    *at -= 1;
    match value {
        Value::Array(items) => {
            if remove && *at < items.len() {
                items.remove(*at);
                return true;
            }
            items.iter_mut().any(|item| damage(item, at, spare, remove))
        }
        Value::Object(members) => members.values_mut().any(|item| damage(item, at, spare, remove)),
        _ => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn whatever_is_taken_follows_the_schema(file in damaged()) {
        let schema = schema();
        if FlagFile::read("flags.json", &file.to_string()).is_ok() {
            prop_assert!(schema.is_valid(&file), "taken against the schema: {file}");
        }
    }
}
