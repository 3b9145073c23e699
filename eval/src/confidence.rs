//! The backend's confidence in its response, if it reports one.

use serde_json::Value;

/// Reads `Agent-Confidence: 0.87`: a number of RFC 9651 (a decimal has at most three digits after
/// its point), with or without parameters. `None` for what is none, or outside of 0 to 1: ignored,
/// and for the caller to count.
#[must_use]
pub fn confidence_in(header: &str) -> Option<f64> {
    let text = header.split(';').next()?.trim_matches(' ');
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str, most: usize| {
        (1..=most).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
    };
    if !digits(whole, 12) || !digits(fraction, 3) {
        return None;
    }
    within(text.parse().ok()?)
}

/// Reads the confidence at a JSON pointer of the answer's body; a number or a text with one.
#[must_use]
pub fn confidence_at(body: &Value, pointer: &str) -> Option<f64> {
    match body.pointer(pointer)? {
        Value::Number(number) => within(number.as_f64()?),
        Value::String(text) => within(text.trim().parse().ok()?),
        _ => None,
    }
}

fn within(value: f64) -> Option<f64> {
    (0.0..=1.0).contains(&value).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::{confidence_at, confidence_in};
    use serde_json::json;

    #[test]
    fn only_numbers_from_zero_to_one_are_believed() {
        for (header, read) in [
            ("0.87", Some(0.87)),
            ("1", Some(1.0)),
            (" 0.5 ;source=model", Some(0.5)),
            ("1.001", None),
            ("-0.1", None),
            ("0.1234", None),
            (".5", None),
            ("1e-1", None),
            ("high", None),
            ("", None),
            ("NaN", None),
        ] {
            assert_eq!(confidence_in(header), read, "{header}");
        }
        let body = json!({"meta": {"sure": 0.25, "text": "0.75", "over": 3, "no": null}});
        assert_eq!(confidence_at(&body, "/meta/sure"), Some(0.25));
        assert_eq!(confidence_at(&body, "/meta/text"), Some(0.75));
        for nothing in ["/meta/over", "/meta/no", "/else", "/meta"] {
            assert_eq!(confidence_at(&body, nothing), None, "{nothing}");
        }
    }
}
