//! Digests of JSON that do not depend on how it was written: what a labelled set is matched by.

use serde_json::Value;
use sha2::{Digest, Sha256};

/// The JSON with sorted keys and no white space. Numbers stay as they were read, so `1` and `1.0`
/// differ, as they do to many backends.
#[must_use]
pub fn canonical(value: &Value) -> String {
    let mut text = String::new();
    write(value, &mut text);
    text
}

fn write(value: &Value, into: &mut String) {
    match value {
        Value::Object(map) => {
            // serde_json keeps keys sorted only without `preserve_order`, which any crate of a
            // build may switch on.
            let mut keys: Vec<_> = map.iter().collect();
            keys.sort_unstable_by_key(|(key, _)| key.as_str());
            into.push('{');
            for (n, (key, value)) in keys.into_iter().enumerate() {
                if n > 0 {
                    into.push(',');
                }
                into.push_str(&Value::from(key.as_str()).to_string());
                into.push(':');
                write(value, into);
            }
            into.push('}');
        }
        Value::Array(items) => {
            into.push('[');
            for (n, item) in items.iter().enumerate() {
                if n > 0 {
                    into.push(',');
                }
                write(item, into);
            }
            into.push(']');
        }
        leaf => into.push_str(&leaf.to_string()),
    }
}

/// 64 hex digits of SHA-256 over bytes: the digest of a file.
#[must_use]
pub fn digest_of(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// Fields of a request that say how it is delivered and not what is asked: two requests that differ
/// in these only are the same case.
const DELIVERY: [&str; 9] = [
    "stream",
    "stream_options",
    "user",
    "metadata",
    "safety_identifier",
    "prompt_cache_key",
    "service_tier",
    "store",
    "background",
];

/// The key of a labelled set: 64 hex digits of SHA-256 over the canonical JSON of what was asked.
/// Of a request object, the fields about delivery are left out (`stream`, `user`, `metadata`, …).
#[must_use]
pub fn input_hash(input: &Value) -> String {
    let text = match input {
        Value::Object(map) => {
            let asked = map.iter().filter(|(key, _)| !DELIVERY.contains(&key.as_str()));
            canonical(&Value::Object(asked.map(|(k, v)| (k.clone(), v.clone())).collect()))
        }
        other => canonical(other),
    };
    hex::encode(Sha256::digest(text))
}

/// 64 hex digits of SHA-256 over a text.
pub(crate) fn digest(text: &str) -> String {
    hex::encode(Sha256::digest(text))
}

#[cfg(test)]
mod tests {
    use super::{canonical, input_hash};
    use serde_json::{Value, json};

    fn parse(text: &str) -> Value {
        serde_json::from_str(text).expect("JSON")
    }

    #[test]
    fn order_and_white_space_do_not_matter() {
        let (a, b) = (
            r#"{"b":[1,{"y":"ü","x":null}],"a":1.5}"#,
            "{ \"a\":1.5, \"b\": [1, {\"x\":null,\"y\":\"\\u00fc\"}] }",
        );
        assert_eq!(canonical(&parse(a)), r#"{"a":1.5,"b":[1,{"x":null,"y":"ü"}]}"#);
        assert_eq!(input_hash(&parse(a)), input_hash(&parse(b)));
    }

    #[test]
    fn the_same_question_is_the_same_case_however_it_is_delivered() {
        let asked = json!({"model": "m", "messages": [{"role": "user", "content": "2+2?"}]});
        let mut streamed = asked.clone();
        streamed["stream"] = json!(true);
        streamed["user"] = json!("u-1");
        assert_eq!(input_hash(&asked), input_hash(&streamed));
        streamed["messages"][0]["content"] = json!("2+3?");
        assert_ne!(input_hash(&asked), input_hash(&streamed));
        assert_ne!(input_hash(&json!("2+2?")), input_hash(&json!("2+3?")));
    }
}
