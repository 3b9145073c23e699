use super::change::{FlagChange, FlagRefusal, Which};
use super::rule::{By, Override, Scope, Subject};
use crate::{Bucketing, DecidedBy, FlagFile, FlagSet, Reason, Scratch, Variant};
use proptest::prelude::*;
use stagegate_rollout::Weight;
use std::sync::Arc;

const FILE: &str = r#"{"flags": {
  "refunds": {"state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "on"},
  "prompt": {
    "state": "ENABLED", "variants": {"a": "A", "b": "B", "c": "C"}, "defaultVariant": "a",
    "targeting": {"if": [{"in": [{"var": "tenant"}, ["acme"]]}, "b",
      {"fractional": [["c", 20], ["a", 80]]}]}
  },
  "asleep": {"state": "DISABLED", "variants": {"x": 1, "y": 2}, "defaultVariant": "x"}
}}"#;

fn set(bucketing: Bucketing) -> FlagSet {
    let file = FlagFile::read("flags.json", FILE).expect("a good file");
    FlagSet::of(vec![file], bucketing).expect("no key twice")
}

fn apply(set: &FlagSet, key: &str, before: &Override, change: &FlagChange) -> Override {
    change.apply(set.get(key).expect("a flag"), before).expect("it fits").0
}

fn with(set: &FlagSet, key: &str, given: Override) -> FlagSet {
    set.with_overlay(Arc::new([(key.to_owned(), given)].into()))
}

fn at(set: &FlagSet, key: &str, fields: &[(&str, &str)]) -> (String, DecidedBy) {
    excluding(set, key, fields, false)
}

fn excluding(set: &FlagSet, key: &str, fields: &[(&str, &str)], out: bool) -> (String, DecidedBy) {
    let mut scratch = Scratch::new();
    let context = scratch.of_fields(fields).excluding(out);
    let evaluation = set.evaluate(key, &context, 0);
    let name = evaluation.variant().map_or("", Variant::name).to_owned();
    (name, evaluation.decided_by())
}

fn everywhere() -> Scope {
    Scope::default()
}

fn workload(name: &str) -> Scope {
    Scope { workload: Some(name.to_owned()), stage: None }
}

fn deny(tenant: &str, scope: Scope) -> FlagChange {
    FlagChange::Deny { subject: Subject::Tenant(tenant.to_owned()), variant: None, scope }
}

fn percent(share: &str, by: By) -> FlagChange {
    let share = share.parse().expect("a share");
    FlagChange::Percent { share, by: Some(by), variant: None, scope: everywhere() }
}

#[test]
fn off_comes_first_and_on_ends_it() {
    let set = set(Bucketing::V2);
    let mut given = apply(
        &set,
        "refunds",
        &Override::default(),
        &FlagChange::Allow {
            subject: Subject::User("ann".into()),
            variant: None,
            scope: everywhere(),
        },
    );
    let off = FlagChange::Off { variant: None, scope: everywhere() };
    given = apply(&set, "refunds", &given, &off);
    let now = with(&set, "refunds", given.clone());
    assert_eq!(at(&now, "refunds", &[("user", "ann")]), ("off".into(), DecidedBy::Off));
    given = apply(&set, "refunds", &given, &FlagChange::On { scope: everywhere() });
    let now = with(&set, "refunds", given.clone());
    assert_eq!(at(&now, "refunds", &[("user", "ann")]), ("on".into(), DecidedBy::Allowed));
    assert_eq!(at(&now, "refunds", &[]), ("on".into(), DecidedBy::Static));
    let all = FlagChange::Remove { which: Which::Everything, scope: everywhere() };
    assert!(apply(&set, "refunds", &given, &all).is_empty());
}

#[test]
fn one_tenant_is_denied_in_one_stage_of_one_workload() {
    let set = set(Bucketing::V2);
    let scope = Scope { workload: Some("agent".into()), stage: Some("refund".into()) };
    let given = apply(&set, "refunds", &Override::default(), &deny("acme", scope));
    let now = with(&set, "refunds", given);
    let of = |tenant, stage| {
        at(&now, "refunds", &[("workload", "agent"), ("stage", stage), ("tenant", tenant)]).0
    };
    assert_eq!(
        [of("acme", "refund"), of("acme", "plan"), of("globex", "refund")],
        ["off", "on", "on"]
    );
    assert_eq!(at(&now, "refunds", &[("tenant", "acme")]).0, "on");
}

#[test]
fn excluded_tenants_are_in_no_percentage_and_get_no_set_variant() {
    let set = set(Bucketing::V2);
    let mut given = apply(&set, "prompt", &Override::default(), &{
        let share = Weight::FULL;
        let variant = Some("b".to_owned());
        FlagChange::Percent { share, by: None, variant, scope: everywhere() }
    });
    let fields = [("targetingKey", "ann"), ("tenant", "medco")];
    let now = with(&set, "prompt", given.clone());
    assert_eq!(excluding(&now, "prompt", &fields, false).1, DecidedBy::Percent);
    assert_eq!(excluding(&now, "prompt", &fields, true).1, DecidedBy::Targeting);
    let everybody = FlagChange::Set { variant: "c".into(), scope: everywhere() };
    given = apply(&set, "prompt", &given, &everybody);
    let now = with(&set, "prompt", given.clone());
    assert_eq!(excluding(&now, "prompt", &fields, false), ("c".into(), DecidedBy::Set));
    assert_eq!(excluding(&now, "prompt", &fields, true).1, DecidedBy::Targeting);
    // An operator may still name the one tenant.
    let named = FlagChange::Allow {
        subject: Subject::Tenant("medco".into()),
        variant: Some("b".into()),
        scope: everywhere(),
    };
    given = apply(&set, "prompt", &given, &named);
    let now = with(&set, "prompt", given);
    assert_eq!(excluding(&now, "prompt", &fields, true), ("b".into(), DecidedBy::Allowed));
}

#[test]
fn a_disabled_flag_is_enabled_and_disabled_again() {
    let set = set(Bucketing::V2);
    let on = apply(&set, "asleep", &Override::default(), &FlagChange::On { scope: everywhere() });
    assert_eq!(at(&with(&set, "asleep", on), "asleep", &[]), ("x".into(), DecidedBy::Static));
    assert_eq!(at(&set, "asleep", &[]), (String::new(), DecidedBy::Disabled));
}

#[test]
fn refusals_name_what_would_be_right() {
    let set = set(Bucketing::V2);
    let prompt = set.get("prompt").expect("a flag");
    let none = Override::default();
    let allow = FlagChange::Allow {
        subject: Subject::User("ann".into()),
        variant: None,
        scope: everywhere(),
    };
    let said = allow.apply(prompt, &none).expect_err("three variants").to_string();
    assert!(said.contains("name one of a, b, c"), "{said}");
    let wrong = FlagChange::Set { variant: "d".into(), scope: everywhere() };
    let said = wrong.apply(prompt, &none).expect_err("no such variant").to_string();
    assert!(said.contains("has no variant `d`; it has a, b, c"), "{said}");
    let refunds = set.get("refunds").expect("a flag");
    let (half, _) = percent("50%", By::User).apply(refunds, &none).expect("it fits");
    let other = percent("60%", By::Tenant).apply(refunds, &half);
    assert!(matches!(other, Err(FlagRefusal::OtherPercentage { .. })), "{other:?}");
    let (same, said) = percent("50%", By::User).apply(refunds, &half).expect("it fits");
    assert_eq!((same, said.as_str()), (half, ""));
    let nobody = deny("", everywhere()).apply(refunds, &none);
    assert!(matches!(nobody, Err(FlagRefusal::Text { .. })), "{nobody:?}");
}

#[test]
fn a_rule_of_a_variant_that_is_gone_decides_nothing_and_is_told() {
    let set = set(Bucketing::V2);
    let everybody = FlagChange::Set { variant: "c".into(), scope: everywhere() };
    let given = apply(&set, "prompt", &Override::default(), &everybody);
    let text = FILE.replace(r#""b": "B", "c": "C""#, r#""b": "B""#).replace(r#"["c", 20], "#, "");
    let file = FlagFile::read("flags.json", &text).expect("a good file");
    let newer = FlagSet::of(vec![file], Bucketing::V2).expect("no key twice");
    let now = with(&newer, "prompt", given.clone());
    assert_eq!(at(&now, "prompt", &[("targetingKey", "ann")]).1, DecidedBy::Targeting);
    let said: Vec<String> = now.remarks().into_iter().map(|(_, said)| said).collect();
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[0].contains("after it was changed at run time"), "{said:?}");
    assert!(said[1].contains("set: everybody gets `c`"), "{said:?}");
    let gone = with(&FlagSet::default(), "prompt", given);
    assert_eq!(gone.remarks()[0].1, "no file has this flag any more");
}

#[test]
fn an_export_keeps_the_rest_of_the_text() {
    let set = set(Bucketing::V2);
    let given = apply(&set, "prompt", &Override::default(), &deny("acme", workload("agent")));
    let now = with(&set, "prompt", given);
    let text = now.exported_text(FILE, false).expect("the text of the file");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[..2], FILE.lines().collect::<Vec<_>>()[..2]);
    assert_eq!(text.lines().last(), FILE.lines().last());
    let file = FlagFile::read("flags.json", &text).expect("a good file");
    assert!(file.warnings().is_empty(), "{:?}", file.warnings());
    let list = r#"{"flags": [{"key": "a", "state": "ENABLED", "variants": {"on": true}, "defaultVariant": "on"}]}"#;
    let file = FlagFile::read("list.json", list).expect("a good file");
    let of_a_list = FlagSet::of(vec![file], Bucketing::V2).expect("no key twice");
    let now = with(&of_a_list, "a", Override { enabled: Some(false), ..Override::default() });
    let text = now.exported_text(list, false).expect("the text of the file");
    assert!(text.contains("DISABLED"), "{text}");
    FlagFile::read("list.json", &text).expect("a good file");
}

#[test]
fn overrides_are_kept_as_they_are() {
    let set = set(Bucketing::V2);
    let mut given = Override::default();
    for change in [
        deny("acme", workload("agent")),
        FlagChange::Set { variant: "off".into(), scope: everywhere() },
        percent("0.5%", By::Conversation),
        FlagChange::Off { variant: None, scope: everywhere() },
    ] {
        given = apply(&set, "refunds", &given, &change);
    }
    let text = serde_json::to_string(&given).expect("JSON");
    assert!(text.contains(r#"{"rule":"deny","tenant":"acme","workload":"agent","variant":"off"}"#));
    assert!(text.contains(r#""share":"0.5%","by":"conversation""#), "{text}");
    assert_eq!(serde_json::from_str::<Override>(&text).expect("an override"), given);
}

fn a_scope() -> impl Strategy<Value = Scope> {
    let name = |names: &'static [&'static str]| {
        proptest::option::weighted(0.3, proptest::sample::select(names).prop_map(str::to_owned))
    };
    (name(&["agent", "other"]), name(&["plan", "refund"]))
        .prop_map(|(workload, stage)| Scope { workload, stage })
}

fn a_subject() -> impl Strategy<Value = Subject> {
    (any::<bool>(), 0..4u8).prop_map(|(user, number)| {
        if user {
            Subject::User(format!("u{number}"))
        } else {
            Subject::Tenant(format!("t{number}"))
        }
    })
}

fn a_change() -> impl Strategy<Value = FlagChange> {
    let variant = || proptest::sample::select(&["a", "b", "c"][..]).prop_map(str::to_owned);
    prop_oneof![
        (variant(), a_scope())
            .prop_map(|(name, scope)| FlagChange::Off { variant: Some(name), scope }),
        a_scope().prop_map(|scope| FlagChange::On { scope }),
        (variant(), a_scope()).prop_map(|(variant, scope)| FlagChange::Set { variant, scope }),
        (a_subject(), variant(), a_scope()).prop_map(|(subject, name, scope)| {
            FlagChange::Allow { subject, variant: Some(name), scope }
        }),
        (a_subject(), variant(), a_scope()).prop_map(|(subject, name, scope)| {
            FlagChange::Deny { subject, variant: Some(name), scope }
        }),
        (0..=100_000u32, 0..4usize, variant(), a_scope()).prop_map(|(parts, by, name, scope)| {
            let share = Weight::from_parts(parts).expect("a share");
            FlagChange::Percent { share, by: Some(By::ALL[by]), variant: Some(name), scope }
        }),
    ]
}

fn a_context() -> impl Strategy<Value = Vec<(&'static str, String)>> {
    let field = |name: &'static str, values: &'static [&'static str]| {
        let value = proptest::sample::select(values).prop_map(str::to_owned);
        proptest::option::of(value).prop_map(move |value| value.map(|value| (name, value)))
    };
    (
        field("targetingKey", &["u0", "u1", "u2", "k"]),
        field("user", &["u0", "u1", "u3", ""]),
        field("tenant", &["t0", "t1", "acme"]),
        field("conversation", &["c0", "c1", "c2", "c3"]),
        field("workload", &["agent", "other"]),
        field("stage", &["plan", "refund"]),
    )
        .prop_map(|(a, b, c, d, e, f)| [a, b, c, d, e, f].into_iter().flatten().collect())
}

proptest! {
    #[test]
    fn an_exported_file_decides_as_the_changes_of_run_time(
        changes in proptest::collection::vec(a_change(), 1..8),
        contexts in proptest::collection::vec((a_context(), any::<bool>()), 1..20),
        bucketing in 0..3usize,
    ) {
        let bucketing = Bucketing::ALL[bucketing];
        let set = set(bucketing);
        let mut given = Override::default();
        for change in changes {
            if let Ok((after, _)) = change.apply(set.get("prompt").expect("a flag"), &given) {
                given = after;
            }
        }
        let now = with(&set, "prompt", given);
        let text = now.exported_text(FILE, true).expect("the text of the file");
        let file = FlagFile::read("exported.json", &text).expect("a good file");
        let permanent = FlagSet::of(vec![file], bucketing).expect("no key twice");
        for (fields, excluded) in contexts {
            let fields: Vec<(&str, &str)> =
                fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let one = excluding(&now, "prompt", &fields, excluded).0;
            prop_assert_eq!(one, excluding(&permanent, "prompt", &fields, excluded).0, "{}", text);
        }
    }

    #[test]
    fn a_growing_percentage_only_adds(
        small in 0..=100_000u32,
        more in 0..=100_000u32,
        key in "[a-z0-9]{1,12}",
        bucketing in 0..3usize,
    ) {
        let set = set(Bucketing::ALL[bucketing]);
        let large = (small + more).min(100_000);
        let within = |parts: u32| {
            let share = Weight::from_parts(parts).expect("a share");
            let change =
                FlagChange::Percent { share, by: None, variant: Some("c".into()), scope: everywhere() };
            let given = apply(&set, "prompt", &Override::default(), &change);
            at(&with(&set, "prompt", given), "prompt", &[("targetingKey", &key)]).1
                == DecidedBy::Percent
        };
        prop_assert!(!within(small) || within(large));
        prop_assert!(!within(0));
    }
}

#[test]
fn a_percentage_has_its_share() {
    let set = set(Bucketing::V2);
    let given = apply(&set, "refunds", &Override::default(), &percent("10%", By::Tenant));
    let now = with(&set, "refunds", given);
    let hits = (0..20_000).filter(|number| {
        let tenant = format!("tenant-{number}");
        at(&now, "refunds", &[("tenant", &tenant)]).1 == DecidedBy::Percent
    });
    let hits = hits.count();
    assert!((1_850..2_150).contains(&hits), "{hits}");
    let mut scratch = Scratch::new();
    let nobody = scratch.of_fields(&[("user", "ann")]);
    assert_eq!(now.evaluate("refunds", &nobody, 0).reason(), Reason::Static);
}

#[test]
fn a_preview_says_who_moves() {
    let set = set(Bucketing::V2);
    let before = Override::default();
    let after = apply(&set, "refunds", &before, &deny("acme", workload("agent")));
    let now = with(&set, "refunds", after.clone());
    let said = crate::moves((&set, &now), "refunds", (&before, &after), 0);
    assert_eq!(said, ["tenant acme in workload agent: on (static) -> off (denied)"]);
    let off = FlagChange::Off { variant: None, scope: everywhere() };
    let away = apply(&set, "refunds", &before, &off);
    let said =
        crate::moves((&set, &with(&set, "refunds", away.clone())), "refunds", (&before, &away), 0);
    assert_eq!(said, ["everybody else: on -> off"]);
}
