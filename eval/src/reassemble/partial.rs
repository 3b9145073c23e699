//! JSON that breaks off: what of it is certain. The rules of `jiter.from_json(partial_mode=True)`,
//! which the `anthropic` SDK uses: containers are closed where the text ends, a value that is not
//! whole is left out (a number at the end counts as whole), and so is a key without a value.

use serde_json::{Map, Number, Value};

/// Containers may be nested this deep, as in jiter.
const DEEPEST: usize = 200;

/// Why reading stopped.
enum Stop {
    /// The text ended.
    End,
    /// It is not JSON.
    Wrong,
}

/// The value as far as it goes; `None` for what is not the beginning of JSON.
pub(super) fn parse(text: &str) -> Option<Value> {
    if let Ok(value) = super::surrogates::parse(text) {
        return Some(value);
    }
    let mut reader = Reader { text, at: 0 };
    match reader.value(0) {
        Ok((value, true)) => {
            reader.space();
            (reader.at == text.len()).then_some(value)
        }
        Ok((value, false)) => Some(value),
        Err(_) => None,
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// A value, and whether it is whole.
    fn value(&mut self, depth: usize) -> Result<(Value, bool), Stop> {
        self.space();
        match self.peek().ok_or(Stop::End)? {
            b'{' | b'[' if depth >= DEEPEST => Err(Stop::Wrong),
            b'{' => self.object(depth + 1),
            b'[' => self.array(depth + 1),
            b'"' => self.string().map(|text| (Value::from(text), true)),
            _ => self.scalar().map(|value| (value, true)),
        }
    }

    fn array(&mut self, depth: usize) -> Result<(Value, bool), Stop> {
        self.at += 1;
        let mut items = Vec::new();
        self.space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok((Value::Array(items), true));
        }
        loop {
            match self.value(depth) {
                Ok((item, whole)) => {
                    items.push(item);
                    if !whole {
                        break;
                    }
                }
                Err(Stop::End) => break,
                Err(Stop::Wrong) => return Err(Stop::Wrong),
            }
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok((Value::Array(items), true));
                }
                Some(_) => return Err(Stop::Wrong),
                None => break,
            }
        }
        Ok((Value::Array(items), false))
    }

    fn object(&mut self, depth: usize) -> Result<(Value, bool), Stop> {
        self.at += 1;
        let mut map = Map::new();
        self.space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok((Value::Object(map), true));
        }
        loop {
            match self.member(&mut map, depth) {
                Ok(true) => {}
                Ok(false) | Err(Stop::End) => break,
                Err(Stop::Wrong) => return Err(Stop::Wrong),
            }
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok((Value::Object(map), true));
                }
                Some(_) => return Err(Stop::Wrong),
                None => break,
            }
        }
        Ok((Value::Object(map), false))
    }

    /// One key with its value, into the map; whether the value is whole.
    fn member(&mut self, map: &mut Map<String, Value>, depth: usize) -> Result<bool, Stop> {
        self.space();
        if self.peek().ok_or(Stop::End)? != b'"' {
            return Err(Stop::Wrong);
        }
        let key = self.string()?;
        self.space();
        if self.peek().ok_or(Stop::End)? != b':' {
            return Err(Stop::Wrong);
        }
        self.at += 1;
        let (value, whole) = self.value(depth)?;
        map.insert(key, value);
        Ok(whole)
    }

    fn string(&mut self) -> Result<String, Stop> {
        let start = self.at;
        self.at += 1;
        loop {
            match self.peek().ok_or(Stop::End)? {
                b'"' => break,
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
        self.at += 1;
        let written = self.text.get(start..self.at).ok_or(Stop::Wrong)?;
        let parsed = super::surrogates::parse(written).map_err(|_| Stop::Wrong)?;
        parsed.as_str().map(str::to_owned).ok_or(Stop::Wrong)
    }

    fn scalar(&mut self) -> Result<Value, Stop> {
        let rest = &self.text[self.at..];
        let end = rest.find([',', ']', '}', ' ', '\t', '\n', '\r', ':']).unwrap_or(rest.len());
        let (word, ended) = (&rest[..end], end < rest.len());
        let value = match word {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            "null" => Value::Null,
            _ => match word.parse::<Number>() {
                Ok(number) => Value::Number(number),
                Err(_) if ended => return Err(Stop::Wrong),
                Err(_) => return Err(unfinished(word)),
            },
        };
        self.at += end;
        Ok(value)
    }
}

/// Whether a word at the very end may still become one.
fn unfinished(word: &str) -> Stop {
    let literal = ["true", "false", "null"].iter().any(|whole| whole.starts_with(word));
    let number = word.trim_end_matches(['.', 'e', 'E', '+', '-']);
    if literal || number.is_empty() || number.parse::<Number>().is_ok() {
        Stop::End
    } else {
        Stop::Wrong
    }
}

#[cfg(test)]
mod tests {
    use super::parse;
    use serde_json::json;

    #[test]
    fn keeps_what_is_certain() {
        for (text, value) in [
            (r#"{"a": 1, "b": [true, "x"#, Some(json!({"a": 1, "b": [true]}))),
            (r#"{"a": 12"#, Some(json!({"a": 12}))),
            (r#"{"a": "done", "b"#, Some(json!({"a": "done"}))),
            (r#"{"a": "done", "b": "#, Some(json!({"a": "done"}))),
            (r#"{"a": {"b": "#, Some(json!({"a": {}}))),
            (r#"{"a": "\"}"#, Some(json!({}))),
            (r#"{"a": nul"#, Some(json!({}))),
            ("[1, 2,", Some(json!([1, 2]))),
            ("{", Some(json!({}))),
            (r#"{"a": 1}"#, Some(json!({"a": 1}))),
            (r#"{"a": 1}x"#, None),
            (r#"{"a" 1"#, None),
            (r#"{a: 1"#, None),
            ("[1 2", None),
            ("nonsense", None),
            ("", None),
        ] {
            assert_eq!(parse(text), value, "{text}");
        }
        assert_eq!(parse(&"[".repeat(100_000)), None);
    }
}
