//! Declarations of keys: what reads them, and what describes them to editors and in the reference.

use super::form::Form;
use super::suggestion::suggestion;
use serde_json::{Map, Value};

pub(crate) use super::context::{Context, Files, Spot};
pub use super::shape::KeyShape;

/// One key of a definition, as it is declared.
#[derive(Clone, Debug)]
pub struct ScorerKey {
    /// The key.
    pub name: &'static str,
    /// Its meaning, in sentences.
    pub doc: String,
    /// If it is required.
    pub need: KeyNeed,
    /// A valid value, in JSON; a text may be without quotes.
    pub example: &'static str,
    /// The form of its values in a few words: `duration from 1ms to 10m`.
    pub form: String,
    /// The form of its values for a JSON Schema.
    pub shape: KeyShape,
}

/// If a key is required.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyNeed {
    /// It must be there.
    Required,
    /// It may be left out.
    Optional,
    /// It has this value where it is left out.
    Default(&'static str),
}

/// A group of keys that are declared, and read, together.
pub(crate) trait Keys: Sized {
    fn keys() -> Vec<ScorerKey>;

    /// Every value; `None` for one that is absent, or wrong, which is then reported.
    fn read(fields: &Fields<'_>, cx: &mut Context<'_>) -> Self;
}

/// Declares a group of keys: each with its meaning, the form of its values, whether it must be there
/// and a valid value. Every field becomes an `Option` of the form.
macro_rules! keys {
    ($(#[doc = $doc:literal])* $vis:vis struct $name:ident {
        $($(#[doc = $key_doc:literal])+
        $field:ident: $ty:ty = $need:ident $(($default:literal))?, $example:literal;)*
    }) => {
        $(#[doc = $doc])*
        $vis struct $name {
            $($(#[doc = $key_doc])+ pub(crate) $field: Option<$ty>,)*
        }

        impl $crate::scorer::keys::Keys for $name {
            fn keys() -> Vec<$crate::scorer::keys::ScorerKey> {
                vec![$($crate::scorer::keys::Declared {
                    name: stringify!($field),
                    doc: concat!($($key_doc),+),
                    need: $crate::scorer::keys::need!($need $(($default))?),
                    example: $example,
                }.key::<$ty>()),*]
            }

            #[allow(unused_variables)]
            fn read(
                fields: &$crate::scorer::keys::Fields<'_>,
                cx: &mut $crate::scorer::keys::Context<'_>,
            ) -> Self {
                Self {
                    $($field: fields.read::<$ty>(&$crate::scorer::keys::Declared {
                        name: stringify!($field),
                        doc: concat!($($key_doc),+),
                        need: $crate::scorer::keys::need!($need $(($default))?),
                        example: $example,
                    }, cx),)*
                }
            }
        }
    };
}

macro_rules! need {
    (required) => {
        $crate::scorer::keys::KeyNeed::Required
    };
    (optional) => {
        $crate::scorer::keys::KeyNeed::Optional
    };
    (default($text:literal)) => {
        $crate::scorer::keys::KeyNeed::Default($text)
    };
}

pub(crate) use {keys, need};

/// The declaration of a key, besides its form.
pub(crate) struct Declared {
    pub(crate) name: &'static str,
    pub(crate) doc: &'static str,
    pub(crate) need: KeyNeed,
    pub(crate) example: &'static str,
}

impl Declared {
    pub(crate) fn key<T: Form>(&self) -> ScorerKey {
        let doc = self.doc.split_whitespace().collect::<Vec<_>>().join(" ");
        let (name, need, example) = (self.name, self.need, self.example);
        ScorerKey { name, doc, need, example, form: T::name(), shape: T::shape() }
    }

    /// The first sentence of the meaning, for use inside another sentence.
    fn meaning(&self) -> String {
        let doc = self.doc.split_whitespace().collect::<Vec<_>>().join(" ");
        let first = doc.split_once(". ").map_or(doc.as_str(), |(first, _)| first);
        let first = first.trim_end_matches('.');
        let mut chars = first.chars();
        match (chars.next(), chars.next()) {
            (Some(a), Some(b)) if b.is_lowercase() || b == ' ' => {
                format!("{}{b}{}", a.to_lowercase(), chars.as_str())
            }
            _ => first.to_owned(),
        }
    }
}

/// A value of a declaration: JSON, or a text without quotes.
pub(crate) fn value_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::from(text))
}

/// The mapping whose keys are read.
pub(crate) struct Fields<'a> {
    map: &'a Map<String, Value>,
    path: String,
}

impl<'a> Fields<'a> {
    /// The mapping at this JSON pointer; anything else is reported.
    pub(crate) fn open(value: &'a Value, path: String, cx: &mut Context<'_>) -> Option<Self> {
        let Value::Object(map) = value else {
            let hint = "write keys and values, `type` among them".to_owned();
            Spot { path, hint }.problem("is not a scorer", cx);
            return None;
        };
        Some(Self { map, path })
    }

    /// The value under a key; null counts as nothing.
    pub(crate) fn get(&self, key: &str) -> Option<&'a Value> {
        self.map.get(key).filter(|value| !value.is_null())
    }

    fn path(&self, key: &str) -> String {
        format!("{}/{}", self.path, key.replace('~', "~0").replace('/', "~1"))
    }

    pub(crate) fn read<T: Form>(&self, key: &Declared, cx: &mut Context<'_>) -> Option<T> {
        let path = self.path(key.name);
        let hint = format!("write it like `{}: {}`", key.name, key.example);
        match (self.get(key.name), key.need) {
            (Some(value), _) => T::read(value, &Spot { path, hint }, cx),
            (None, KeyNeed::Optional) => None,
            (None, KeyNeed::Default(text)) => T::read(&value_of(text), &Spot { path, hint }, cx),
            (None, KeyNeed::Required) => {
                let hint = format!("add `{}`: {}, like `{}`", key.name, key.meaning(), key.example);
                Spot { path, hint }.problem("is missing", cx);
                None
            }
        }
    }

    /// Reports what is wrong between keys; an empty key means the mapping as a whole.
    pub(crate) fn problem(
        &self,
        key: &str,
        message: impl Into<String>,
        hint: &str,
        cx: &mut Context<'_>,
    ) {
        let path = if key.is_empty() { self.path.clone() } else { self.path(key) };
        Spot { path, hint: hint.to_owned() }.problem(message, cx);
    }

    /// Reports that a key's value is wrong, and shows it.
    pub(crate) fn wrong(&self, key: &str, message: String, hint: String, cx: &mut Context<'_>) {
        let value = self.map.get(key).unwrap_or(&Value::Null);
        Spot { path: self.path(key), hint }.wrong(value, message, cx);
    }

    /// Reports every key that is not among `known`.
    pub(crate) fn refuse_others(&self, kind: &str, known: &[&str], cx: &mut Context<'_>) {
        for key in self.map.keys().filter(|key| !known.contains(&key.as_str())) {
            let hint = suggestion(key, known).map_or_else(
                || format!("known here: {}", known.join(", ")),
                |near| format!("did you mean `{near}`?"),
            );
            let message = format!("is not a key of `{kind}`");
            Spot { path: self.path(key), hint }.problem(message, cx);
        }
    }
}
