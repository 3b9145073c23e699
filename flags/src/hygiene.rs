//! What speaks for removing a flag.

use crate::{Flag, Override, Variant, What};
use serde_json::Value;
use stagegate_rollout::Weight;

/// The reasons to look at a flag, in words; none for a flag that is in use. `today` is a day like
/// `2026-12-31`. A flag whose metadata say `permanent: true` may be decided for everybody.
#[must_use]
pub fn stale(flag: &Flag, given: Option<&Override>, today: &str) -> Vec<String> {
    let metadata = flag.metadata();
    let text = |name: &str| metadata.get(name).and_then(Value::as_str).unwrap_or_default();
    let mut reasons = Vec::new();
    if metadata.get("permanent") != Some(&Value::Bool(true)) {
        reasons.extend(decided(flag, given));
    }
    match text("expires") {
        day if !day.is_empty() && !is_day(day) => {
            reasons.push(format!("expires on `{day}`, which is no day like 2026-12-31"));
        }
        _ => reasons.extend(expired(flag, today).map(|day| format!("expired on {day}"))),
    }
    if text("owner").is_empty() {
        reasons.push("has no owner in its metadata".to_owned());
    }
    reasons
}

/// The day on which the flag expired, if that is over. `today` is a day like `2026-12-31`.
#[must_use]
pub fn expired<'f>(flag: &'f Flag, today: &str) -> Option<&'f str> {
    let day = flag.metadata().get("expires")?.as_str()?;
    (is_day(day) && day < today).then_some(day)
}

/// True if the flag decides by `stage`: its rule asks for it, or a rule of run time names one.
#[must_use]
pub fn is_by_stage(flag: &Flag, given: Option<&Override>) -> bool {
    let rules = given.map(|given| given.rules.as_slice()).unwrap_or_default();
    rules.iter().any(|rule| rule.scope.stage.is_some())
        || flag.definition().get("targeting").is_some_and(asks_for_stage)
        || flag.written_out.as_ref().is_some_and(asks_for_stage)
}

fn asks_for_stage(rule: &Value) -> bool {
    match rule {
        Value::Array(items) => items.iter().any(asks_for_stage),
        Value::Object(members) => members.iter().any(|(name, value)| {
            let first = value.as_array().and_then(|items| items.first()).unwrap_or(value);
            (name == "var" && first == "stage") || asks_for_stage(value)
        }),
        _ => false,
    }
}

/// The reason if everybody gets the same.
fn decided(flag: &Flag, given: Option<&Override>) -> Option<String> {
    if !given.and_then(|given| given.enabled).unwrap_or(flag.is_enabled()) {
        return Some(
            "disabled for everybody: remove it, and the code that it switches on".to_owned(),
        );
    }
    let all = |variant: &str| {
        format!("everybody gets `{variant}`: keep the code of this variant and remove the flag")
    };
    let rules = given.map(|given| given.rules.as_slice()).unwrap_or_default();
    let for_all = rules.iter().find(|rule| {
        let everybody = match rule.what {
            What::Off | What::Set => true,
            What::Percent { share, .. } => share == Weight::FULL,
            What::Deny { .. } | What::Allow { .. } => false,
        };
        everybody && rule.scope.is_everywhere()
    });
    if let Some(rule) = for_all {
        return Some(all(&rule.variant));
    }
    let is_plain = rules.is_empty() && !flag.has_rule();
    is_plain.then(|| flag.default_variant().map(Variant::name)).flatten().map(all)
}

fn is_day(text: &str) -> bool {
    text.len() == 10
        && text.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        })
}

#[cfg(test)]
mod tests {
    use super::{is_by_stage, stale};
    use crate::{FlagChange, FlagFile, Override, Scope};

    fn told(members: &str, change: Option<&FlagChange>) -> String {
        let text = format!(
            r#"{{"flags": {{"a": {{"state": "ENABLED", "variants": {{"on": true, "off": false}},
                "defaultVariant": "off", {members}}}}}}}"#
        );
        let file = FlagFile::read("flags.json", &text).expect("a good file");
        let flag = &file.flags[0].0;
        let given =
            change.map(|change| change.apply(flag, &Override::default()).expect("it fits").0);
        stale(flag, given.as_ref(), "2026-11-30").join("; ")
    }

    #[test]
    fn flags_that_decide_by_stage_are_known() {
        let by = |members: &str, change: Option<&FlagChange>| {
            let text = format!(
                r#"{{"flags": {{"a": {{"state": "ENABLED", "variants": {{"on": true, "off": false}},
                    "defaultVariant": "off", {members}}}}},
                    "$evaluators": {{"late": {{"in": [{{"var": ["stage", ""]}}, ["refund"]]}}}}}}"#
            );
            let file = FlagFile::read("flags.json", &text).expect("a good file");
            let flag = &file.flags[0].0;
            let given =
                change.map(|change| change.apply(flag, &Override::default()).expect("it fits").0);
            is_by_stage(flag, given.as_ref())
        };
        let tenant = r#""targeting": {"if": [{"==": [{"var": "tenant"}, "stage"]}, "on"]}"#;
        assert!(!by(tenant, None));
        assert!(by(r#""targeting": {"if": [{"$ref": "late"}, "on"]}"#, None));
        let off = FlagChange::Off {
            variant: None,
            scope: Scope { stage: Some("refund".into()), workload: None },
        };
        assert!(by(tenant, Some(&off)));
    }

    #[test]
    fn flags_that_decide_nothing_any_more_are_named() {
        let rule = r#""targeting": {"if": [{"var": "beta"}, "on"]}, "metadata": {"owner": "ann"}"#;
        assert_eq!(told(rule, None), "");
        let all = FlagChange::Set { variant: "on".into(), scope: Scope::default() };
        assert!(told(rule, Some(&all)).starts_with("everybody gets `on`"));
        let some = FlagChange::Set {
            variant: "on".into(),
            scope: Scope { stage: Some("plan".into()), workload: None },
        };
        assert_eq!(told(rule, Some(&some)), "");
        assert!(told(r#""metadata": {"owner": "ann"}"#, None).contains("everybody gets `off`"));
        assert_eq!(told(r#""metadata": {"owner": "ann", "permanent": true}"#, None), "");
        let dated = |day: &str| {
            let members =
                format!(r#""metadata": {{"permanent": true, "owner": "a", "expires": "{day}"}}"#);
            told(&members, None)
        };
        assert_eq!(dated("2026-11-29"), "expired on 2026-11-29");
        assert_eq!(dated("2026-11-30"), "");
        assert!(dated("soon").contains("is no day"));
        assert_eq!(
            told(r#""metadata": {"permanent": true}"#, None),
            "has no owner in its metadata"
        );
    }
}
