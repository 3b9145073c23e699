//! Definitions of flags, and contexts of clients.

use crate::Target;
use serde_json::Value;
use stagegate_flags::{Bucketing, FlagFile, FlagSet, Scratch, Severity};
use std::time::{Duration, Instant};

/// Far above what any rule within the limits takes, in a debug build on a busy machine.
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) const FLAG_FILE: Target = Target {
    name: "flag_file",
    run: flag_file,
    seeds: &[
        include_bytes!("../../flags/tests/data/testbed/flags/evaluator-refs.json"),
        br#"{"flags":{"a":{"state":"ENABLED","variants":{"on":true,"off":false},"defaultVariant":"off","targeting":{"if":[{"some":[{"var":"groups"},{"in":[{"var":""},{"var":"allowed"}]}]},"on",{"fractional":[{"cat":[{"var":"$flagd.flagKey"},{"var":"user"}]},["on",10],["off",90]]}]}}}}"#,
        br#"{"flags":[{"key":"b","state":"DISABLED","variants":{"x":1,"y":2.5},"targeting":{"reduce":[{"var":"groups"},{"+":[{"var":"current"},{"var":"accumulator"}]},0]}}],"metadata":{"bucketing":"v3"}}"#,
    ],
    dictionary: &[
        b"{\"var\":\"\"}", b"{\"var\":\"groups\"}", b"{\"map\":[", b"{\"reduce\":[", b"{\"merge\":[",
        b"{\"cat\":[", b"{\"if\":[", b"{\"filter\":[", b"{\"all\":[", b"{\"sem_ver\":[", b"{\"fractional\":[",
        b"{\"$ref\":\"a\"}", b"{\"*\":[", b"{\"%\":[", b"{\"substr\":[", b"{\"missing_some\":[",
        b"{\"var\":\"accumulator\"}", b"]}", b"9223372036854775807", b"-1", b"1e308", b"null",
    ],
};

/// A file is taken, or refused with a problem that has a line. What was taken is evaluated in time.
fn flag_file(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let file = match FlagFile::read("fuzz.json", text) {
        Ok(file) => file,
        Err(problems) => {
            let errors = problems.iter().filter(|problem| problem.severity == Severity::Error);
            assert!(errors.clone().count() > 0, "refused without a word");
            assert!(errors.clone().all(|problem| problem.line > 0), "a problem without a line");
            return;
        }
    };
    let set = FlagSet::of(vec![file], Bucketing::V2).expect("one file has no key twice");
    let groups: Vec<Value> =
        (0..200).map(|number| Value::from(format!("group-{number}"))).collect();
    let context = serde_json::json!({
        "targetingKey": "ann", "user": "ann", "groups": groups, "allowed": groups, "version": "1.2.3",
    });
    let mut scratch = Scratch::new();
    let context = scratch.of_json(context.as_object().expect("an object")).expect("within limits");
    let started = Instant::now();
    for (flag, evaluation) in set.evaluate_all(&context, 1_700_000_000) {
        let Some(variant) = evaluation.variant() else { continue };
        assert!(flag.variants().contains(variant), "a variant of another flag");
    }
    assert!(started.elapsed() < PATIENCE, "took {:?}", started.elapsed());
}

pub(crate) const FLAG_CONTEXT: Target = Target {
    name: "flag_context",
    run: flag_context,
    seeds: &[
        br#"{"targetingKey":"ann","user":{"name":"jack"},"email":"a@b.c","version":"1.2.0-rc.1"}"#,
        br#"{"hashing_input":{"a":[1,2.5,null,true],"b":{"c":"x"}},"id":"abc","tier":"premium"}"#,
    ],
    dictionary: &[
        b"\"hashing_input\":",
        b"\"version\":",
        b"\"id\":",
        b"\"targetingKey\":",
        b"\"$flagd\":",
        b"[",
        b"]",
        b"{",
        b"}",
        b"1e999",
        b"-0.0",
        b"18446744073709551615",
        b"\\u0000",
        b"\\ud83d\\ude00",
    ],
};

/// A context is refused, or every flag of flagd's own suite has a variant or a reason.
fn flag_context(bytes: &[u8]) {
    let Ok(Value::Object(context)) = serde_json::from_slice(bytes) else { return };
    let mut scratch = Scratch::new();
    let Ok(context) = scratch.of_json(&context) else { return };
    for set in sets() {
        for (_, evaluation) in set.evaluate_all(&context, 1_700_000_000) {
            assert!(evaluation.failure().is_none_or(|failure| !failure.to_string().is_empty()));
        }
    }
}

/// Flags with every operator, under each way of bucketing.
fn sets() -> &'static [FlagSet] {
    use std::sync::OnceLock;
    static SETS: OnceLock<Vec<FlagSet>> = OnceLock::new();
    SETS.get_or_init(|| {
        let text = r#"{"flags":{
            "basic":{"state":"ENABLED","variants":{"a":1,"b":2},"targeting":{"fractional":[{"var":"hashing_input"},["a",1],["b",1]]}},
            "short":{"state":"ENABLED","variants":{"a":1,"b":2},"targeting":{"fractional":[["a",1],["b",{"var":"weight"}]]}},
            "version":{"state":"ENABLED","variants":{"true":1,"false":2},"targeting":{"sem_ver":[{"var":"version"},">=","1.0.0"]}},
            "start":{"state":"ENABLED","variants":{"true":1,"false":2},"targeting":{"starts_with":[{"var":"id"},{"var":"version"}]}},
            "sum":{"state":"ENABLED","variants":{"0":1},"targeting":{"reduce":[{"var":"id"},{"+":[{"var":"current"},{"var":"accumulator"}]},0]}},
            "cut":{"state":"ENABLED","variants":{"a":1},"targeting":{"substr":[{"var":"id"},{"var":"weight"},{"var":"tier"}]}},
            "rest":{"state":"ENABLED","variants":{"a":1},"targeting":{"%":[{"var":"id"},{"var":"weight"}]}}
        }}"#;
        let read = |bucketing| {
            let file = FlagFile::read("sets.json", text).expect("good");
            FlagSet::of(vec![file], bucketing).expect("no key twice")
        };
        Bucketing::ALL.map(read).into()
    })
}
