//! Nothing that must not leave leaves, however it is written.

use crate::support::{facts, half, no_rules};
use proptest::prelude::*;
use serde_json::{Value, json};
use stagegate_eval::{Captured, InvalidRule, REDACTED, Redactor, Rule, Sample, request_body};
use std::sync::OnceLock;

fn captured<'a>(request: &'a str, response: &'a str, kind: &'a str) -> Captured<'a> {
    Captured {
        path: "/v1/chat/completions",
        request: half(request.as_bytes(), "application/json"),
        response: half(response.as_bytes(), kind),
        limit: 1 << 20,
        ..Captured::default()
    }
}

/// Everything that is ever written of a sample.
fn forms(sample: &Sample) -> Vec<String> {
    let scorer = String::from_utf8(request_body(&[sample])).expect("text");
    let stored = serde_json::to_string(sample).expect("JSON");
    let failed = stagegate_eval::Score::binary("s", false, "");
    let case = stagegate_eval::dataset::Record::of(sample, &[failed]).expect("a case");
    let case = serde_json::to_string(&case).expect("JSON");
    vec![scorer, stored, case, format!("{sample:?}")]
}

#[test]
fn secrets_of_well_known_shapes_go_without_being_configured() {
    let redactor = no_rules();
    for secret in [
        "sk-proj-abcdefghijklmnop1234567890",
        "sk-ant-api03-abcdefghijklmnop-1234567890_AA",
        "sk_live_abcdefghijklmnop1234",
        "Bearer abcdef0123456789.xyz",
        "Basic dXNlcjpwYXNzd29yZA==",
        "AKIAIOSFODNN7EXAMPLE",
        "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "AIzaSyA1234567890abcdefghijklmnopqrstuv",
        "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
        "xoxb-1234567890-abcdef",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
        "Authorization: token-that-nobody-knows",
        "Cookie: session=abc; theme=dark",
        "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----",
    ] {
        let text = format!("before {secret}\nafter");
        let clean = redactor.text(&text);
        assert!(clean.contains(REDACTED) && clean.ends_with("\nafter"), "{secret}: {clean}");
        for word in secret.split([' ', '\n']).filter(|word| word.len() > 24) {
            assert!(!clean.contains(word), "{clean}");
        }
    }
    for harmless in [
        "risk-averse",
        "task-force-2025",
        "The bearer of news",
        "a basic understanding of responsibilities",
        "select pk_customer_order_items from t",
        "Cookie: a small text file",
        "sk-8",
        "desk-lamp",
    ] {
        assert_eq!(redactor.text(harmless), harmless);
    }
    let mut value = json!({ "headers": { "X-API-Key": "k", "cookie": ["a"], "accept": "b" } });
    redactor.value(&mut value);
    let clean = json!({ "headers": { "X-API-Key": REDACTED, "cookie": REDACTED, "accept": "b" } });
    assert_eq!(value, clean);
}

#[test]
fn a_secret_cut_by_the_stream_is_whole_when_it_is_looked_for() {
    let stream = "data: {\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"key: sk-abcdefghij\"}}]}\n\n\
                  data: {\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"klmnopqrstuvwxyz\"}}]}\n\ndata: [DONE]\n\n";
    let sample = Sample::of(facts(), &captured("{}", stream, "text/event-stream"), no_rules());
    assert_eq!(sample.text(), format!("key: {REDACTED}"));
}

#[test]
fn places_are_taken_out_by_pointer() {
    let rules = [
        Rule::Pointer("/messages/*/content".to_owned()),
        Rule::Pointer("/user".to_owned()),
        Rule::Pointer("/choices/*/message/content".to_owned()),
    ];
    let redactor = Redactor::new(&rules).expect("good rules");
    let request =
        json!({ "user": { "name": "Jo" }, "messages": [{ "role": "user", "content": "private" }] });
    let answer = json!({ "object": "chat.completion", "choices": [{ "message": { "content": "private too" }, "finish_reason": "stop" }] });
    let (request, answer) = (request.to_string(), answer.to_string());
    let sample = Sample::of(facts(), &captured(&request, &answer, "application/json"), &redactor);
    for form in forms(&sample) {
        assert!(!form.contains("private") && !form.contains("Jo"), "{form}");
    }
    assert_eq!(sample.input["messages"][0]["role"], "user");
    assert_eq!(sample.text(), REDACTED);
}

#[test]
fn places_of_a_stream_are_those_of_the_body_it_is_put_together_to() {
    let rule = Rule::Pointer("/choices/*/message/tool_calls/*/function/arguments".to_owned());
    let redactor = Redactor::new(&[rule]).expect("a good rule");
    let call = |arguments: &str| {
        let delta = json!({ "tool_calls": [{ "index": 0, "id": "c", "function": { "name": "f", "arguments": arguments } }] });
        let chunk = json!({ "object": "chat.completion.chunk", "choices": [{ "index": 0, "delta": delta }] });
        format!("data: {chunk}\n\n")
    };
    let stream = call("{\"card\":") + &call("4111}") + "data: [DONE]\n\n";
    let sample = Sample::of(facts(), &captured("{}", &stream, "text/event-stream"), &redactor);
    assert_eq!(sample.tool_calls()[0].arguments, REDACTED);
    assert!(forms(&sample).iter().all(|form| !form.contains("4111")));
}

#[test]
fn ids_that_hold_a_secret_stay_apart_without_it() {
    let redactor = Redactor::new(&[Rule::Pattern(r"[a-z]+@[a-z.]+".to_owned())]).expect("good");
    let named = |user: &str| {
        let facts = stagegate_eval::Facts { conversation: Some(user.to_owned()), ..facts() };
        let sample = Sample::of(facts, &captured("{}", "{}", "application/json"), &redactor);
        sample.conversation.expect("one")
    };
    assert!(named("jo@example.com").starts_with("redacted-"));
    assert_eq!(named("jo@example.com"), named("jo@example.com"));
    assert_ne!(named("jo@example.com"), named("al@example.com"));
    assert_eq!(named("conv-1"), "conv-1");
}

#[test]
fn rules_that_cannot_work_are_named() {
    let wrong = |rule: Rule| Redactor::new(&[rule]).expect_err("wrong");
    assert!(
        matches!(wrong(Rule::Pattern("(".to_owned())), InvalidRule::Pattern(text, _) if text == "(")
    );
    assert_eq!(wrong(Rule::Pattern("x*".to_owned())), InvalidRule::Empty("x*".to_owned()));
    assert_eq!(wrong(Rule::Pointer("a/b".to_owned())), InvalidRule::Pointer("a/b".to_owned()));
}

/// Made once: compiling takes longer than all the rest.
fn accounts() -> &'static Redactor {
    static REDACTOR: OnceLock<Redactor> = OnceLock::new();
    let rules = [Rule::Pattern(r"ACCT-\d{6}".to_owned())];
    REDACTOR.get_or_init(|| Redactor::new(&rules).expect("good"))
}

/// JSON in which the secret stands as text, as key, as part of both, and in JSON inside of JSON
/// with its characters escaped.
fn hiding(secret: &str, place: u8, around: &str) -> Value {
    let said = format!("{around}{secret}{around}");
    let escaped: String = secret.chars().map(|c| format!("\\u{:04x}", u32::from(c))).collect();
    match place % 6 {
        0 => json!(said),
        1 => json!({ said: 1 }),
        2 => json!([{ "deep": [null, said] }]),
        3 => json!({ "arguments": json!({ "inner": said }).to_string() }),
        4 => json!({ "arguments": format!("{{\"inner\": \"{escaped}\"}}") }),
        _ => json!(json!(json!([said]).to_string()).to_string()),
    }
}

proptest! {
    #[test]
    fn no_configured_secret_survives_in_any_form(
        digits in "[0-9]{6}", place in 0u8..6, around in "[ a-z\"\\\\{}é]{0,6}", other in 0u8..6,
    ) {
        let secret = format!("ACCT-{digits}");
        let redactor = accounts();
        let request = json!({ "messages": [{ "role": "user", "content": hiding(&secret, place, &around) }] });
        let inner = hiding(&secret, other, &around);
        let answer = json!({ "object": "chat.completion", "model": secret, "choices": [{ "message": {
            "content": format!("{around}{secret}"), "refusal": secret,
            "tool_calls": [{ "id": secret, "function": { "name": secret, "arguments": inner.to_string() } }],
        }, "finish_reason": "stop" }], "usage": { "note": inner } });
        let mut facts = facts();
        facts.id = format!("req-{secret}");
        facts.tenant = Some(secret.clone());
        facts.metadata.insert(secret.clone(), inner);
        let (request, answer) = (request.to_string(), answer.to_string());
        let sample = Sample::of(facts, &captured(&request, &answer, "application/json"), redactor);
        for form in forms(&sample) {
            prop_assert!(!form.contains(&digits), "{}", form);
            let escaped = format!("\\u{:04x}", u32::from('A'));
            prop_assert!(!form.contains(&escaped), "{}", form);
        }
    }
}

#[test]
fn a_secret_may_be_the_whole_text() {
    assert_eq!(no_rules().text("cookie:a="), REDACTED, "the shortest of the known shapes");
    for (pattern, text) in [
        ("[0-9]{4}", "1234"),
        ("é", "é"),
        ("(?i)wort|x", "X"),
        ("(?x) [a-c]{2} # two of them", "ab"),
        (r"\bid-\d\b", "id-7"),
        ("a?b", "b"),
    ] {
        let redactor = Redactor::new(&[Rule::Pattern(pattern.to_owned())]).expect(pattern);
        assert_eq!(redactor.text(text), REDACTED, "{pattern}");
        let mut value = json!({ "list": [text] });
        redactor.value(&mut value);
        assert_eq!(value, json!({ "list": [REDACTED] }), "{pattern}");
    }
}
