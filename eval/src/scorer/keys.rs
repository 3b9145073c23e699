//! Declarations of keys: what reads them, and what describes them to editors and in the reference.

use super::form::Form;
use super::problem::Problem;
use super::suggestion::suggestion;
use serde_json::{Map, Value};

/// Where `file:` texts come from; the error says in words why there is none.
pub(crate) type Files<'a> = &'a dyn Fn(&str) -> Result<String, String>;

/// One key of a definition, as it is declared.
#[derive(Clone, Debug)]
pub struct ScorerKey {
    /// The key.
    pub name: &'static str,
    /// Its meaning, in sentences.
    pub doc: String,
    /// Whether it must be there.
    pub need: KeyNeed,
    /// A valid value, in JSON; a text may be without quotes.
    pub example: &'static str,
    /// The form of its values in a few words: `duration from 1ms to 10m`.
    pub form: String,
    /// The form of its values for a JSON Schema.
    pub shape: KeyShape,
}

/// Whether a key must be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyNeed {
    /// It must be there.
    Required,
    /// It may be left out.
    Optional,
    /// It has this value where it is left out.
    Default(&'static str),
}

/// The form of a key's values for a JSON Schema.
#[derive(Clone, Debug)]
pub enum KeyShape {
    /// Values of this JSON Schema.
    Schema(Value),
    /// A list of checks: definitions of a built-in type without the keys of a whole scorer.
    Checks,
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

/// What a declaration says of a key besides its form.
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

    /// The first sentence of the meaning, to go on with in another one.
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

/// Collects problems, and gives the texts of files.
pub(crate) struct Context<'a> {
    pub(crate) files: Files<'a>,
    /// How many sets the reader is inside of.
    pub(crate) depth: usize,
    pub(crate) problems: Vec<Problem>,
}

impl<'a> Context<'a> {
    pub(crate) fn new(files: Files<'a>) -> Self {
        Self { files, depth: 0, problems: Vec::new() }
    }
}

/// Where a value is, and what a right one looks like.
pub(crate) struct Spot {
    /// JSON pointer to the value.
    pub(crate) path: String,
    /// What to write instead of a wrong value.
    pub(crate) hint: String,
}

impl Spot {
    /// Reports that the value here is wrong, and shows it.
    pub(crate) fn wrong(&self, value: &Value, message: impl Into<String>, cx: &mut Context<'_>) {
        self.report(Some(shown(value)), message, cx);
    }

    /// Reports a problem without showing a value.
    pub(crate) fn problem(&self, message: impl Into<String>, cx: &mut Context<'_>) {
        self.report(None, message, cx);
    }

    fn report(&self, value: Option<String>, message: impl Into<String>, cx: &mut Context<'_>) {
        let (key, hint) = (self.path.clone(), self.hint.clone());
        cx.problems.push(Problem { key, value, message: message.into(), hint });
    }
}

/// A value for a message: a text without quotes, everything else as JSON, both cut at 80 characters.
fn shown(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match text.char_indices().nth(80) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
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
