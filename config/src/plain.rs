//! YAML as plain values, for files that have no schema here.

use crate::Problem;
use crate::read::{Content, Node, parse};
use serde_json::{Map, Number, Value};
use std::sync::Arc;

/// Reads a YAML (or JSON) text as a value. Words without quotes are read by YAML 1.2's core rules:
/// `true`, `false`, `null` and decimal numbers are not text.
///
/// # Errors
/// The first thing that is no YAML, or a key that is there twice, with its line.
pub fn plain_value(text: &str, file: &str) -> Result<Value, Problem> {
    let root = parse(text).map_err(|error| Problem {
        file: file.into(),
        line: error.mark.line,
        column: error.mark.column,
        key: String::new(),
        value: None,
        message: error.message,
        hint: error.hint.to_owned(),
    })?;
    value(&root, &file.into())
}

fn value(node: &Node, file: &Arc<str>) -> Result<Value, Problem> {
    Ok(match &node.content {
        _ if node.is_null() => Value::Null,
        Content::Scalar { text, plain: false } => Value::from(text.as_str()),
        Content::Scalar { text, plain: true } => match text.as_str() {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            text => text.parse::<Number>().map_or_else(|_| Value::from(text), Value::Number),
        },
        Content::List(items) => {
            Value::Array(items.iter().map(|item| value(item, file)).collect::<Result<_, _>>()?)
        }
        Content::Map(entries) => {
            let mut map = Map::new();
            for (key, inner) in entries {
                if map.insert(key.text.clone(), value(inner, file)?).is_some() {
                    return Err(Problem {
                        file: Arc::clone(file),
                        line: key.mark.line,
                        column: key.mark.column,
                        key: key.text.clone(),
                        value: None,
                        message: "is there twice".to_owned(),
                        hint: "keep one of them".to_owned(),
                    });
                }
            }
            Value::Object(map)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::plain_value;
    use serde_json::json;

    #[test]
    fn words_without_quotes_have_yaml_types() {
        let text = "a: 1\nb: '1'\nc: [true, no, ~, 1.5, x]\nd: {e: \"f: g\"}\n";
        let read = plain_value(text, "f").expect("YAML");
        let same = json!({"a": 1, "b": "1", "c": [true, "no", null, 1.5, "x"], "d": {"e": "f: g"}});
        assert_eq!(read, same);
        assert_eq!(plain_value(r#"{"a": [1, "2"]}"#, "f").expect("JSON"), json!({"a": [1, "2"]}));
        let twice = plain_value("a: 1\nb: 2\na: 3\n", "f").expect_err("twice");
        assert_eq!((twice.line, twice.key.as_str()), (3, "a"));
        assert_eq!(plain_value("a: [", "f").expect_err("open").file.as_ref(), "f");
    }
}
