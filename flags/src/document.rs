//! A whole set in flagd's format, for implementations that evaluate it themselves.

use crate::overlay::export;
use crate::{Flag, FlagSet, Override};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// How a flag differs between two sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Difference {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It decides otherwise, or may.
    Changed,
}

impl FlagSet {
    /// All flags as one document: with the changes of run time as rules, and without references.
    /// Exclusion groups are known to Stagegate alone, so nobody is excluded there.
    #[must_use]
    pub fn document(&self) -> Value {
        let flags = self.flags().map(|flag| {
            let given = self.overriding(flag.key());
            (flag.key().to_owned(), definition(flag, given))
        });
        let flags: Map<String, Value> = flags.collect();
        json!({ "flags": flags, "metadata": self.metadata() })
    }

    /// The flags that differ in `newer`, changes of run time included, by key.
    #[must_use]
    pub fn differences(&self, newer: &Self) -> BTreeMap<String, Difference> {
        let changes = self.changes(newer);
        let mut all = BTreeMap::new();
        all.extend(changes.added.into_iter().map(|key| (key, Difference::Added)));
        all.extend(changes.removed.into_iter().map(|key| (key, Difference::Removed)));
        let otherwise = changes.changed.into_iter().chain(changes.bucketed_anew);
        all.extend(otherwise.map(|key| (key, Difference::Changed)));
        for flag in newer.flags() {
            if self.overriding(flag.key()) != newer.overriding(flag.key()) {
                all.entry(flag.key().to_owned()).or_insert(Difference::Changed);
            }
        }
        all
    }
}

fn definition(flag: &Flag, given: Option<&Override>) -> Value {
    let mut definition = flag.definition().clone();
    if let Some(members) = definition.as_object_mut() {
        if let Some(rule) = &flag.written_out {
            members.insert("targeting".to_owned(), rule.clone());
        }
        if !flag.metadata().is_empty() {
            members.insert("metadata".to_owned(), Value::Object(flag.metadata().clone()));
        }
    }
    match given {
        Some(given) => export::exported(&definition, given, false),
        None => definition,
    }
}

#[cfg(test)]
mod tests {
    use super::Difference;
    use crate::{Bucketing, FlagChange, FlagFile, FlagSet, Override, Scope, Scratch, Subject};
    use std::sync::Arc;

    const ONE: &str = r#"{"flags": {"a": {"state": "ENABLED", "variants": {"on": true, "off": false},
        "defaultVariant": "off", "targeting": {"if": [{"$ref": "known"}, "on"]}}},
        "$evaluators": {"known": {"==": [{"var": "tenant"}, "acme"]}}, "metadata": {"version": "7"}}"#;
    const OTHER: &str = r#"{"flags": {"b": {"state": "ENABLED", "variants": {"on": true, "off": false},
        "defaultVariant": "on", "targeting": {"if": [{"$ref": "known"}, "off"]}}},
        "$evaluators": {"known": {"==": [{"var": "tenant"}, "globex"]}}}"#;

    fn set() -> FlagSet {
        let read = |name, text| FlagFile::read(name, text).expect("a good file");
        let files = vec![read("one.json", ONE), read("other.json", OTHER)];
        FlagSet::of(files, Bucketing::V2).expect("no key twice")
    }

    fn changed(set: &FlagSet, key: &str, change: &FlagChange) -> FlagSet {
        let flag = set.get(key).expect("a flag");
        let given = change.apply(flag, &Override::default()).expect("it fits").0;
        set.with_overlay(Arc::new([(key.to_owned(), given)].into()))
    }

    fn decisions(set: &FlagSet) -> Vec<String> {
        let mut scratch = Scratch::new();
        let mut all = Vec::new();
        for tenant in ["acme", "globex", "initech"] {
            let context = scratch.of_fields(&[("tenant", tenant), ("targetingKey", "ann")]);
            for (flag, it) in set.evaluate_all(&context, 0) {
                let variant = it.variant().map(|variant| variant.name().to_owned());
                all.push(format!("{tenant} {} {variant:?}", flag.key()));
            }
        }
        all
    }

    #[test]
    fn a_document_of_all_files_decides_as_the_set() {
        let deny = FlagChange::Deny {
            subject: Subject::Tenant("acme".into()),
            variant: None,
            scope: Scope::default(),
        };
        let off = FlagChange::Off { variant: None, scope: Scope::default() };
        let set = set();
        for set in [set.clone(), changed(&set, "a", &deny), changed(&set, "b", &off)] {
            let text = set.document().to_string();
            assert!(!text.contains("$ref") && text.contains(r#""version":"7""#), "{text}");
            let read = FlagFile::read("document.json", &text).expect("a good file");
            let read = FlagSet::of(vec![read], Bucketing::V2).expect("no key twice");
            assert_eq!(decisions(&read), decisions(&set), "{text}");
        }
    }

    #[test]
    fn changes_of_run_time_are_differences_too() {
        let before = set();
        assert!(before.differences(&before).is_empty());
        let off = FlagChange::Off { variant: None, scope: Scope::default() };
        let after = changed(&before, "b", &off);
        assert_eq!(before.differences(&after), [("b".to_owned(), Difference::Changed)].into());
        assert_eq!(after.differences(&before), [("b".to_owned(), Difference::Changed)].into());
        let one = FlagFile::read("one.json", ONE).expect("a good file");
        let one = FlagSet::of(vec![one], Bucketing::V2).expect("no key twice");
        assert_eq!(before.differences(&one), [("b".to_owned(), Difference::Removed)].into());
        assert_eq!(one.differences(&before), [("b".to_owned(), Difference::Added)].into());
    }
}
