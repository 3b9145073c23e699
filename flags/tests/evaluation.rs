//! What holds for every evaluation.

use proptest::prelude::*;
use serde_json::{Value, json};
use stagegate_flags::{
    Bucketing, CONTEXT_BYTES, CONTEXT_ITEMS, ContextError, FlagFile, FlagSet, Reason, Scratch,
    Variant,
};

fn set_of(file: &Value, bucketing: Bucketing) -> FlagSet {
    let file = FlagFile::read("flags.json", &file.to_string()).expect("a good file");
    FlagSet::of(vec![file], bucketing).expect("no key twice")
}

fn percentage(share: u64) -> Value {
    json!({"flags": {"new-prompt": {
        "state": "ENABLED",
        "variants": {"on": true, "off": false},
        "defaultVariant": "off",
        "targeting": {"fractional": [["on", share], ["off", 100 - share]]},
    }}})
}

proptest! {
    #[test]
    fn a_growing_percentage_only_adds(key in "[a-z0-9@.-]{1,20}", small in 0_u64..100, more in 0_u64..100) {
        let large = (small + more).min(100);
        for bucketing in Bucketing::ALL {
            let mut scratch = Scratch::new();
            let context = scratch.of_fields(&[("targetingKey", &key)]);
            let served = |share| {
                let set = set_of(&percentage(share), bucketing);
                set.evaluate("new-prompt", &context, 0).value().cloned()
            };
            if served(small) == Some(json!(true)) {
                prop_assert_eq!(served(large), Some(json!(true)), "{} at {} and not {}", bucketing, small, large);
            }
        }
    }
}

#[test]
fn shares_are_kept() {
    for bucketing in Bucketing::ALL {
        let set = set_of(&percentage(10), bucketing);
        let mut scratch = Scratch::new();
        let on = (0..20_000).filter(|number| {
            let key = format!("user-{number}");
            let context = scratch.of_fields(&[("targetingKey", key.as_str())]);
            set.evaluate("new-prompt", &context, 0).value() == Some(&json!(true))
        });
        // Five standard deviations of 20,000 tosses at 10%.
        let on = on.count();
        assert!((1_788..=2_212).contains(&on), "{bucketing}: {on} of 20000");
    }
}

#[test]
fn a_comparison_with_what_is_no_number_is_false() {
    for operator in [">", ">=", "<", "<="] {
        for (left, right) in [
            (json!({"var": "age"}), json!(18)),
            (json!(18), json!({"var": "age"})),
            (json!({"+": [{"var": "age"}, 1]}), json!(18)),
        ] {
            let rule = json!({"if": [{operator: [left, right]}, "yes", "no"]});
            let set = set_of(
                &json!({"flags": {"grown": {"state": "ENABLED", "variants": {"yes": true, "no": false},
                    "defaultVariant": "yes", "targeting": rule}}}),
                Bucketing::V2,
            );
            let mut scratch = Scratch::new();
            let context = scratch.of_fields(&[("age", "unknown")]);
            let seen = set.evaluate("grown", &context, 0);
            assert_eq!(seen.value(), Some(&json!(false)), "{rule}");
        }
    }
}

#[test]
fn nobody_can_inject_what_is_injected() {
    let set = set_of(
        &json!({"flags": {"f": {
            "state": "ENABLED", "variants": {"f": "f", "x": "x"}, "defaultVariant": "x",
            "targeting": {"var": "$flagd.flagKey"},
        }}}),
        Bucketing::V2,
    );
    let mut scratch = Scratch::new();
    let context = json!({"$flagd": {"flagKey": "x"}});
    let context = scratch.of_json(context.as_object().expect("an object")).expect("small");
    assert_eq!(set.evaluate("f", &context, 0).variant().map(Variant::name), Some("f"));
}

#[test]
fn time_is_the_callers() {
    let set = set_of(
        &json!({"flags": {"f": {
            "state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "off",
            "targeting": {"if": [{">=": [{"var": "$flagd.timestamp"}, 1000]}, "on", null]},
        }}}),
        Bucketing::V2,
    );
    let mut scratch = Scratch::new();
    let context = scratch.of_fields(&[]);
    assert_eq!(set.evaluate("f", &context, 999).reason(), Reason::Default);
    assert_eq!(set.evaluate("f", &context, 1000).reason(), Reason::TargetingMatch);
}

#[test]
fn large_contexts_are_refused() {
    let mut scratch = Scratch::new();
    let mut refused =
        |context: Value| scratch.of_json(context.as_object().expect("an object")).err();
    let deep = (0..9).fold(json!(1), |inner, _| json!({ "a": inner }));
    assert_eq!(refused(deep), Some(ContextError::Depth));
    assert_eq!(refused(json!({"a": "x".repeat(CONTEXT_BYTES)})), Some(ContextError::Bytes));
    assert_eq!(refused(json!({"a": vec![1; CONTEXT_ITEMS + 1]})), Some(ContextError::Items));
    assert_eq!(refused(json!({"a": vec![vec![1; CONTEXT_ITEMS]; 8]})), Some(ContextError::Values));
    assert_eq!(refused(json!({"a": vec![1; CONTEXT_ITEMS], "b": {"c": [{}, "x"]}})), None);
}

#[test]
fn two_files_may_not_have_one_key() {
    let read = |name: &str| FlagFile::read(name, &percentage(1).to_string()).expect("good");
    let problems =
        FlagSet::of(vec![read("a.json"), read("b.json")], Bucketing::V2).expect_err("twice");
    assert_eq!(
        problems[0].to_string(),
        "b.json:1: $.flags.new-prompt: is in a.json:1 already; keep one of them"
    );
}

#[test]
fn changes_between_two_sets_are_named() {
    let old = set_of(&percentage(1), Bucketing::V2);
    assert!(old.changes(&set_of(&percentage(1), Bucketing::V2)).is_empty());
    assert_eq!(old.changes(&set_of(&percentage(2), Bucketing::V2)).changed, ["new-prompt"]);
    let other = old.changes(&set_of(&percentage(1), Bucketing::V3));
    assert_eq!(other.bucketed_anew, ["new-prompt"]);
    let empty = FlagSet::default();
    assert_eq!(old.changes(&empty).removed, ["new-prompt"]);
    assert_eq!(empty.changes(&old).added, ["new-prompt"]);
}
