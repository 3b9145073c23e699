//! Tests of costs: exact in nano-dollars, with the way in which they are known.

use crate::bodies::{self, JSON, SSE, answer, scan, scan_pieces};
use stagegate_rollout::CostTruth;
use stagegate_signals::{
    Cost, End, Passed, Prices, Protocol, Rates, Signals, Tariff, Usage, Wanted,
};
use std::sync::Arc;

/// 2026-11-22 12:00:00 UTC.
const NOW: u64 = 1_795_348_800;

const TABLE: &str = r#"[{"id":"house","name":"House","api_pattern":"https://house","model_match":{"starts_with":"house-"},
"models":[
 {"id":"house-flat","match":{"equals":"house-flat"},"prices":{"input_mtok":3,"cache_read_mtok":0.3,"cache_write_mtok":3.75,"output_mtok":15}},
 {"id":"house-tiers","match":{"equals":"house-tiers"},"prices":{"input_mtok":{"base":1,"tiers":[{"start":1000,"price":2},{"start":5000,"price":4}]},"output_mtok":10}},
 {"id":"house-dated","match":{"equals":"house-dated"},"prices":[{"prices":{"input_mtok":1,"output_mtok":1}},{"constraint":{"start_date":"2026-11-23"},"prices":{"input_mtok":2,"output_mtok":2}}]}
]}]"#;

fn house() -> Tariff {
    Tariff::new(Arc::new(Prices::from_json(TABLE.as_bytes()).expect("a list")))
}

fn cost_with(tariff: &mut Tariff, signals: &Signals, passed: Passed) -> Option<Cost> {
    Cost::of(Some(signals), None, 200, passed, |wanted| tariff.rates(wanted, NOW))
}

#[test]
fn usage_times_price_is_exact() {
    let rates = house().rates(&Wanted::new(Protocol::Auto, "house-flat", 10), NOW).expect("listed");
    assert_eq!(
        rates,
        Rates {
            input: 3_000_000_000,
            cache_read: 300_000_000,
            cache_write: 3_750_000_000,
            output: 15_000_000_000,
            ..Rates::default()
        }
    );
    let usage = Usage { input: 1, cache_read: 10, cache_write: 2, output: 3, ..Usage::default() };
    assert_eq!(rates.cost(&usage), 3_000 + 3_000 + 7_500 + 45_000);
    let huge = Usage { output: u64::MAX, ..Usage::default() };
    assert_eq!(rates.cost(&huge), u64::MAX, "no overflow");
}

#[test]
fn long_inputs_cost_what_their_tier_says_at_every_length() {
    let mut tariff = house();
    let mut rate = |input| {
        tariff.rates(&Wanted::new(Protocol::Auto, "house-tiers", input), NOW).expect("listed").input
    };
    for input in [7, 999, 1000, 1001, 3000, 5000, 5001, 1_000_000, 1001, 4999, 12, 0, u64::MAX] {
        let expected = match input {
            0..=1000 => 1_000_000_000,
            1001..=5000 => 2_000_000_000,
            _ => 4_000_000_000,
        };
        assert_eq!(rate(input), expected, "{input}");
    }
    for input in (0..6000).rev().step_by(7) {
        let expected = if input > 5000 {
            4
        } else if input > 1000 {
            2
        } else {
            1
        };
        assert_eq!(rate(input), expected * 1_000_000_000, "{input}");
    }
}

#[test]
fn a_price_that_changes_with_the_date_changes_in_the_memory_too() {
    let mut tariff = house();
    let mut rate = |at| {
        tariff.rates(&Wanted::new(Protocol::Auto, "house-dated", 5), at).expect("listed").input
    };
    assert_eq!(rate(NOW), 1_000_000_000);
    assert_eq!(rate(NOW + 86_400), 2_000_000_000);
}

#[test]
fn the_builtin_list_knows_the_big_providers_models() {
    let mut tariff = Tariff::new(Arc::new(Prices::builtin()));
    for (protocol, model) in [
        (Protocol::OpenAiChat, "gpt-4o"),
        (Protocol::OpenAiChat, "openai/gpt-4o"),
        (Protocol::OpenAiResponses, "gpt-4.1-2025-04-14"),
        (Protocol::Anthropic, "claude-sonnet-4-5-20250929"),
        (Protocol::Gemini, "gemini-2.5-pro"),
        (Protocol::Bedrock, "anthropic.claude-sonnet-4-5-20250929-v1:0"),
        (Protocol::Auto, "claude-sonnet-4-5-20250929"),
    ] {
        let rates = tariff.rates(&Wanted::new(protocol, model, 1000), NOW);
        assert!(rates.is_some_and(|r| r.input > 0 && r.output > r.input), "{model}: {rates:?}");
        assert!(rates.is_some_and(|r| r.cache_read < r.input), "{model}: {rates:?}");
    }
    assert_eq!(tariff.rates(&Wanted::new(Protocol::Auto, "no-such-model", 1000), NOW), None);
}

#[test]
fn a_list_of_another_form_is_refused_with_a_reason() {
    for text in ["", "{}", "[{\"id\":\"x\"}]", "[1]"] {
        let error = Prices::from_json(text.as_bytes()).expect_err(text).to_string();
        assert!(error.contains("prices.json") && error.len() > 100, "{error}");
    }
}

#[test]
fn every_cost_says_how_it_is_known() {
    let mut tariff = house();
    let mut truth = |signals: &Signals| {
        cost_with(&mut tariff, signals, Passed { request: 400, response: 80 })
            .map(|cost| (cost.truth, cost.nanos))
    };
    let messages = bodies::MESSAGES_STREAM.replace("claude-sonnet-4-5-20250929", "house-flat");
    let whole = scan(&answer("/", SSE), messages.as_bytes());
    let nanos = 25 * 3_000 + 100 * 300 + 8 * 3_750 + 15 * 15_000;
    assert_eq!(truth(&whole), Some((CostTruth::Reported, Some(nanos))));

    let (begun, _) = messages.split_once("event: message_delta").expect("there");
    let left = scan_pieces(&answer("/", SSE), [begun.as_bytes()], End::ClientGone);
    let nanos = 25 * 3_000 + 100 * 300 + 8 * 3_750 + 15_000;
    assert_eq!(truth(&left), Some((CostTruth::PartialStream, Some(nanos))));

    let silent =
        scan(&answer("/v1/chat/completions", JSON), br#"{"model":"house-flat","choices":[]}"#);
    assert_eq!(truth(&silent), Some((CostTruth::Estimated, Some(100 * 3_000 + 20 * 15_000))));
    let stream = "data: {\"model\":\"house-flat\"}\n\ndata: {\"x\":1}\n\n";
    let silent = scan(&answer("/", SSE), stream.as_bytes());
    assert_eq!(truth(&silent), Some((CostTruth::Estimated, Some(100 * 3_000 + 2 * 15_000))));

    let stranger = scan(&answer("/", JSON), bodies::CHAT.as_bytes());
    assert_eq!(truth(&stranger), Some((CostTruth::Unknown, None)));
    let nameless = scan(&answer("/", JSON), br#"{"usage":{"input_tokens":1,"output_tokens":2}}"#);
    assert_eq!(truth(&nameless), Some((CostTruth::Unknown, None)));
}

#[test]
fn a_stated_cost_goes_before_tokens_and_a_refused_request_costs_nothing_known() {
    let chat = scan(&answer("/", JSON), bodies::CHAT.as_bytes());
    let none = |_: &Wanted<'_>| None;
    let stated = Cost::of(Some(&chat), Some(42), 200, Passed::default(), none).expect("stated");
    assert_eq!((stated.nanos, stated.truth), (Some(42), CostTruth::Reported));
    let stated = Cost::of(None, Some(0), 200, Passed::default(), none).expect("stated");
    assert_eq!(stated.nanos, Some(0));
    assert_eq!(Cost::of(None, None, 200, Passed::default(), none), None);
    let refused = scan(
        &answer("/v1/messages", JSON),
        br#"{"type":"error","error":{"type":"invalid_request_error"}}"#,
    );
    assert_eq!(Cost::of(Some(&refused), None, 400, Passed::default(), none), None);
}
