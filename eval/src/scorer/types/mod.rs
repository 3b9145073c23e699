//! The registry: every type of scorer, with its keys.

mod declared;
mod external;
mod operational;
mod set;
mod structure;
mod text;
mod tools;

pub(super) use declared::{Make, Type};
pub(super) use set::{Items, SetKeys};

use super::common::{Checked, Common};
use super::keys::{KeyNeed, KeyShape, Keys, ScorerKey, value_of};
use serde_json::{Value, json};

/// A type of scorer, for those who describe it.
#[derive(Clone, Debug)]
pub struct ScorerType {
    /// The value of `type`.
    pub name: &'static str,
    /// When an answer passes, in sentences.
    pub doc: &'static str,
    /// Whether it is a check: built in, fit for an `assert-set`, and turned around by `not-` before
    /// its name.
    pub check: bool,
    /// Every key that it takes.
    pub keys: Vec<ScorerKey>,
    /// How many keys at the beginning of `keys` other types have as well.
    pub shared: usize,
}

impl ScorerType {
    /// A definition with the keys of this type alone, and those that must be there. Its name is that
    /// of the type.
    #[must_use]
    pub fn example(&self) -> Value {
        let mut example = json!({});
        for (n, key) in self.keys.iter().enumerate() {
            if matches!(key.name, "name" | "type") {
                example[key.name] = json!(self.name);
            } else if n >= self.shared || key.need == KeyNeed::Required {
                example[key.name] = value_of(key.example);
            }
        }
        example
    }
}

/// Every type of scorer, in the order of the reference.
#[must_use]
pub fn scorer_types() -> Vec<ScorerType> {
    all(false).map(|kind| kind.described(kind.keys())).collect()
}

/// Every type of check, with the keys that it takes inside of an `assert-set`.
#[must_use]
pub fn check_types() -> Vec<ScorerType> {
    all(true).map(|kind| kind.described(kind.keys_in_set())).collect()
}

/// Every type, or only the checks.
pub(crate) fn all(checks: bool) -> impl Iterator<Item = &'static Type> {
    let lists = [text::TYPES, structure::TYPES, tools::TYPES, operational::TYPES, set::TYPES];
    let outside = if checks { &[] } else { external::TYPES };
    lists.into_iter().flatten().chain(outside)
}

pub(crate) fn check_type(name: &str) -> Option<&'static Type> {
    all(true).find(|kind| kind.name == name)
}

/// The type that is asked of somebody else.
pub(crate) fn outside_type(name: &str) -> Option<&'static Type> {
    external::TYPES.iter().find(|kind| kind.name == name)
}

pub(crate) fn names(keys: &[ScorerKey]) -> Vec<&'static str> {
    keys.iter().map(|key| key.name).collect()
}

impl Type {
    fn is_check(&self) -> bool {
        !matches!(self.make, Make::Outside(_))
    }

    /// Every key, in a scorer.
    pub(crate) fn keys(&self) -> Vec<ScorerKey> {
        let mut keys = Common::keys();
        keys.insert(1, type_key());
        if self.is_check() {
            keys.extend(Checked::keys());
        }
        keys.extend((self.own)());
        keys
    }

    /// Every key, in an `assert-set`.
    pub(crate) fn keys_in_set(&self) -> Vec<ScorerKey> {
        let mut keys = vec![type_key()];
        keys.extend(Checked::keys());
        keys.extend((self.own)());
        keys
    }

    fn described(&self, keys: Vec<ScorerKey>) -> ScorerType {
        let shared = keys.len() - (self.own)().len();
        ScorerType { name: self.name, doc: self.doc, check: self.is_check(), keys, shared }
    }
}

fn type_key() -> ScorerKey {
    ScorerKey {
        name: "type",
        doc: "The type of the scorer, which says what other keys it takes.".to_owned(),
        need: KeyNeed::Required,
        example: "contains",
        form: "one of the types below".to_owned(),
        shape: KeyShape::Schema(json!({ "type": "string" })),
    }
}
