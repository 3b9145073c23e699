//! Reads the keys of a definition and notes everything that is wrong with them.

use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::fmt;

/// One thing that is wrong with a definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// JSON pointer to the key, from the definition's root; empty for the root itself.
    pub key: String,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub hint: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = if self.key.is_empty() { "scorer" } else { self.key.trim_start_matches('/') };
        write!(f, "{key}: {}; {}", self.message, self.hint)
    }
}

/// Everything that is wrong with a definition.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct Problems(pub Vec<Problem>);

/// Where `file:` texts come from; the error says in words why there is none.
pub(crate) type Files<'a> = &'a dyn Fn(&str) -> Result<String, String>;

/// The keys of one definition.
pub(crate) struct Fields<'a> {
    map: &'a Map<String, Value>,
    path: String,
    known: BTreeSet<&'static str>,
    problems: Vec<Problem>,
    files: Files<'a>,
}

impl<'a> Fields<'a> {
    pub(crate) fn new(map: &'a Map<String, Value>, path: &str, files: Files<'a>) -> Self {
        Self { map, path: path.to_owned(), known: BTreeSet::new(), problems: Vec::new(), files }
    }

    pub(crate) const fn files(&self) -> Files<'a> {
        self.files
    }

    pub(crate) fn path(&self, key: &str) -> String {
        format!("{}/{key}", self.path)
    }

    pub(crate) fn problem(&mut self, key: &str, message: impl Into<String>, hint: &str) {
        let key = if key.is_empty() { self.path.clone() } else { self.path(key) };
        self.problems.push(Problem { key, message: message.into(), hint: hint.to_owned() });
    }

    pub(crate) fn note(&mut self, problems: Vec<Problem>) {
        self.problems.extend(problems);
    }

    /// Whatever is under the key; null counts as nothing.
    pub(crate) fn any(&mut self, key: &'static str) -> Option<&'a Value> {
        self.known.insert(key);
        self.map.get(key).filter(|value| !value.is_null())
    }

    fn wrong(&mut self, key: &str, value: &Value, wanted: &str, hint: &str) {
        self.problem(key, format!("`{value}` is not {wanted}"), hint);
    }

    /// A text; `file:name` stands for the text of that file.
    pub(crate) fn text(&mut self, key: &'static str, hint: &str) -> Option<String> {
        let value = self.any(key)?;
        let Value::String(text) = value else {
            self.wrong(key, value, "a text", hint);
            return None;
        };
        self.resolved(key, text)
    }

    fn resolved(&mut self, key: &str, text: &str) -> Option<String> {
        let Some(name) = text.strip_prefix("file://").or_else(|| text.strip_prefix("file:")) else {
            return Some(text.to_owned());
        };
        match (self.files)(name) {
            Ok(text) => Some(text),
            Err(why) => {
                self.problem(key, format!("`{text}`: {why}"), "name a file that can be read");
                None
            }
        }
    }

    /// A text that is neither looked up in a file nor shown in a message.
    pub(crate) fn secret(&mut self, key: &'static str, hint: &str) -> Option<String> {
        let value = self.any(key)?;
        let text = value.as_str().map(str::to_owned);
        if text.is_none() {
            self.problem(key, "is not a text", hint);
        }
        text
    }

    /// A text that must be there.
    pub(crate) fn needed(&mut self, key: &'static str, hint: &str) -> Option<String> {
        if self.any(key).is_none() {
            self.problem(key, "is missing", hint);
        }
        self.text(key, hint)
    }

    /// One text, or a list of them; must be there and hold at least one.
    pub(crate) fn texts(&mut self, key: &'static str, hint: &str) -> Option<Vec<String>> {
        let texts = match self.any(key) {
            None => {
                self.problem(key, "is missing", hint);
                return None;
            }
            Some(Value::String(text)) => {
                let text = self.resolved(key, text)?;
                // A file holds one a line.
                let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
                let whole = self.map.get(key).and_then(Value::as_str) == Some(text.as_str());
                if whole { vec![text] } else { lines.map(str::to_owned).collect() }
            }
            Some(value @ Value::Array(list)) => {
                let texts: Option<Vec<String>> = list
                    .iter()
                    .map(|item| match item {
                        Value::String(text) => Some(text.clone()),
                        Value::Number(number) => Some(number.to_string()),
                        _ => None,
                    })
                    .collect();
                match texts {
                    Some(texts) => texts,
                    None => {
                        self.wrong(key, value, "a list of texts", hint);
                        return None;
                    }
                }
            }
            Some(value) => {
                self.wrong(key, value, "a text or a list of texts", hint);
                return None;
            }
        };
        if texts.is_empty() || texts.iter().any(String::is_empty) {
            self.problem(key, "holds an empty text, or nothing", hint);
            return None;
        }
        Some(texts)
    }

    /// A number in a range.
    pub(crate) fn number(
        &mut self,
        key: &'static str,
        range: std::ops::RangeInclusive<f64>,
        hint: &str,
    ) -> Option<f64> {
        let value = self.any(key)?;
        match value.as_f64().filter(|number| range.contains(number)) {
            Some(number) => Some(number),
            None => {
                self.wrong(
                    key,
                    value,
                    &format!("a number from {} to {}", range.start(), range.end()),
                    hint,
                );
                None
            }
        }
    }

    /// A whole number in a range.
    pub(crate) fn whole(
        &mut self,
        key: &'static str,
        range: std::ops::RangeInclusive<u64>,
        hint: &str,
    ) -> Option<u64> {
        let value = self.any(key)?;
        match value.as_u64().filter(|number| range.contains(number)) {
            Some(number) => Some(number),
            None => {
                let wanted = format!("a whole number from {} to {}", range.start(), range.end());
                self.wrong(key, value, &wanted, hint);
                None
            }
        }
    }

    /// `min` and `max`, whole numbers up to `largest` of which one may be left out.
    pub(crate) fn bounds(&mut self, kind: &str, largest: u64, hint: &str) -> Option<(u64, u64)> {
        let (min, max) =
            (self.whole("min", 0..=largest, hint), self.whole("max", 0..=largest, hint));
        if min.is_none() && max.is_none() {
            let message = format!("`{kind}` without `min` and `max`");
            self.problem("", message, "write one of them at least");
            return None;
        }
        let (min, max) = (min.unwrap_or(0), max.unwrap_or(u64::MAX));
        if min > max {
            self.problem("min", format!("{min} is over `max` {max}"), "write a smaller one");
            return None;
        }
        Some((min, max))
    }

    /// `true` or `false`; `false` where there is none.
    pub(crate) fn flag(&mut self, key: &'static str) -> bool {
        match self.any(key) {
            None => false,
            Some(Value::Bool(flag)) => *flag,
            Some(value) => {
                self.wrong(key, value, "true or false", "write `true` or `false`");
                false
            }
        }
    }

    /// A duration like `10s` or `500ms`, in milliseconds.
    pub(crate) fn span(&mut self, key: &'static str, most_ms: u64) -> Option<u64> {
        const HINT: &str = "write a duration like `500ms`, `10s` or `2m`";
        let value = self.any(key)?;
        let read = |text: &str| {
            let at = text.find(|c: char| !c.is_ascii_digit())?;
            let factor = match &text[at..] {
                "ms" => 1,
                "s" => 1000,
                "m" => 60_000,
                _ => return None,
            };
            text[..at].parse::<u64>().ok()?.checked_mul(factor)
        };
        match value.as_str().and_then(read).filter(|span| (1..=most_ms).contains(span)) {
            Some(span) => Some(span),
            None => {
                self.wrong(
                    key,
                    value,
                    &format!("a duration from 1ms to {}s", most_ms / 1000),
                    HINT,
                );
                None
            }
        }
    }

    /// What is wrong, the keys that nobody asked for included.
    pub(crate) fn finish(mut self) -> Vec<Problem> {
        for key in self.map.keys() {
            if !self.known.contains(key.as_str()) {
                let known: Vec<_> = self.known.iter().copied().collect();
                let hint = format!("this type takes {}", known.join(", "));
                let path = self.path(key);
                self.problems.push(Problem {
                    key: path,
                    message: "is not a key of this type".into(),
                    hint,
                });
            }
        }
        self.problems
    }
}
