//! The JSON Schema of scorers and their reader are made from one declaration: they accept the same.

use serde_json::{Map, Value, json};
use stagegate_config::Config;
use stagegate_eval::{KeyNeed, ScorerSpec, ScorerType, check_types, scorer_types};
use std::collections::BTreeSet;
use std::path::Path;

fn no_files(name: &str) -> Result<String, String> {
    Err(format!("{name} is not read in this test"))
}

/// The properties of the branch of a type.
fn branch(schema: &Value, definition: &str, kind: &str) -> Map<String, Value> {
    let branches = schema["$defs"][definition]["allOf"].as_array().expect("branches");
    let of = |branch: &&Value| {
        let words = branch["if"]["properties"]["type"]["enum"].as_array();
        words.is_some_and(|words| words.contains(&json!(kind)))
    };
    let found: Vec<&Value> = branches.iter().filter(of).collect();
    let [branch] = found.as_slice() else { panic!("{} branches of {kind}", found.len()) };
    assert_eq!(branch["then"]["additionalProperties"], json!(false), "{kind}");
    branch["then"]["properties"].as_object().expect("properties").clone()
}

fn keys_of_all() -> BTreeSet<&'static str> {
    let all = scorer_types().into_iter().flat_map(|kind| kind.keys);
    all.map(|key| key.name).chain(["nmae", "vlaue"]).collect()
}

/// The reader's message about a scorer, or about a check in a set.
fn told(definition: &Value, in_set: bool) -> String {
    let set = json!({ "name": "s", "type": "assert-set", "assert": [definition] });
    let whole = if in_set { &set } else { definition };
    ScorerSpec::read(whole, &no_files).map_or_else(|told| told.to_string(), |_| String::new())
}

/// The keys that the reader does not refuse by name.
fn accepted(kind: &ScorerType, in_set: bool) -> BTreeSet<&'static str> {
    let takes = |key: &&str| {
        let mut definition = kind.example();
        definition[*key] = json!({ "wrong": true });
        !told(&definition, in_set).contains(&format!("{key}: is not a key of"))
    };
    // The type itself cannot be replaced.
    keys_of_all().into_iter().filter(|key| *key == "type" || takes(key)).collect()
}

#[test]
fn every_type_has_a_branch_with_the_keys_that_the_reader_accepts() {
    let schema = stagegate_config::schema();
    for (definition, types) in [("scorer", scorer_types()), ("check", check_types())] {
        assert!(types.len() >= 23, "{} types", types.len());
        for kind in types {
            let accepted = accepted(&kind, definition == "check");
            let mut words = vec![kind.name.to_owned()];
            words.extend(kind.check.then(|| format!("not-{}", kind.name)));
            for word in words {
                let properties = branch(&schema, definition, &word);
                let names: BTreeSet<&str> = properties.keys().map(String::as_str).collect();
                assert_eq!(names, accepted, "{definition} {word}");
                let described = |property: &Value| property["description"].is_string();
                assert!(properties.values().all(described), "{definition} {word}");
            }
        }
    }
}

/// A schema of one scorer, with everything that it refers to.
fn validator() -> jsonschema::Validator {
    let schema = stagegate_config::schema();
    let one = json!({ "$ref": "#/$defs/scorer", "$defs": schema["$defs"] });
    jsonschema::validator_for(&one).expect("a JSON Schema")
}

#[test]
fn examples_pass_both_and_misspelt_or_missing_keys_fail_both() {
    let validator = validator();
    for kind in scorer_types() {
        let example = kind.example();
        let said = |definition: &Value| {
            validator.iter_errors(definition).map(|error| error.to_string()).collect::<Vec<_>>()
        };
        assert_eq!((said(&example), told(&example, false)), (vec![], String::new()), "{example}");
        for key in &kind.keys {
            let mut misspelt = example.clone();
            let wrong = format!("{}x", key.name);
            misspelt[&wrong] = json!(1);
            let (schema, reader) = (said(&misspelt).join("\n"), told(&misspelt, false));
            assert!(schema.contains(&wrong), "{misspelt}: {schema}");
            assert!(reader.contains(&format!("did you mean `{}`?", key.name)), "{reader}");
            if key.need == KeyNeed::Required {
                let mut missing = example.clone();
                missing.as_object_mut().expect("a mapping").remove(key.name);
                assert!(said(&missing).iter().any(|error| error.contains(key.name)), "{missing}");
                assert!(told(&missing, false).contains("is missing"), "{missing}");
            }
        }
    }
    let unknown = json!({ "name": "s", "type": "contain", "value": "x" });
    assert!(!validator.is_valid(&unknown));
    assert!(told(&unknown, false).contains("did you mean `contains`?"));
    let nested = json!({ "name": "s", "type": "assert-set", "assert": [
        { "type": "assert-set", "assert": [{ "type": "is-json", "name": "x" }] },
    ] });
    assert!(
        !validator.is_valid(&nested) && told(&nested, false).contains("assert/0/assert/0/name")
    );
}

/// The page shows each type with a definition that can be copied.
#[test]
fn examples_of_the_reference_page_are_read() {
    let page = stagegate_config::reference_markdown();
    let blocks = page.split("```yaml\n").skip(1).filter_map(|rest| rest.split("\n```").next());
    let blocks: Vec<&str> = blocks.collect();
    assert_eq!(blocks.len(), scorer_types().len());
    let dir = tempfile::tempdir().expect("a directory");
    for (n, block) in blocks.iter().enumerate() {
        let text = format!(
            "listeners: [{{ address: '127.0.0.1:0' }}]\nworkloads:\n  agent:\n    match: [{{}}]\n    \
             releases: {{ v1: {{ endpoints: ['http://10.0.0.1:80'] }} }}\n    stable: v1\n    \
             scorers:\n      - {block}\n"
        );
        let env = |_: &str| Some("from the environment".to_owned());
        let loaded = Config::parse(&text, "f", Path::new("."), &env)
            .unwrap_or_else(|problems| panic!("{block}\n{problems}"));
        assert_eq!(loaded.config.workloads[0].eval.scorers.len(), 1, "{n}");
        // Tried by hand, it is read the same way.
        if !block.contains("${") {
            let file = dir.path().join(format!("{n}.yaml"));
            std::fs::write(&file, format!("- {block}\n")).expect("written");
            let name = loaded.config.workloads[0].eval.scorers[0].name.clone();
            let spec = stagegate_config::scorer(&file, &name)
                .unwrap_or_else(|problems| panic!("{block}\n{problems}"));
            assert_eq!(spec, *loaded.config.workloads[0].eval.scorers[0], "{block}");
        }
    }
}
