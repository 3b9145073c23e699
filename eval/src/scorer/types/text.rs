//! Checks on what an answer says: their types and keys.

use super::declared::checks;
use crate::scorer::form::{Form, Json, Text, Texts, Whole};
use crate::scorer::keys::{Context, Fields, KeyShape, Spot, keys};
use crate::scorer::text::TextTest;
use serde_json::{Value, json};

keys! {
    struct Expected {
        /// The text or JSON that the answer must equal. Without it, the sample's `expected`.
        value: Json = optional, "Paris";
    }
}

keys! {
    struct Needle {
        /// The text to look for.
        value: Text = required, "refund";
    }
}

keys! {
    struct Needles {
        /// The texts to look for: one, a list, or `file:` with a file that has one a line.
        value: Texts = required, r#"["refund", "money back"]"#;
    }
}

keys! {
    struct Pattern {
        /// The regular expression, in the syntax of the `regex` crate, which has no look-around.
        value: Regex = required, r"\d+ days";
    }
}

keys! {
    struct Forbidden {
        /// The words that must not be said, whole and in any case: one, a list, or `file:` with a
        /// file that has one a line.
        value: Words = required, r#"["stupid", "idiot"]"#;
    }
}

keys! {
    struct Lengths {
        /// Fewest characters. One of `min` and `max` may be left out.
        min: Whole<0, { u64::MAX }> = optional, "1";
        /// Most characters.
        max: Whole<0, { u64::MAX }> = optional, "4000";
    }
}

keys! {
    pub(super) struct Nothing {}
}

checks! { Text, |fields, cx|
    "equals" "Passes when the answer is this text, or this JSON.",
        Expected { value } => TextTest::Equals(value.map(|value| value.0));
    // The texts, whether all of them must be there, and whether case is ignored.
    "contains" "Passes when the text is in the answer.",
        Needle { value } => TextTest::contains(vec![value?.0], true, false);
    "contains-any" "Passes when one of the texts is in the answer.",
        Needles { value } => TextTest::contains(value?.0, false, false);
    "contains-all" "Passes when all of the texts are in the answer.",
        Needles { value } => TextTest::contains(value?.0, true, false);
    "icontains" "Passes when the text is in the answer, in any case.",
        Needle { value } => TextTest::contains(vec![value?.0], true, true);
    "icontains-any" "Passes when one of the texts is in the answer, in any case.",
        Needles { value } => TextTest::contains(value?.0, false, true);
    "icontains-all" "Passes when all of the texts are in the answer, in any case.",
        Needles { value } => TextTest::contains(value?.0, true, true);
    "regex" "Passes when the regular expression matches somewhere in the answer.",
        Pattern { value } => TextTest::Regex(value?.0);
    "starts-with" "Passes when the answer begins with the text.",
        Needle { value } => TextTest::StartsWith(value?.0);
    "keywords" "Passes when the answer says none of the words.",
        Forbidden { value } => TextTest::Keywords(value?.0);
    "is-refusal" "Passes when the answer is marked as a refusal, was stopped by a filter, or begins \
                  like a refusal.",
        Nothing {} => TextTest::IsRefusal;
    "length" "Passes when the answer has so many characters (Unicode scalar values).",
        Lengths { min, max } => {
            let (min, max) = bounds(min.map(|min| min.0), max.map(|max| max.0), fields, cx)?;
            TextTest::Length(min, max)
        };
}

/// `min` and `max`, of which one may be left out.
pub(super) fn bounds(
    min: Option<u64>,
    max: Option<u64>,
    fields: &Fields<'_>,
    cx: &mut Context<'_>,
) -> Option<(u64, u64)> {
    if fields.get("min").is_none() && fields.get("max").is_none() {
        fields.problem("", "has neither `min` nor `max`", "add at least one of them", cx);
        return None;
    }
    let (min, max) = (min.unwrap_or(0), max.unwrap_or(u64::MAX));
    if min > max {
        fields.wrong("min", format!("is over `max`, {max}"), "write a smaller one".into(), cx);
        return None;
    }
    Some((min, max))
}

/// A regular expression.
struct Regex(regex::Regex);

impl Form for Regex {
    fn name() -> String {
        "regular expression".into()
    }

    fn shape() -> KeyShape {
        KeyShape::Schema(json!({ "type": "string" }))
    }

    fn read(value: &Value, spot: &Spot, cx: &mut Context<'_>) -> Option<Self> {
        let text = Text::read(value, spot, cx)?.0;
        compiled(&text, value, spot, cx).map(Self)
    }
}

/// Words, as one expression.
struct Words(regex::Regex);

impl Form for Words {
    fn name() -> String {
        Texts::name()
    }

    fn shape() -> KeyShape {
        Texts::shape()
    }

    fn read(value: &Value, spot: &Spot, cx: &mut Context<'_>) -> Option<Self> {
        let words = Texts::read(value, spot, cx)?.0;
        let words: Vec<String> = words.iter().map(|word| whole_word(word)).collect();
        compiled(&format!("(?i){}", words.join("|")), value, spot, cx).map(Self)
    }
}

fn compiled(text: &str, value: &Value, spot: &Spot, cx: &mut Context<'_>) -> Option<regex::Regex> {
    match regex::Regex::new(text) {
        Ok(regex) => Some(regex),
        Err(error) => {
            let why = error.to_string().lines().last().unwrap_or_default().to_owned();
            spot.wrong(value, format!("is not a regular expression: {why}"), cx);
            None
        }
    }
}

/// A word boundary only where the word itself begins or ends with a letter.
fn whole_word(word: &str) -> String {
    let edge = |c: Option<char>| if c.is_some_and(char::is_alphanumeric) { r"\b" } else { "" };
    format!("{}{}{}", edge(word.chars().next()), regex::escape(word), edge(word.chars().last()))
}
