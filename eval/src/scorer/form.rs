//! The forms of values: each says what it is called and what it is in JSON Schema, and reads itself.

use super::context::{Context, Spot};
use super::shape::KeyShape;
use crate::Hidden;
use serde_json::{Value, json};

/// A form of values.
pub(crate) trait Form: Sized {
    /// The form in a few words, without an article.
    fn name() -> String;

    fn shape() -> KeyShape;

    /// The value; `None` for a wrong one, which is then reported.
    fn read(value: &Value, spot: &Spot, cx: &mut Context<'_>) -> Option<Self>;
}

/// Reports a value that is not of the form.
pub(crate) fn not_a<T: Form>(value: &Value, spot: &Spot, cx: &mut Context<'_>) -> Option<T> {
    spot.wrong(value, format!("is not a {}", T::name()), cx);
    None
}

/// A text as it is, or that of the file it names.
pub(crate) fn resolved(
    value: &Value,
    text: &str,
    spot: &Spot,
    cx: &mut Context<'_>,
) -> Option<String> {
    let Some(name) = file_name(text) else { return Some(text.to_owned()) };
    match (cx.files)(name) {
        Ok(text) => Some(text),
        Err(why) => {
            let spot =
                Spot { path: spot.path.clone(), hint: "name a file that can be read".into() };
            spot.wrong(value, format!("cannot be read: {why}"), cx);
            None
        }
    }
}

fn file_name(text: &str) -> Option<&str> {
    text.strip_prefix("file://").or_else(|| text.strip_prefix("file:"))
}

/// A text; `file:name` stands for the text of that file.
pub(crate) struct Text(pub(crate) String);

impl Form for Text {
    fn name() -> String {
        "text".into()
    }

    fn shape() -> KeyShape {
        KeyShape::Schema(json!({ "type": "string" }))
    }

    fn read(value: &Value, spot: &Spot, cx: &mut Context<'_>) -> Option<Self> {
        let Value::String(text) = value else { return not_a(value, spot, cx) };
        resolved(value, text, spot, cx).map(Self)
    }
}

/// One text, a list of them, or `file:` with a file that holds one a line; at least one, none empty.
pub(crate) struct Texts(pub(crate) Vec<String>);

impl Form for Texts {
    fn name() -> String {
        "text or list of texts".into()
    }

    fn shape() -> KeyShape {
        let item = json!({ "type": ["string", "number"], "minLength": 1 });
        KeyShape::Schema(json!({ "anyOf": [
            { "type": "string", "minLength": 1 },
            { "type": "array", "items": item, "minItems": 1 },
        ] }))
    }

    fn read(value: &Value, spot: &Spot, cx: &mut Context<'_>) -> Option<Self> {
        let one = |item: &Value| match item {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        };
        let texts = match value {
            Value::String(text) if file_name(text).is_some() => {
                let text = resolved(value, text, spot, cx)?;
                let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
                Some(lines.map(str::to_owned).collect())
            }
            Value::String(text) => Some(vec![text.clone()]),
            Value::Array(list) => list.iter().map(one).collect::<Option<Vec<String>>>(),
            _ => None,
        };
        let Some(texts) = texts else { return not_a(value, spot, cx) };
        if texts.is_empty() || texts.iter().any(String::is_empty) {
            spot.wrong(value, "holds an empty text, or nothing", cx);
            return None;
        }
        Some(Self(texts))
    }
}

/// Any JSON.
pub(crate) struct Json(pub(crate) Value);

impl Form for Json {
    fn name() -> String {
        "text or JSON".into()
    }

    fn shape() -> KeyShape {
        KeyShape::Schema(json!({}))
    }

    fn read(value: &Value, _: &Spot, _: &mut Context<'_>) -> Option<Self> {
        Some(Self(value.clone()))
    }
}

/// A text that no message shows and no file stands for.
pub(crate) struct Secret(pub(crate) Hidden);

impl Form for Secret {
    fn name() -> String {
        "secret".into()
    }

    fn shape() -> KeyShape {
        KeyShape::Schema(json!({ "type": "string" }))
    }

    fn read(value: &Value, spot: &Spot, cx: &mut Context<'_>) -> Option<Self> {
        let Some(text) = value.as_str() else {
            spot.problem("is not a text", cx);
            return None;
        };
        if text.is_empty() || text.chars().any(char::is_control) {
            spot.problem("is empty, or has control characters", cx);
            return None;
        }
        Some(Self(Hidden::new(text.to_owned())))
    }
}

/// `true` or `false`, as such or as a text, which is what a variable gives.
pub(crate) struct Flag(pub(crate) bool);

impl Form for Flag {
    fn name() -> String {
        "switch".into()
    }

    fn shape() -> KeyShape {
        KeyShape::Schema(json!({ "type": "boolean" }))
    }

    fn read(value: &Value, spot: &Spot, cx: &mut Context<'_>) -> Option<Self> {
        match (value, value.as_str()) {
            (Value::Bool(flag), _) => Some(Self(*flag)),
            (_, Some("true")) => Some(Self(true)),
            (_, Some("false")) => Some(Self(false)),
            _ => {
                spot.wrong(value, "is neither true nor false", cx);
                None
            }
        }
    }
}

/// A number from 0 to `MOST`, as such or as a text, which is what a variable gives.
pub(crate) struct Number<const MOST: u64>(pub(crate) f64);

impl<const MOST: u64> Form for Number<MOST> {
    fn name() -> String {
        format!("number from 0 to {MOST}")
    }

    fn shape() -> KeyShape {
        KeyShape::Schema(json!({ "type": "number", "minimum": 0, "maximum": MOST }))
    }

    fn read(value: &Value, spot: &Spot, cx: &mut Context<'_>) -> Option<Self> {
        let plain = |text: &&str| text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        let written = || value.as_str().filter(plain)?.parse().ok();
        let number: Option<f64> = value.as_f64().or_else(written);
        match number.filter(|number| (0.0..=MOST as f64).contains(number)) {
            Some(number) => Some(Self(number)),
            None => not_a(value, spot, cx),
        }
    }
}

/// A whole number from `LEAST` to `MOST`, as such or as a text, which is what a variable gives.
pub(crate) struct Whole<const LEAST: u64, const MOST: u64>(pub(crate) u64);

impl<const LEAST: u64, const MOST: u64> Form for Whole<LEAST, MOST> {
    fn name() -> String {
        match MOST {
            u64::MAX => format!("whole number from {LEAST}"),
            _ => format!("whole number from {LEAST} to {MOST}"),
        }
    }

    fn shape() -> KeyShape {
        let mut schema = json!({ "type": "integer", "minimum": LEAST });
        if MOST != u64::MAX {
            schema["maximum"] = json!(MOST);
        }
        KeyShape::Schema(schema)
    }

    fn read(value: &Value, spot: &Spot, cx: &mut Context<'_>) -> Option<Self> {
        let plain = |text: &&str| text.bytes().all(|b| b.is_ascii_digit());
        let written = || value.as_str().filter(plain)?.parse().ok();
        let number: Option<u64> = value.as_u64().or_else(written);
        match number.filter(|number| (LEAST..=MOST).contains(number)) {
            Some(number) => Some(Self(number)),
            None => not_a(value, spot, cx),
        }
    }
}

/// A duration like `10s` or `500ms` of at most `MOST` milliseconds; in milliseconds.
pub(crate) struct Span<const MOST: u64>(pub(crate) u64);

impl<const MOST: u64> Form for Span<MOST> {
    fn name() -> String {
        format!("duration from 1ms to {}s", MOST / 1000)
    }

    fn shape() -> KeyShape {
        KeyShape::Schema(json!({ "type": "string", "pattern": "^[0-9]+(ms|s|m)$" }))
    }

    fn read(value: &Value, spot: &Spot, cx: &mut Context<'_>) -> Option<Self> {
        let millis = |text: &str| {
            let at = text.find(|c: char| !c.is_ascii_digit())?;
            let factor = match &text[at..] {
                "ms" => 1,
                "s" => 1000,
                "m" => 60_000,
                _ => return None,
            };
            text[..at].parse::<u64>().ok()?.checked_mul(factor)
        };
        match value.as_str().and_then(millis).filter(|span| (1..=MOST).contains(span)) {
            Some(span) => Some(Self(span)),
            None => not_a(value, spot, cx),
        }
    }
}
