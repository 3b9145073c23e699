//! Each reason for which a passport is refused, and one that is admitted.

#![allow(clippy::unwrap_used)]

use stagegate_readiness::{
    Gatekeeper, Passport, PassportCheck, PassportDemand, Pins, SignedPassport, Standing, admit,
};
use std::collections::BTreeMap;

const DAY: u64 = 86_400_000;
const NOW: u64 = 1_700_000_000_000;

/// A signature that a test can make: the length of the text and the key.
fn signature(key: &str, text: &[u8]) -> String {
    format!("{key}:{}", text.iter().map(|b| u64::from(*b)).sum::<u64>())
}

fn passport() -> Passport {
    let check = |id: &str, standing| PassportCheck {
        id: id.into(),
        standing,
        seen: "seen".into(),
        by: None,
    };
    Passport {
        environment: "staging".into(),
        workload: "agent".into(),
        release: "v2".into(),
        fingerprint: "f-2".into(),
        pins: [("model".to_owned(), "m-2".to_owned())].into(),
        issued_ms: NOW - DAY,
        issued_by: "ci".into(),
        checks: vec![
            check("A1", Standing::Yes),
            check("B8", Standing::Waived),
            check("A3", Standing::No),
        ],
        audit_seq: 9,
        audit_hash: "h".into(),
    }
}

fn signed(passport: &Passport, key: &str) -> SignedPassport {
    let text = serde_json::to_string(passport).unwrap();
    let signature = signature(key, text.as_bytes());
    SignedPassport::of(text, key.into(), signature)
}

fn decide(
    signed: &SignedPassport,
    change: impl Fn(&mut Gatekeeper<'_>),
    demand: &PassportDemand,
) -> Result<Passport, String> {
    let trusted: BTreeMap<String, Vec<String>> =
        [("staging".to_owned(), vec!["k-1".to_owned()])].into();
    let pins = Pins { model: Some("m-2".into()), ..Pins::default() };
    let mut here = Gatekeeper {
        workload: "agent",
        release: "v2",
        fingerprint: "f-2",
        pins: &pins,
        trusted: &trusted,
        demand: Some(demand),
        now_ms: NOW,
    };
    change(&mut here);
    let read = |text: &str| serde_json::from_str(text).map_err(|error| error.to_string());
    admit(signed, &here, read, |key, text, it| it == signature(key, text))
        .map_err(|refusal| refusal.to_string())
}

fn demand() -> PassportDemand {
    PassportDemand {
        from: "staging".into(),
        max_age_ms: 7 * DAY,
        checks: vec!["A1".into(), "B8".into()],
    }
}

#[test]
fn a_passport_of_the_same_pins_from_a_trusted_environment_is_admitted() {
    let found = decide(&signed(&passport(), "k-1"), |_| {}, &demand()).unwrap();
    assert_eq!(found, passport());
    assert!(found.has("B8") && !found.has("A3") && !found.has("Z1"));
}

#[test]
fn each_doubt_refuses_it_with_the_reason() {
    let refused = |it: &SignedPassport, change: &dyn Fn(&mut Gatekeeper<'_>), demand| {
        decide(it, change, demand).unwrap_err()
    };
    let (good, all) = (signed(&passport(), "k-1"), demand());
    let mut tampered = good.clone();
    tampered.payload = tampered.payload.replace("m-2", "m-3");
    assert!(refused(&tampered, &|_| {}, &all).contains("the passport was changed"));
    let mut other_form = good.clone();
    other_form.schema = "passport/9".into();
    assert!(refused(&other_form, &|_| {}, &all).contains("passport/9"));
    let no_text = SignedPassport::of("{}".into(), "k-1".into(), signature("k-1", b"{}"));
    assert!(refused(&no_text, &|_| {}, &all).contains("cannot be read"));
    let unknown = signed(&passport(), "k-2");
    assert!(refused(&unknown, &|_| {}, &all).contains("is not one of environment `staging`"));
    let lab = Passport { environment: "lab".into(), ..passport() };
    assert!(refused(&signed(&lab, "k-1"), &|_| {}, &all).contains("no key of environment `lab`"));
    assert!(refused(&good, &|it| it.release = "v3", &all).contains("of release v2 of agent"));
    let other = refused(&good, &|it| it.fingerprint = "f-9", &all);
    assert!(other.contains("other pins here"), "{other}");
    assert!(refused(&good, &|it| it.now_ms = NOW + 8 * DAY, &all).contains("has expired"));
    assert!(refused(&good, &|it| it.now_ms = NOW - 2 * DAY, &all).contains("in the future"));
    let from = PassportDemand { from: "canary".into(), ..demand() };
    assert!(refused(&good, &|_| {}, &from).contains("demands a passport from `canary`"));
    let strict = PassportDemand { checks: vec!["A1".into(), "A3".into()], ..demand() };
    assert!(refused(&good, &|_| {}, &strict).contains("checks were open in staging: A3"));
}

#[test]
fn other_pins_are_named_from_both_sides() {
    let mut there = passport();
    there.fingerprint = "f-1".into();
    there.pins.insert("tools".into(), "t-1".into());
    let why = decide(&signed(&there, "k-1"), |_| {}, &demand()).unwrap_err();
    assert!(why.contains("tools t-1 there and none here"), "{why}");
}
