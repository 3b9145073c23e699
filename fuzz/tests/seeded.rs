//! Every target under a fixed number of seeded mutations: short enough for every run of the tests.

use stagegate_fuzz::{Mutator, TARGETS, Target, target};
use std::panic::catch_unwind;

/// Runs `rounds` mutated inputs; the input that fails is shown ready to be kept as a seed.
fn survives(name: &str, rounds: usize) {
    let target: &'static Target = target(name).expect("a target");
    for seed in target.seeds {
        (target.run)(seed);
    }
    let mut mutator = Mutator::new(target, 0x5eed);
    for round in 0..rounds {
        let input = mutator.next_input();
        if catch_unwind(|| (target.run)(&input)).is_err() {
            panic!("{name} failed in round {round} on b\"{}\"", input.escape_ascii());
        }
    }
}

#[test]
fn requests() {
    survives("request", 300_000);
}

#[test]
fn responses() {
    survives("response", 300_000);
}

#[test]
fn chunked_bodies() {
    survives("chunked", 300_000);
}

#[test]
fn json_pointers() {
    survives("json_pointer", 300_000);
}

#[test]
fn bearer_tokens() {
    survives("bearer_token", 50_000);
}

#[test]
fn usage_in_answers() {
    survives("usage", 4_000);
}

#[test]
fn streams_put_together() {
    survives("reassembly", 20_000);
}

#[test]
fn force_headers() {
    survives("force_header", 100_000);
}

#[test]
fn configurations() {
    survives("config", 4_000);
}

#[test]
fn decision_records() {
    survives("decision_record", 300_000);
}

#[test]
fn files_of_flags() {
    survives("flag_file", 20_000);
}

#[test]
fn contexts_of_flags() {
    survives("flag_context", 50_000);
}

#[test]
fn calls_for_flags() {
    survives("flag_call", 50_000);
}

#[test]
fn no_target_is_left_out() {
    let tested = include_str!("seeded.rs");
    for target in TARGETS {
        let called = format!("survives(\"{}\"", target.name);
        assert!(tested.contains(&called), "{} has no test here", target.name);
    }
}

#[test]
fn exports_of_traces() {
    survives("otlp_protobuf", 100_000);
    survives("otlp_json", 100_000);
}
