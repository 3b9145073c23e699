//! What `off` and `deny` take away, in a form that needs no definition: it can be put on top of whatever
//! was changed meanwhile.

use super::rule::{Override, RuntimeRule};
use serde::{Deserialize, Serialize};

/// The part of a change of a flag that takes a variant away.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakenAway {
    /// The flag is off for everybody, and gives no variant.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub disabled: bool,
    /// Rules that are new or different.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<RuntimeRule>,
    /// Digest of the definition that the change was made on.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub made_on: String,
}

impl TakenAway {
    /// What a change that made `after` of `before` takes away.
    #[must_use]
    pub fn between(before: &Override, after: &Override) -> Self {
        let rules = after.rules.iter().filter(|rule| !before.rules.contains(rule));
        Self {
            disabled: after.enabled == Some(false) && before.enabled != Some(false),
            rules: rules.cloned().collect(),
            made_on: after.made_on.clone(),
        }
    }

    /// The override with this taken away too.
    #[must_use]
    pub fn on_top_of(&self, before: &Override) -> Override {
        let mut after = before.clone();
        if self.disabled {
            after.enabled = Some(false);
        }
        for new in &self.rules {
            match after.rules.iter_mut().find(|old| old.is_instead_of(new)) {
                Some(old) => *old = new.clone(),
                None => after.rules.push(new.clone()),
            }
        }
        if after != *before {
            after.made_on.clone_from(&self.made_on);
        }
        after
    }
}

#[cfg(test)]
mod tests {
    use super::TakenAway;
    use crate::{FlagChange, FlagFile, Override, Scope, Subject};

    #[test]
    fn what_is_taken_away_comes_on_top_of_another_change() {
        let text = r#"{"flags": {
            "a": {"state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "on"},
            "b": {"state": "ENABLED", "variants": {"x": 1}}}}"#;
        let file = FlagFile::read("flags.json", text).expect("a good file");
        let flag = |place: usize| &file.flags[place].0;
        let nothing = Override::default();
        let apply = |change: &FlagChange, place: usize, before: &Override| {
            change.apply(flag(place), before).expect("it fits").0
        };
        let deny = FlagChange::Deny {
            subject: Subject::Tenant("acme".into()),
            variant: None,
            scope: Scope::default(),
        };
        let set = FlagChange::Set { variant: "on".into(), scope: Scope::default() };
        let taken = TakenAway::between(&nothing, &apply(&deny, 0, &nothing));
        let meanwhile = apply(&set, 0, &nothing);
        assert_eq!(taken.on_top_of(&meanwhile), apply(&deny, 0, &meanwhile));
        assert_eq!(taken.on_top_of(&nothing), apply(&deny, 0, &nothing));
        let again = apply(&deny, 0, &nothing);
        assert_eq!(taken.on_top_of(&again), again, "it is so already");
        let off = FlagChange::Off { variant: None, scope: Scope::default() };
        assert!(off.takes_away() && deny.takes_away() && !set.takes_away());
        let taken = TakenAway::between(&nothing, &apply(&off, 1, &nothing));
        assert!(taken.disabled && taken.rules.is_empty());
        let text = serde_json::to_string(&taken).expect("JSON");
        assert_eq!(serde_json::from_str::<TakenAway>(&text).expect("the same"), taken);
        assert_eq!(taken.on_top_of(&nothing), apply(&off, 1, &nothing));
    }
}
